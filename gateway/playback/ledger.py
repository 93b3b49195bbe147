"""
The playback ledger: which millisecond of which item the caller has heard.

Theory of operation. A model generates speech several times faster than it is spoken, so most of it waits in the
provider's queue when the caller cuts in. The ledger follows that queue by marks: one behind every 100 to 150 ms of
audio, one in front of audio that finds the queue empty, and one behind the tail when the queue is cleared. Each clear
begins a new epoch, and the names of marks carry theirs, so that the echo of a mark that was thrown away never counts as
heard.

An echo is dated on the provider's clock (`clock`), and the queue's timeline is fitted to these dates (`playout`). On a
barge-in the epoch is closed (`closing`) and waits for the first echo of a flushed mark. That echo left the moment the
clear took effect, and both this moment and the echoes before it are read off the same clock: the network drops out.
When no such echo comes in time, the clear is taken to have had effect when it should have arrived.

What comes in is kept, and read when it is asked for: a frame comes fifty times a second, and is worth knowing of only
when an echo asks for the time.

What always holds: heard <= sent <= received for every item; a flushed mark never advances what was heard; each item is
cut at most once, and not at all when it was heard whole.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from gateway.audio.g711 import BYTES_PER_MS
from gateway.playback.clock import ProviderClock
from gateway.playback.closing import ClosedEpoch, Echo, Precision
from gateway.playback.dating import Dating
from gateway.playback.items import Accounts, BargeIn, Cut, ItemAudio, Settled
from gateway.playback.marks import mark_name, parse_mark_name
from gateway.playback.playout import ItemKey, Playout, Span, Transit
from gateway.playback.round_trip import RoundTrip

SAMPLE_MS = 0.125
FRAME_MS = 20.0
MARK_EVERY_BYTES = 800
"""Audio that goes out before the next mark: 100 ms."""
UNREAD_AT_MOST = 50
"""Frames and echoes that may gather before they are read: about a second of them."""


@dataclass(slots=True)
class PlaybackLedger:
    """
    Follows the provider's queue; answers what the caller heard when a clear took effect.

    Everything sent must be told in the order of sending, everything received in the order of arrival, each with
    the time on our clock in ms.
    """

    clock: ProviderClock = field(default_factory=ProviderClock)
    _accounts: Accounts = field(default_factory=Accounts)
    _transit: Transit = field(default_factory=Transit)
    _ordinal: int = 0
    _apart_ms: float = 0.0
    """From our clock to the provider's as the caller's first frame told it, and so short of the way that it came."""
    _round_trip: RoundTrip = field(default_factory=RoundTrip)
    _playout: Playout = field(init=False)
    _closed: deque[ClosedEpoch] = field(default_factory=deque)
    _dating: Dating = field(init=False)
    _unread: list[tuple[float | str, float]] = field(default_factory=list)
    """What came in and when: stamps of frames, names of echoed marks."""
    _flushed_marks: int = 0

    def __post_init__(self) -> None:
        self._playout = Playout(0, self._transit)
        self._dating = Dating(self.clock)

    @property
    def items(self) -> dict[ItemKey, ItemAudio]:
        """The account of every item, in the order in which their audio came."""
        self._read()
        return self._accounts.items

    # Outbound: from the model to the provider

    def opening_mark(self, *, now_ms: float) -> str | None:
        """A mark to send in front of audio that will find the queue empty, so that its start can be dated."""
        self._read()
        return self._mark(now_ms) if self._playout.runs_dry_by(now_ms) else None

    def received(self, item_id: str, content_index: int, size_bytes: int) -> None:
        """Audio came in from the model."""
        self._accounts.received((item_id, content_index), size_bytes)

    def sent(self, item_id: str, content_index: int, size_bytes: int, *, now_ms: float) -> str | None:
        """Audio that was received is handed to the provider; answers with the mark to send behind it, if one is due."""
        key = (item_id, content_index)
        item = self._accounts.items[key]
        item.sent_bytes += size_bytes
        item.epoch = self._playout.epoch
        self._playout.send(key, size_bytes, now_ms=now_ms)
        return self._mark(now_ms) if self._playout.unmarked_bytes >= MARK_EVERY_BYTES else None

    def finished(self, item_id: str, content_index: int, *, now_ms: float) -> str | None:
        """The model has sent all of an item's audio; answers with a mark when its tail carries none."""
        if item := self._accounts.items.get((item_id, content_index)):
            item.complete = True
        return self.closing_mark(now_ms=now_ms)

    def closing_mark(self, *, now_ms: float) -> str | None:
        """A mark for the tail of the queue, when it carries none."""
        return self._mark(now_ms) if self._playout.unmarked_bytes else None

    def dropped(self, item_id: str, content_index: int, *, stopped_epoch: int | None = None) -> Cut | None:
        """
        What was received came too late to be sent; answers with a cut when no barge-in that is under way will make it.

        Such audio belongs to a response that the caller cut off, so the model must forget it all the same, even if what
        was stopped with *stopped_epoch* goes on.
        """
        key = (item_id, content_index)
        self._read()
        under_way = [closed for closed in self._closed if closed.playout.epoch != stopped_epoch]
        if not under_way:
            return self._accounts.cut(key)
        under_way[-1].keys[key] = None
        return None

    def _mark(self, now_ms: float) -> str:
        self._ordinal += 1
        self._playout.mark(self._ordinal, now_ms=now_ms)
        return mark_name(self._playout.epoch, self._ordinal)

    # Inbound: from the provider

    def frame_received(self, stamp_ms: float, now_ms: float) -> bool:
        """A frame of the caller's audio came in; answers whether more may gather before `settle` has to read it."""
        unread = self._unread
        unread.append((stamp_ms, now_ms))
        return len(unread) < UNREAD_AT_MOST

    def echoed(self, name: str, now_ms: float) -> None:
        """The echo of a mark came in; it counts once the next frame has dated it, or after a short wait."""
        self._unread.append((name, now_ms))

    def _read(self) -> None:
        """Catch up with what came in."""
        unread, self._unread = self._unread, []
        for came, now_ms in unread:
            if isinstance(came, str):
                self._read_echo(came, now_ms)
            else:
                self._read_frame(came, now_ms)

    def _read_frame(self, stamp_ms: float, now_ms: float) -> None:
        if not self.clock.running:
            self._apart_ms = stamp_ms - now_ms
            self._transit = self._playout.transit = Transit(self._apart_ms + self._round_trip.usual_ms)
        self.clock.frame_received(stamp_ms, now_ms=now_ms)
        if self._dating.waiting:
            self._date_echoes(now_ms)

    def _read_echo(self, name: str, now_ms: float) -> None:
        mark = parse_mark_name(name)
        if mark is None:
            return
        epoch, ordinal = mark
        due_ms = self._playout.due_ms(ordinal) if epoch == self._playout.epoch else None
        if due_ms is not None:
            self._round_trip.took(now_ms - due_ms)
            self._transit.guessed(self._apart_ms + self._round_trip.usual_ms)
        self._dating.arrived(epoch, ordinal, now_ms)
        self._date_echoes(now_ms)

    def flushed_marks(self) -> int:
        """
        How many marks came back because their audio was thrown away; each is told once.

        One that turns out to have been played after all, when it was told already, makes up for the next.
        """
        told = max(0, self._flushed_marks)
        self._flushed_marks -= told
        return told

    def round_trips_ms(self) -> list[float]:
        """How long marks took to come back, the time that audio plays not counted; each is told once."""
        return self._round_trip.told_ms()

    def _date_echoes(self, now_ms: float) -> None:
        for dated in self._dating.dated(now_ms):
            played = self._acknowledged(dated.epoch, dated.echo)
            self._accounts.played(played, dated.echo.date_ms, dated.arrived_ms)

    def _acknowledged(self, epoch: int, echo: Echo) -> list[Span]:
        """What is known by the echo of a mark to have been played."""
        if epoch == self._playout.epoch:
            return self._acknowledged_now(echo)
        self._flushed_marks += 1
        closed = next((closed for closed in self._closed if closed.playout.epoch == epoch), None)
        if closed is None:
            return []
        played = closed.echoed(echo, self._precision)
        self._flushed_marks -= sum(span.mark is not None for span in played)
        return [span for span in played if span.key in closed.keys]

    def _acknowledged_now(self, echo: Echo) -> list[Span]:
        if not self._playout.holds(echo.ordinal):
            return []
        slack_ms = self._precision.slack_ms
        return self._playout.acknowledge(echo.ordinal, date_ms=echo.date_ms, slack_ms=slack_ms)

    @property
    def _precision(self) -> Precision:
        """
        Dates are off by half a frame at most on an uneven network, by next to nothing on an even one.

        Without the provider's stamps they are off by as much as marks are uneven in coming back.
        """
        if not self.clock.running:
            uneven_ms = self._round_trip.uneven_ms
            return Precision(SAMPLE_MS + min(uneven_ms, FRAME_MS / 2), uneven_ms)
        jitter_ms = self.clock.jitter_ms
        return Precision(SAMPLE_MS + min(2 * jitter_ms, FRAME_MS / 2), jitter_ms)

    # Barge-in

    @property
    def epoch(self) -> int:
        """Number of the queue: how often it was cleared."""
        return self._playout.epoch

    @property
    def audible(self) -> ItemKey | None:
        """The first item that the caller is not known to have heard whole: spoken now, queued, or to be continued."""
        self._read()
        queued = next((span.key for span in self._playout.spans() if span.key), None)
        return queued or next(iter(self._accounts.unfinished(self._playout.epoch)), None)

    def position_byte(self, now_ms: float) -> int:
        """How far the queue was played when the provider took the caller's latest frame."""
        self._read()
        return self._playout.position_byte(self.clock.latest_ms if self.clock.running else now_ms)

    def silent_bytes(self, now_ms: float) -> int:
        """How much more could have been played by then, had there been more."""
        self._read()
        return self._playout.silent_bytes(self.clock.latest_ms if self.clock.running else now_ms)

    @property
    def sent_until_ms(self) -> float:
        """When all that was sent since the last clear would have been played if the network took no time."""
        return self._playout.sent_until_ms

    def dry_ms(self, now_ms: float) -> float:
        """For how long the caller has been waiting for the rest of an item that was begun."""
        dry_ms = now_ms - self._playout.sent_until_ms
        if dry_ms <= 0 or not self._playout.sent_byte:
            return 0.0
        unfinished = any(self._accounts.items[key].sent_bytes for key in self._accounts.unfinished(self.epoch))
        return dry_ms if unfinished else 0.0

    def taken_up(self, barge_in: BargeIn) -> None:
        """What *barge_in* cut is spoken on, from where the caller stopped listening."""
        for cut in barge_in.cuts:
            key = (cut.item_id, cut.content_index)
            self._accounts.taken_up(key, self._accounts.items[key].heard_bytes, self.epoch)

    def begun_again(self, item_id: str, content_index: int) -> None:
        """An item is spoken again, from its beginning; what becomes of the audio that was cut counts no more."""
        for closed in self._closed:
            closed.keys.pop((item_id, content_index), None)
        self._accounts.taken_up((item_id, content_index), 0, self.epoch)

    @property
    def acked_ms(self) -> float:
        """When the latest echo came, on our clock, of a mark behind something that was heard; before it, never."""
        return max((item.acked_ms for item in self.items.values() if item.acked_ms is not None), default=-inf)

    @property
    def unheard(self) -> bool:
        """Whether audio was sent that the caller is not known to have heard."""
        self._read()
        return not self._playout.empty

    @property
    def interruptible(self) -> bool:
        """Whether the caller has not heard all yet: audio is in the queue, or an item is still being spoken."""
        return self.unheard or bool(self._accounts.unfinished(self._playout.epoch))

    def cleared(self, *, now_ms: float) -> None:
        """A clear was sent: the epoch ends, and a barge-in is under way until `settle` tells what came of it."""
        self._read()
        self._closed.append(ClosedEpoch(self._playout, now_ms, self._unheard_keys(), self._round_trip.usual_ms))
        self._begin_anew()

    def _begin_anew(self) -> None:
        """The queue is empty, and whatever is sent now belongs to another epoch."""
        self._playout = Playout(self._playout.epoch + 1, self._transit)

    def _unheard_keys(self) -> dict[ItemKey, None]:
        """Items with unheard audio in the queue, or of which more was to come."""
        unheard = (span.key for span in self._playout.spans() if span.key)
        return dict.fromkeys((*unheard, *self._accounts.unfinished(self._playout.epoch)))

    def next_deadline_ms(self, *, echoes_awaited: bool = False) -> float | None:
        """
        When `settle` must be called at the latest.

        Echoes that nobody waits for are left to the caller's next frame, or to the next echo, to be dated.
        """
        if not (self._closed or (echoes_awaited and self._dating.waiting)):
            return None
        return min((*(closed.deadline_ms for closed in self._closed), *self._dating.deadlines_ms()))

    def exchanged(self, now_ms: float) -> tuple[list[BargeIn], tuple[Cut, ...]]:
        """
        The provider has stopped this stream, and may open another, which has an empty queue and a clock of its own.

        Answers with the barge-ins that were under way, and with what else was not heard. The stop came in right behind
        the last frame, and so did the queue end, half a frame later as far as anybody can tell.
        """
        self.ended()
        barge_ins = [self._settle(closed, closed.settled_by(inf) or "clock", now_ms) for closed in self._closed]
        self._closed.clear()
        stopped_ms = self.clock.latest_ms + FRAME_MS / 2 if self.clock.running else now_ms
        cuts = self._cut(self._playout, self._unheard_keys(), self._playout.position_byte(stopped_ms))
        self.clock, self._transit, self._apart_ms = ProviderClock(), Transit(), 0.0
        self._dating = Dating(self.clock)
        self._begin_anew()
        return barge_ins, cuts

    def ended(self) -> None:
        """Nothing more comes in: echoes that wait for the caller's next frame are dated without it."""
        self._read()
        self._date_echoes(inf)

    @property
    def settling(self) -> bool:
        """Whether a barge-in is under way of which it is not known yet what the caller has heard."""
        return bool(self._closed)

    def settle(self, now_ms: float) -> list[BargeIn]:
        """The barge-ins whose outcome is known by now, oldest first; each is told once."""
        self._read()
        self._date_echoes(now_ms)
        settled = []
        while self._closed and (by := self._closed[0].settled_by(now_ms)):
            settled.append(self._settle(self._closed.popleft(), by, now_ms))
        return settled

    def _settle(self, closed: ClosedEpoch, by: Settled, now_ms: float) -> BargeIn:
        heard_byte, clock_byte = closed.heard_byte(), closed.clock_byte()
        cuts = self._cut(closed.playout, closed.keys, heard_byte)
        return BargeIn(
            settled_by=by,
            cuts=cuts,
            left_alone=len(closed.keys) - len(cuts),
            waited_ms=now_ms - closed.cleared_ms,
            epoch=closed.playout.epoch,
            position_byte=heard_byte,
            correction_ms=(heard_byte - clock_byte) / BYTES_PER_MS,
        )

    def _cut(self, playout: Playout, keys: Iterable[ItemKey], heard_byte: int) -> tuple[Cut, ...]:
        """End items of a queue that is no more, where it was heard up to *heard_byte*."""
        cut = dict.fromkeys(keys)
        for span, begins_ms in playout.timeline():
            if span.key in cut:
                self._accounts.heard_in_part(span, heard_byte, begins_ms)
        return tuple(found for key in cut if (found := self._accounts.cut(key)))
