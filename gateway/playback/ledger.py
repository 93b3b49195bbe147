"""
The playback ledger: which millisecond of which item the caller has heard.

Theory of operation. A model generates speech several times faster than it is spoken, so most of it waits in the
provider's queue when the caller cuts in. The ledger follows that queue by marks: one behind every 100 to 150 ms
of audio, one in front of audio that finds the queue empty, and one behind the tail when the queue is cleared.
Mark names are `e<epoch>.<ordinal>`, never used twice; a clear begins a new epoch, so that the echo of a mark
that was thrown away can never count as heard.

An echo is dated on the provider's clock (`clock`), and the queue's timeline is fitted to these dates (`playout`).
On a barge-in the epoch is closed and waits for the first echo of a flushed mark. That echo left at the moment the
clear took effect, and both this moment and the echoes before it are read off the same clock: the network drops out.
When no such echo comes in time, the clear is taken to have had effect when it should have arrived.

An old-epoch echo after a clear is either a mark that was played while the clear was on its way, or one flushed by
it. It was played when it comes no earlier than its audio ends by the timeline; otherwise it was flushed.

What always holds: heard <= sent <= received for every item; a flushed mark never advances what was heard; each
item is cut at most once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from gateway.audio.g711 import BYTES_PER_MS, duration_ms
from gateway.playback.clock import ProviderClock, Sighting
from gateway.playback.playout import ItemKey, Playout, Span, Transit

SAMPLE_MS = 0.125
FRAME_MS = 20.0
MARK_EVERY_BYTES = 800
"""Audio that goes out before the next mark: 100 ms."""
BRACKET_WAIT_MS = 60.0
"""How long an echo waits for the caller's next frame to date it."""
FLUSH_WAIT_MS = 500.0
"""How long a closed epoch waits for the first echo of a flushed mark."""

Settled = Literal["flushed_echo", "played", "clock"]


@dataclass(slots=True)
class ItemAudio:
    """The account of one content part of one item."""

    item_id: str
    content_index: int
    received_bytes: int = 0
    """Received from the model, dropped or not."""
    sent_bytes: int = 0
    heard_bytes: int = 0
    complete: bool = False
    """Whether the model has said that no more audio comes."""
    cut: bool = False
    epoch: int = 0
    """The epoch in which its audio was sent last."""

    @property
    def heard_ms(self) -> int:
        """Heard by the caller, in whole ms, rounded down."""
        return duration_ms(self.heard_bytes)


@dataclass(frozen=True, slots=True)
class Cut:
    """A point in an item up to which the caller has listened, and after which the model must forget."""

    item_id: str
    content_index: int
    audio_end_ms: int
    """Offset from the start of the item; never past what was received."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """What became of one interruption."""

    settled_by: Settled
    cuts: tuple[Cut, ...]
    left_alone: int
    """Items of the interrupted queue that the caller has heard whole."""
    waited_ms: float
    """From the clear to this result."""
    correction_ms: float
    """Heard by the echoes, less what the send clock alone would have said."""


@dataclass(frozen=True, slots=True)
class _Dated:
    """The echo of a mark, and when it left the provider."""

    ordinal: int
    date_ms: float


@dataclass(slots=True)
class _Closing:
    """An epoch that was cleared and is not settled yet."""

    playout: Playout
    cleared_ms: float
    keys: dict[ItemKey, None]
    """What may have to be cut: items with unheard audio, or of which more was to come."""
    flushed: _Dated | None = None
    """The first echo of a mark that the clear flushed."""
    doubtful: _Dated | None = None
    """An echo that may have been flushed or played; the next one will tell."""


@dataclass(frozen=True, slots=True)
class _Echo:
    epoch: int
    ordinal: int
    sighting: Sighting


@dataclass(slots=True)
class Counts:
    """What the ledger saw, for metrics."""

    acknowledged: int = 0
    flushed: int = 0
    unknown: int = 0
    late_bytes_dropped: int = 0


def mark_name(epoch: int, ordinal: int) -> str:
    """
    Name of a mark, unique for the life of a stream.

    >>> mark_name(7, 123)
    'e7.123'
    """
    return f"e{epoch}.{ordinal}"


def parse_mark_name(name: str) -> tuple[int, int] | None:
    """
    Epoch and ordinal of one of our marks, None for anything else.

    >>> parse_mark_name("e7.123"), parse_mark_name("hello")
    ((7, 123), None)
    """
    epoch, dot, ordinal = name[1:].partition(".")
    if not (name[:1] == "e" and dot and epoch.isdecimal() and ordinal.isdecimal() and len(name) <= 40):
        return None
    return int(epoch), int(ordinal)


@dataclass(slots=True)
class PlaybackLedger:
    """
    Follows the provider's queue; answers what the caller heard when a clear took effect.

    Everything sent must be told in the order of sending, everything received in the order of arrival, each with
    the time on our clock in ms.
    """

    clock: ProviderClock = field(default_factory=ProviderClock)
    counts: Counts = field(default_factory=Counts)
    items: dict[ItemKey, ItemAudio] = field(default_factory=dict)
    _transit: Transit = field(default_factory=Transit)
    _ordinal: int = 0
    _playout: Playout = field(init=False)
    _closing: deque[_Closing] = field(default_factory=deque)
    _echoes: deque[_Echo] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._playout = Playout(0, self._transit)

    # Outbound: from the model to the provider

    def opening_mark(self, *, now_ms: float) -> str | None:
        """A mark to send in front of audio that will find the queue empty, so that its start can be dated."""
        return self._mark(now_ms) if self._playout.runs_dry_by(now_ms) else None

    def sent(self, item_id: str, content_index: int, size_bytes: int, *, now_ms: float) -> str | None:
        """Audio was handed to the provider; answers with the mark to send behind it, when one is due."""
        item = self._received(item_id, content_index, size_bytes)
        item.sent_bytes += size_bytes
        item.epoch = self._playout.epoch
        self._playout.send((item_id, content_index), size_bytes, now_ms=now_ms)
        return self._mark(now_ms) if self._playout.unmarked_bytes >= MARK_EVERY_BYTES else None

    def finished(self, item_id: str, content_index: int, *, now_ms: float) -> str | None:
        """The model has sent all of an item's audio; answers with a mark when its tail carries none."""
        if item := self.items.get((item_id, content_index)):
            item.complete = True
        return self.closing_mark(now_ms=now_ms)

    def closing_mark(self, *, now_ms: float) -> str | None:
        """A mark for the tail of the queue, when it carries none."""
        return self._mark(now_ms) if self._playout.unmarked_bytes else None

    def dropped(self, item_id: str, content_index: int, size_bytes: int) -> Cut | None:
        """
        Audio came too late to be sent; answers with a cut when no barge-in that is under way will make it.

        Such audio belongs to a response that the caller cut off, so the model must forget it all the same.
        """
        self.counts.late_bytes_dropped += size_bytes
        item = self._received(item_id, content_index, size_bytes)
        if item.cut:
            return None
        if self._closing:
            self._closing[-1].keys[item_id, content_index] = None
            return None
        return self._cut(item)

    def _received(self, item_id: str, content_index: int, size_bytes: int) -> ItemAudio:
        key = (item_id, content_index)
        item = self.items.get(key)
        if item is None:
            item = self.items[key] = ItemAudio(item_id, content_index)
        item.received_bytes += size_bytes
        return item

    def _mark(self, now_ms: float) -> str:
        self._ordinal += 1
        self._playout.mark(self._ordinal, now_ms=now_ms)
        return mark_name(self._playout.epoch, self._ordinal)

    # Inbound: from the provider

    def frame_received(self, stamp_ms: float, *, now_ms: float) -> None:
        """A frame of the caller's audio came in."""
        if not self.clock.running:
            self._transit = self._playout.transit = Transit(stamp_ms - now_ms)
        self.clock.frame_received(stamp_ms, now_ms=now_ms)
        if self._echoes:
            self._date_echoes(now_ms)

    def echoed(self, name: str, *, now_ms: float) -> float | None:
        """
        The echo of a mark came in; it counts once the next frame has dated it, or after a short wait.

        Answers with its round trip in ms, unless it may have been flushed.
        """
        mark = parse_mark_name(name)
        if mark is None:
            self.counts.unknown += 1
            return None
        epoch, ordinal = mark
        due_ms = self._playout.due_ms(ordinal) if epoch == self._playout.epoch else None
        self._echoes.append(_Echo(epoch, ordinal, self.clock.sight(now_ms)))
        self._date_echoes(now_ms)
        return None if due_ms is None else now_ms - due_ms

    def _date_echoes(self, now_ms: float) -> None:
        while self._echoes:
            echo = self._echoes[0]
            if not (self.clock.bracketed(echo.sighting) or now_ms >= self._patience_ms(echo.sighting)):
                return
            self._echoes.popleft()
            self._acknowledge(echo.epoch, echo.ordinal, self.clock.date_ms(echo.sighting))

    @staticmethod
    def _patience_ms(sighting: Sighting) -> float:
        """Until when it is worth waiting for the frame after an echo: not at all once frames have stopped."""
        if sighting.after_stamp_ms is None:
            return sighting.arrived_ms + BRACKET_WAIT_MS
        return sighting.after_arrived_ms + BRACKET_WAIT_MS

    def _acknowledge(self, epoch: int, ordinal: int, date_ms: float) -> None:
        if epoch == self._playout.epoch:
            self._played(self._playout, ordinal, date_ms)
            return
        for closing in self._closing:
            if closing.playout.epoch == epoch:
                self._old_echo(closing, ordinal, date_ms)
                return
        self.counts.flushed += 1

    def _played(self, playout: Playout, ordinal: int, date_ms: float) -> None:
        if not playout.holds(ordinal):
            self.counts.unknown += 1
            return
        self.counts.acknowledged += 1
        for span in playout.acknowledge(ordinal, date_ms=date_ms, slack_ms=self._slack_ms):
            self._heard(span, span.end_byte)

    def _old_echo(self, closing: _Closing, ordinal: int, date_ms: float) -> None:
        if closing.flushed is not None or not closing.playout.holds(ordinal):
            self.counts.flushed += 1
            return
        if closing.doubtful is not None:
            self._resolve(closing, closing.doubtful, ordinal, date_ms)
        if closing.flushed is None:
            self._judge(closing, _Dated(ordinal, date_ms))

    def _judge(self, closing: _Closing, echo: _Dated) -> None:
        """
        Tell a mark that was played while the clear was on its way from one that the clear flushed.

        A flushed echo comes before its audio can have ended, and not before the clear can have arrived. Where
        these two leave a doubt the next echo decides.
        """
        early_ms = closing.playout.ends_ms(echo.ordinal) - echo.date_ms
        arrives_ms = closing.cleared_ms + self._transit.usual_ms
        clear_may_be_there = echo.date_ms >= arrives_ms - 4 * self.clock.jitter_ms - 2 * self._slack_ms
        if early_ms <= self._slack_ms:
            self._played(closing.playout, echo.ordinal, echo.date_ms)
        elif (clear_may_be_there and early_ms > 4 * self._slack_ms) or closing.playout.is_last(echo.ordinal):
            self.counts.flushed += 1
            closing.flushed = echo
        else:
            closing.doubtful = echo

    def _resolve(self, closing: _Closing, doubtful: _Dated, ordinal: int, date_ms: float) -> None:
        """Flushed marks come back together; marks that were played come back as far apart as their audio is long."""
        playout = closing.playout
        apart_ms = playout.ends_ms(ordinal) - playout.ends_ms(doubtful.ordinal)
        closing.doubtful = None
        if date_ms - doubtful.date_ms < apart_ms / 2:
            self.counts.flushed += 2
            closing.flushed = doubtful
        else:
            self._played(playout, doubtful.ordinal, doubtful.date_ms)

    @property
    def _slack_ms(self) -> float:
        """How far a date may be off: half a frame on an uneven network, next to nothing on an even one."""
        return SAMPLE_MS + min(2 * self.clock.jitter_ms, FRAME_MS / 2)

    def _heard(self, span: Span, position_byte: int) -> None:
        if span.key is not None:
            self.items[span.key].heard_bytes += max(0, min(position_byte, span.end_byte) - span.start_byte)

    # Barge-in

    @property
    def unheard(self) -> bool:
        """Whether audio was sent that the caller is not known to have heard."""
        return not self._playout.empty

    @property
    def interruptible(self) -> bool:
        """Whether the caller has not heard all yet: audio is in the queue, or an item is still being spoken."""
        return self.unheard or any(True for _ in self._unfinished())

    def _unfinished(self) -> Iterator[ItemKey]:
        epoch = self._playout.epoch
        return (key for key, item in self.items.items() if item.epoch == epoch and not item.complete and not item.cut)

    def cleared(self, *, now_ms: float) -> None:
        """A clear was sent: the epoch ends, and a barge-in is under way until `settle` tells what came of it."""
        unheard = (span.key for span in self._playout.spans() if span.key)
        keys = dict.fromkeys((*unheard, *self._unfinished()))
        self._closing.append(_Closing(self._playout, now_ms, keys))
        self._playout = Playout(self._playout.epoch + 1, self._transit)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called at the latest."""
        deadlines = [closing.cleared_ms + FLUSH_WAIT_MS for closing in self._closing]
        if self._echoes:
            deadlines.append(self._patience_ms(self._echoes[0].sighting))
        return min(deadlines, default=None)

    def tick(self, now_ms: float) -> None:
        """Date what has waited long enough."""
        self._date_echoes(now_ms)

    def settle(self, now_ms: float) -> list[BargeIn]:
        """The barge-ins whose outcome is known by now, oldest first; each is told once."""
        settled = []
        while self._closing and (by := self._settled_by(self._closing[0], now_ms)):
            settled.append(self._settle(self._closing.popleft(), by, now_ms))
        return settled

    def _settled_by(self, closing: _Closing, now_ms: float) -> Settled | None:
        if closing.flushed is not None:
            return "flushed_echo"
        if closing.playout.empty:
            return "played"
        return "clock" if now_ms >= closing.cleared_ms + FLUSH_WAIT_MS else None

    def _settle(self, closing: _Closing, by: Settled, now_ms: float) -> BargeIn:
        playout = closing.playout
        clock_byte = playout.position_byte(closing.cleared_ms + self._transit.usual_ms)
        heard_byte = clock_byte
        if flushed := closing.flushed or closing.doubtful:
            limit_byte = playout.end_byte(flushed.ordinal)
            heard_byte = min(playout.position_byte(flushed.date_ms), limit_byte)
        for span in playout.spans():
            self._heard(span, heard_byte)
        items = [self.items[key] for key in closing.keys]
        cuts = tuple(self._cut(item) for item in items if not (item.cut or self._whole(item)))
        return BargeIn(
            settled_by=by,
            cuts=cuts,
            left_alone=len(items) - len(cuts),
            waited_ms=now_ms - closing.cleared_ms,
            correction_ms=(heard_byte - clock_byte) / BYTES_PER_MS,
        )

    @staticmethod
    def _whole(item: ItemAudio) -> bool:
        return item.complete and item.heard_bytes >= item.received_bytes

    @staticmethod
    def _cut(item: ItemAudio) -> Cut:
        item.cut = True
        return Cut(item.item_id, item.content_index, item.heard_ms)
