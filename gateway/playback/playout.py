"""
The provider's play-out queue, as far as it can be known from here.

What was sent since the last clear forms one queue of spans, and positions count its bytes from the first one.
The provider plays a span when it has arrived and the one before it has ended, at 8 bytes a ms. While the queue
does not run dry, byte b is played at `shift + b / 8` with one and the same shift, so every mark echo measures
the shift again, and their mean is better than any one of them. When the queue ran dry the shift has grown and
older echoes no longer count; that can only have happened at a span that was sent late.

Dates are on the provider's clock, `sent_ms` is on ours; `Transit` leads from one to the other.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.audio.g711 import BYTES_PER_MS

ItemKey = tuple[str, int]
"""Identifier of an item and index of its content part."""

_OUTLIER_MS = 30.0
"""An echo that is this much later than the others was held up on its way."""
_ECHOES_KEPT = 16


@dataclass(slots=True)
class Span:
    """A piece of one item's audio in the queue; a span without audio only carries a mark."""

    key: ItemKey | None
    start_byte: int
    end_byte: int
    sent_ms: float
    due_ms: float
    """When it would have been played, and its mark be back, if the network took no time, on our clock."""
    mark: int | None = None
    """Ordinal of the mark that follows the audio; None when the mark comes after a later span."""
    began_ms: float = float("inf")
    """When it began to play, as far as that could be told before a mark behind it came back."""


@dataclass(slots=True)
class Transit:
    """From the moment of sending, on our clock, to the date of arrival, on the provider's."""

    usual_ms: float = 0.0
    _samples_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_ECHOES_KEPT))

    def guessed(self, transit_ms: float) -> None:
        """Until it was measured, it can be told from how long marks take to come back."""
        if not self._samples_ms:
            self.usual_ms = transit_ms

    def measured(self, transit_ms: float) -> None:
        """A mark met an empty queue, so it was echoed the moment it arrived."""
        self._samples_ms.append(transit_ms)
        self.usual_ms = sum(self._samples_ms) / len(self._samples_ms)


class Playout:
    """The queue of one epoch: from one clear to the next."""

    def __init__(self, epoch: int, transit: Transit) -> None:
        self.epoch = epoch
        self.sent_byte = 0
        self.acked_byte = 0
        self.transit = transit
        self._spans: deque[Span] = deque()
        self._unmarked_bytes = 0
        self._shifts_ms: deque[float] = deque(maxlen=_ECHOES_KEPT)
        self._opened_ms: float | None = None
        self._dry_ms = float("-inf")
        self._due_ms = float("-inf")

    # What is sent

    def send(self, key: ItemKey, size_bytes: int, *, now_ms: float) -> None:
        """Put *size_bytes* of an item's audio behind what is queued."""
        start_byte = self.sent_byte
        self.sent_byte += size_bytes
        self._unmarked_bytes += size_bytes
        lasts_ms = size_bytes / BYTES_PER_MS
        self._due_ms = max(self._due_ms, now_ms) + lasts_ms
        self._dry_ms = max(self._dry_ms, now_ms + self.transit.usual_ms) + lasts_ms
        self._spans.append(Span(key, start_byte, self.sent_byte, now_ms, self._due_ms))

    def mark(self, ordinal: int, *, now_ms: float) -> None:
        """Put a mark behind what is queued."""
        due_ms = max(self._due_ms, now_ms)
        if self._unmarked_bytes:
            self._spans[-1].mark, self._spans[-1].due_ms = ordinal, due_ms
        else:
            self._spans.append(Span(None, self.sent_byte, self.sent_byte, now_ms, due_ms, ordinal))
        self._unmarked_bytes = 0

    @property
    def sent_until_ms(self) -> float:
        """When all that was sent would have been played if the network took no time, on our clock."""
        return self._due_ms

    @property
    def unmarked_bytes(self) -> int:
        """Audio at the end of the queue that no mark follows yet."""
        return self._unmarked_bytes

    def runs_dry_by(self, now_ms: float) -> bool:
        """Whether what is sent at *now_ms* will probably find the queue empty."""
        return now_ms + self.transit.usual_ms >= self._dry_ms

    # What came back

    def holds(self, ordinal: int) -> bool:
        """Whether the mark is still expected."""
        return self.due_ms(ordinal) is not None

    def due_ms(self, ordinal: int) -> float | None:
        """When the echo of a mark would be here if the network took no time; None when it is not expected."""
        for span in self._spans:
            if span.mark == ordinal:
                return span.due_ms
        return None

    def end_byte(self, ordinal: int) -> int:
        """Position of a mark that is still expected."""
        return next(span.end_byte for span in self._spans if span.mark == ordinal)

    def is_last(self, ordinal: int) -> bool:
        """Whether no other mark is expected after this one."""
        return next((span.mark for span in reversed(self._spans) if span.mark), None) == ordinal

    def acknowledge(self, ordinal: int, *, date_ms: float, slack_ms: float) -> list[Span]:
        """
        Everything before the mark was played by *date_ms*; returns the spans that this settles.

        *slack_ms* is how far dates may be off.
        """
        for span, begins_ms in self.timeline():
            span.began_ms = begins_ms
            if span.mark == ordinal:
                break
        played = []
        late = False
        while self._spans:
            span = self._spans.popleft()
            late = late or self._may_have_found_the_queue_dry(span, slack_ms)
            played.append(span)
            if span.mark == ordinal:
                break
        last = played[-1]
        self.acked_byte = last.end_byte
        if last.key is None and len(played) == 1:
            self._opening_echoed(last, date_ms, slack_ms)
        else:
            self._measure(date_ms - last.end_byte / BYTES_PER_MS, late=late, slack_ms=slack_ms)
        return played

    def _opening_echoed(self, span: Span, date_ms: float, slack_ms: float) -> None:
        """A mark without audio of its own came back: either the queue was empty, or it just ended."""
        shift_ms = date_ms - span.end_byte / BYTES_PER_MS
        if self._shifts_ms and shift_ms <= self._shift_ms + slack_ms:
            return
        self.transit.measured(date_ms - span.sent_ms)
        self._shifts_ms.clear()
        self._opened_ms = date_ms

    def _measure(self, shift_ms: float, *, late: bool, slack_ms: float) -> None:
        """Take one more measure of the shift, unless the echo was held up; start anew when the queue ran dry."""
        if self._shifts_ms:
            off_ms = shift_ms - self._shift_ms
            if (late and off_ms > slack_ms) or off_ms < -_OUTLIER_MS:
                self._shifts_ms.clear()
            elif off_ms > _OUTLIER_MS:
                return
        self._shifts_ms.append(shift_ms)

    def _may_have_found_the_queue_dry(self, span: Span, slack_ms: float) -> bool:
        if not self._shifts_ms or span.key is None:
            return not self._shifts_ms
        arrives_ms = span.sent_ms + self.transit.usual_ms
        return arrives_ms + 3 * slack_ms > self._shift_ms + span.start_byte / BYTES_PER_MS

    # What follows from it

    @property
    def _shift_ms(self) -> float:
        return sum(self._shifts_ms) / len(self._shifts_ms)

    @property
    def _reached_ms(self) -> float:
        """Date at which the acknowledged position was reached."""
        if self._shifts_ms:
            return self._shift_ms + self.acked_byte / BYTES_PER_MS
        return float("-inf") if self._opened_ms is None else self._opened_ms

    @property
    def empty(self) -> bool:
        """Whether all that was sent is known to have been played."""
        return self.acked_byte == self.sent_byte

    def spans(self) -> Iterator[Span]:
        """What is not known to have been played, in order."""
        return iter(self._spans)

    def timeline(self) -> Iterator[tuple[Span, float]]:
        """Each span still expected, with the date at which it begins to play."""
        ended_ms = self._reached_ms
        for span in self._spans:
            begins_ms = max(ended_ms, span.sent_ms + self.transit.usual_ms)
            yield span, begins_ms
            ended_ms = begins_ms + (span.end_byte - span.start_byte) / BYTES_PER_MS

    def ends_ms(self, ordinal: int) -> float:
        """Date at which the audio before a mark that is still expected has been played."""
        for span, begins_ms in self.timeline():
            if span.mark == ordinal:
                return begins_ms + (span.end_byte - span.start_byte) / BYTES_PER_MS
        raise LookupError(f"mark {ordinal} is not expected in epoch {self.epoch}")

    def silent_bytes(self, date_ms: float) -> int:
        """How much time has passed at *date_ms* since the queue ran dry, in bytes; 0 if nothing was played yet."""
        ended_ms = self._reached_ms
        for span, begins_ms in self.timeline():
            ended_ms = begins_ms + (span.end_byte - span.start_byte) / BYTES_PER_MS
        return max(0, int((date_ms - ended_ms) * BYTES_PER_MS)) if ended_ms > float("-inf") else 0

    def position_byte(self, date_ms: float) -> int:
        """How far the provider had played by *date_ms*."""
        position_byte = self.acked_byte
        for span, begins_ms in self.timeline():
            if date_ms <= begins_ms:
                break
            played_bytes = int((date_ms - begins_ms) * BYTES_PER_MS)
            position_byte = min(span.start_byte + played_bytes, span.end_byte)
        return position_byte
