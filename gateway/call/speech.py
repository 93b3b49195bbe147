"""
What the agent says: handed to the provider, cut off or stopped by the caller, and accounted for.

Speech goes out in slices with marks between them, so that the ledger can follow what is heard. When the caller cuts in,
everything queued is cleared at once, before anything else is done, and the responses that were running are cut off:
whatever of them still arrives is dropped. What the model must forget is known only when the ledger has settled what was
heard; then, and once, it is told.

Speech that is stopped rather than cut is cleared too, but nothing is forgotten yet: what is queued is kept, and what
still arrives is added to it. Either it is cut after all, or it goes on at the byte at which the caller stopped
listening, as soon as the ledger knows that.
"""

import re
from collections.abc import Iterable, Iterator

from gateway.audio.g711 import encoded_bytes, sliced
from gateway.call.commands import (
    ClearAudio,
    Command,
    NoteBargeIn,
    NoteDeadAir,
    NoteFlushedMarks,
    NoteLateDelta,
    NoteReceipt,
    NoteResumed,
    NoteRoundTrip,
    NoteTruncateRefused,
    PlayAudio,
    SendMark,
)
from gateway.call.reel import Reel
from gateway.call.segments import Recital, Recitals
from gateway.call.stopped import Stopped
from gateway.call.transcripts import Transcripts
from gateway.playback import BargeIn, Cut, PlaybackLedger
from gateway.playback.playout import ItemKey
from gateway.protocol.events import AudioDelta, ErrorReceived, ResponseStatus
from gateway.protocol.inputs import TruncateItem

SILENCE = b"\xff"
_SHORTER_THAN = re.compile(r"([0-9]{1,9})ms is already shorter than")


class Speech:
    """One call's agent, as the caller hears it."""

    def __init__(self, recitals: Recitals, *, keeps: bool) -> None:
        """*keeps* what is sent for as long as it may be played again, or compared."""
        self.ledger = PlaybackLedger()
        self.transcripts = Transcripts(self.ledger)
        self.barge_ins = 0
        self.remembered = True
        """Whether there is a model whose memory is to be kept in step."""
        self._recitals = recitals
        self._reel = Reel() if keeps else None
        self._stopped: Stopped | None = None
        self._away = False
        """Whether there is no stream, for now."""
        self._awaited_ms: float | None = None
        self._cleared_ms = float("-inf")
        self._cut_off: set[str] = set()
        self._over: set[str] = set()
        self._response_of: dict[ItemKey, str] = {}
        self._unfinished: dict[str, dict[ItemKey, None]] = {}
        self._retried: set[TruncateItem] = set()
        self._pressed: set[ItemKey] = set()
        """Tones, of which the model has no item."""

    def begin(self, *, now_ms: float) -> Iterator[Command]:
        """A first mark, on an empty queue, measures the way to the provider and back."""
        yield from _marked(self.ledger.opening_mark(now_ms=now_ms))

    def awaited(self, since_ms: float | None) -> None:
        """Since then the caller waits for the agent; None says that nobody waits."""
        self._awaited_ms = since_ms

    def response_of(self, key: ItemKey) -> str:
        """The response that an item belongs to."""
        return self._response_of.get(key, "")

    def play(self, delta: AudioDelta, *, now_ms: float) -> Iterator[Command]:
        """Hand a piece of speech to the provider, unless the caller has stopped it or cut it off."""
        key = (delta.item_id, delta.content_index)
        self.ledger.received(*key, encoded_bytes(delta.payload))
        if self._away:
            self._put_off(delta.response_id)
        if delta.response_id in self._cut_off or not self.remembered:
            yield NoteLateDelta()
            stopped_epoch = self._stopped.epoch if self._stopped else None
            yield from self._truncate(self.ledger.dropped(*key, stopped_epoch=stopped_epoch))
            return
        self._response_of[key] = delta.response_id
        self._unfinished.setdefault(delta.response_id, {})[key] = None
        recital = self._recitals.recital(delta.response_id)
        if recital is not None:
            recital.pieces.append((key, delta.payload))
        if self._stopped is not None:
            self._stopped.came.append((key, delta.payload))
        elif recital is None or not recital.interrupted:
            yield from self._note_dead_air(now_ms)
            yield from self._send(key, delta.payload, now_ms)
        if delta.response_id in self._over:
            yield from self.finish(*key, now_ms=now_ms)

    def _send(self, key: ItemKey, payload: str, now_ms: float) -> Iterator[Command]:
        yield from _marked(self.ledger.opening_mark(now_ms=now_ms))
        for piece in sliced(payload):
            yield PlayAudio(piece)
            if self._reel is not None:
                self._reel.sent(key, piece)
            yield from _marked(self.ledger.sent(*key, encoded_bytes(piece), now_ms=now_ms))
        if self._reel is not None:
            self._reel.heard(self.ledger.position_byte(now_ms))

    def _note_dead_air(self, now_ms: float) -> Iterator[Command]:
        since_ms, self._awaited_ms = self._awaited_ms, None
        dry_since_ms = self.ledger.sent_until_ms
        waited_ms = self.ledger.dry_ms(now_ms) if since_ms is None else now_ms - max(since_ms, dry_since_ms)
        if waited_ms > 0:
            yield NoteDeadAir(waited_ms)

    def finish(self, item_id: str, content_index: int, *, now_ms: float) -> Iterator[Command]:
        """The model has sent all of an item's audio."""
        yield from _marked(self.ledger.finished(item_id, content_index, now_ms=now_ms))

    def finish_response(self, response_id: str, status: ResponseStatus, *, now_ms: float) -> Iterator[Command]:
        """
        A response is over, and so are its items, whether or not the server says so of each.

        What still comes of one that was cancelled was under way when the caller cut in.
        """
        self._over.add(response_id)
        if status == "cancelled":
            self._cut_off.add(response_id)
        keys = list(self._unfinished.pop(response_id, {}))
        self.transcripts.said(keys if status == "completed" else keys[:-1])
        for key in keys:
            yield from self.finish(*key, now_ms=now_ms)

    def mark_tail(self, *, now_ms: float) -> Iterator[Command]:
        """Have the end of the queue echoed."""
        yield from _marked(self.ledger.closing_mark(now_ms=now_ms))

    def repeat(self, recital: Recital, *, now_ms: float) -> Iterator[Command]:
        """Play a segment again, from its start."""
        for key in recital.keys:
            self.ledger.begun_again(*key)
        for key, payload in recital.pieces:
            yield from self._send(key, payload, now_ms)
        yield from self.mark_tail(now_ms=now_ms)

    def press(self, key: ItemKey, payload: str, *, now_ms: float) -> Iterator[Command]:
        """Play tones that are nobody's speech."""
        self._pressed.add(key)
        self.ledger.received(*key, encoded_bytes(payload))
        yield from self._send(key, payload, now_ms)
        yield from self.finish(*key, now_ms=now_ms)

    def played_lately(self, size_bytes: int, *, now_ms: float) -> bytes:
        """What the provider has played until it took the caller's latest frame, in mu-law."""
        if self._stopped is not None:
            return self._stopped.reel.lately(self._stopped.position_byte, size_bytes)
        if self._reel is None:
            return b""
        silent_bytes = min(self.ledger.silent_bytes(now_ms), size_bytes)
        played = self._reel.lately(self.ledger.position_byte(now_ms), size_bytes - silent_bytes)
        return played + SILENCE * silent_bytes

    # Barge-in

    def interrupt(self, responses: Iterable[str], *, now_ms: float, by_caller: bool = True) -> Iterator[Command]:
        """The agent is cut off while *responses* are under way."""
        under_way = {*responses, *self._unfinished}
        self._cut_off.update(response for response in under_way if not self._recitals.recital(response))
        if self._stopped is not None:
            self.barge_ins += by_caller
            yield from self._cut_what_is_stopped(now_ms)
        elif self.ledger.interruptible:
            self.barge_ins += by_caller
            yield from self._clear(now_ms)
            self._recitals.cleared(self.ledger)
            yield from self.settle(now_ms=now_ms)

    def _clear(self, now_ms: float) -> Iterator[Command]:
        """Have the queue thrown away; every response with audio in it ends there."""
        yield from self.mark_tail(now_ms=now_ms)
        yield ClearAudio()
        self._cleared_ms = now_ms
        self.ledger.cleared(now_ms=now_ms)
        self._reel = Reel() if self._reel is not None else None
        self._awaited_ms = None

    @property
    def sent_until_ms(self) -> float:
        """When the caller would have heard all that was sent, or that was cut off last, if the network took no time."""
        return max(self.ledger.sent_until_ms, self._cleared_ms)

    @property
    def stopped(self) -> bool:
        """Whether the agent is stopped until it is known who spoke."""
        return self._stopped is not None

    @property
    def stopped_ms(self) -> float | None:
        """Until when what is stopped was played, as far as the clear let it; None as long as that is not known."""
        return self._stopped.until_ms if self._stopped else None

    def stop(self, *, now_ms: float) -> Iterator[Command]:
        """Fall silent at once, and be able to go on."""
        if self._stopped is not None:
            self._stopped.resumes = False
            return
        assert self._reel is not None
        reel, position_byte = self._reel, self.ledger.position_byte(now_ms)
        yield from self._clear(now_ms)
        self._stopped = Stopped(reel, now_ms, position_byte, self.ledger.epoch - 1)
        yield from self.settle(now_ms=now_ms)

    def resume(self, *, now_ms: float) -> Iterator[Command]:
        """Go on where the caller stopped listening, now or when that is known."""
        if self._stopped is not None:
            self._stopped.resumes = True
            yield from self._go_on(now_ms)

    def _go_on(self, now_ms: float) -> Iterator[Command]:
        stopped = self._stopped
        if stopped is None or not stopped.resumes or stopped.barge_in is None:
            return
        self._stopped = None
        self.ledger.taken_up(stopped.barge_in)
        for key, payload in stopped.rest():
            yield from self._send(key, payload, now_ms)
        yield from self.mark_tail(now_ms=now_ms)
        yield NoteResumed(now_ms - stopped.since_ms)

    def _cut_what_is_stopped(self, now_ms: float) -> Iterator[Command]:
        stopped, self._stopped = self._stopped, None
        self._recitals.cleared(self.ledger)
        if stopped is not None and stopped.barge_in is not None:
            yield from self._forget(stopped.barge_in)
        for key in dict.fromkeys(key for key, _ in stopped.came) if stopped else ():
            yield from self._truncate(self.ledger.dropped(*key))
        yield from self.settle(now_ms=now_ms)

    def settle(self, *, now_ms: float) -> Iterator[Command]:
        """Have the model forget what was not heard, as soon as that is known."""
        for barge_in in self.ledger.settle(now_ms):
            if self._stopped is not None and barge_in.epoch == self._stopped.epoch:
                self._stopped.settled(barge_in)
            else:
                yield from self._forget(barge_in)
        yield from self._go_on(now_ms)
        yield from self._note_echoes()

    def leave(self, responses: Iterable[str], *, now_ms: float) -> Iterator[Command]:
        """The stream is gone while *responses* are under way, and there may be another: what is unheard stays so."""
        self._away = True
        for response_id in {*responses, *self._unfinished}:
            self._put_off(response_id)
        if self._stopped is not None:
            yield from self._cut_what_is_stopped(now_ms)
        barge_ins, cuts = self.ledger.exchanged(now_ms)
        self._recitals.cleared(self.ledger)
        for barge_in in barge_ins:
            yield from self._forget(barge_in)
        for cut in cuts:
            yield from self._truncate(cut)
        self._reel = Reel() if self._reel is not None else None
        yield from self._note_echoes()

    def _put_off(self, response_id: str) -> None:
        """Nobody hears a response: it is not played, or, if it must be heard, played when somebody does."""
        recital = self._recitals.recital(response_id)
        if recital is None:
            self._cut_off.add(response_id)
        else:
            recital.interrupted = True

    def come_back(self, *, now_ms: float) -> Iterator[Command]:
        """There is a stream again; the caller waits, and first for what must be heard."""
        self._away, self._awaited_ms = False, now_ms
        yield from self.begin(now_ms=now_ms)
        for recital in self._recitals.to_repeat():
            yield from self.repeat(recital, now_ms=now_ms)

    def end(self) -> Iterator[Command]:
        """Nothing more will be heard of the provider: what came back before still counts."""
        self.ledger.ended()
        yield from self._note_echoes()

    def _note_echoes(self) -> Iterator[Command]:
        for round_trip_ms in self.ledger.round_trips_ms():
            yield NoteRoundTrip(round_trip_ms)
        if flushed := self.ledger.flushed_marks():
            yield NoteFlushedMarks(flushed)
        for receipt in self._recitals.receipts(self.ledger) if self._recitals.any_open else ():
            yield NoteReceipt(receipt)

    def _forget(self, barge_in: BargeIn) -> Iterator[Command]:
        for cut in barge_in.cuts:
            yield from self._truncate(cut)
        yield NoteBargeIn(barge_in)

    def _truncate(self, cut: Cut | None) -> Iterator[Command]:
        """What must be heard will be heard, so it is not forgotten; nor is what turned out to be heard whole."""
        if cut is None or not self.remembered:
            return
        key = (cut.item_id, cut.content_index)
        if key not in self._pressed and not self._recitals.owns(key) and not self.ledger.items[key].heard_whole:
            yield TruncateItem(cut.item_id, cut.content_index, cut.audio_end_ms)

    def truncate_refused(self, truncate: TruncateItem, error: ErrorReceived) -> Iterator[Command]:
        """The server's own count of an item can be shorter than what it sent; then it names its count."""
        shorter = _SHORTER_THAN.search(error.message)
        if shorter is None or truncate in self._retried or not self.remembered:
            yield NoteTruncateRefused(truncate.item_id, error.code)
            return
        audio_end_ms = min(int(shorter.group(1)), truncate.audio_end_ms)
        again = TruncateItem(truncate.item_id, truncate.content_index, audio_end_ms)
        self._retried.add(again)
        yield again


def _marked(name: str | None) -> tuple[SendMark, ...]:
    return () if name is None else (SendMark(name),)
