"""
What the agent says: handed to the provider, cut off by the caller, and accounted for.

Speech goes out in slices with marks between them, so that the ledger can follow what is heard. When the caller cuts in,
everything queued is cleared at once, before anything else is done, and the responses that were running are cut off:
whatever of them still arrives is dropped. What the model must forget is known only when the ledger has settled what was
heard; then, and once, it is told.
"""

import re
from collections.abc import Iterable, Iterator

from gateway.audio.g711 import encoded_bytes, sliced
from gateway.call.commands import (
    ClearAudio,
    Command,
    NoteBargeIn,
    NoteRoundTrip,
    NoteTruncateRefused,
    PlayAudio,
    SendMark,
)
from gateway.playback import Cut, PlaybackLedger
from gateway.realtime.events import AudioDelta, ErrorReceived
from gateway.realtime.inputs import TruncateItem

_SHORTER_THAN = re.compile(r"([0-9]{1,9})ms is already shorter than")


class Speech:
    """One call's agent, as the caller hears it."""

    def __init__(self) -> None:
        self.ledger = PlaybackLedger()
        self.barge_ins = 0
        self.remembered = True
        """Whether there is a model whose memory is to be kept in step."""
        self._cut_off: set[str] = set()
        self._over: set[str] = set()
        self._items_of: dict[str, dict[tuple[str, int], None]] = {}
        self._retried: set[TruncateItem] = set()

    def begin(self, *, now_ms: float) -> Iterator[Command]:
        """A first mark, on an empty queue, measures the way to the provider and back."""
        yield from _marked(self.ledger.opening_mark(now_ms=now_ms))

    def play(self, delta: AudioDelta, *, now_ms: float) -> Iterator[Command]:
        """Hand a piece of speech to the provider, unless the caller has cut it off."""
        key = (delta.item_id, delta.content_index)
        if delta.response_id in self._cut_off or not self.remembered:
            yield from self._truncate(self.ledger.dropped(*key, encoded_bytes(delta.payload)))
            return
        self._items_of.setdefault(delta.response_id, {})[key] = None
        yield from _marked(self.ledger.opening_mark(now_ms=now_ms))
        for payload in sliced(delta.payload):
            yield PlayAudio(payload)
            yield from _marked(self.ledger.sent(*key, encoded_bytes(payload), now_ms=now_ms))
        if delta.response_id in self._over:
            yield from self.finish(*key, now_ms=now_ms)

    def finish(self, item_id: str, content_index: int, *, now_ms: float) -> Iterator[Command]:
        """The model has sent all of an item's audio."""
        yield from _marked(self.ledger.finished(item_id, content_index, now_ms=now_ms))

    def finish_response(self, response_id: str, *, cancelled: bool, now_ms: float) -> Iterator[Command]:
        """
        A response is over, and so are its items, whether or not the server says so of each.

        What still comes of one that was *cancelled* was under way when the caller cut in.
        """
        self._over.add(response_id)
        if cancelled:
            self._cut_off.add(response_id)
        for key in self._items_of.pop(response_id, {}):
            yield from self.finish(*key, now_ms=now_ms)

    def mark_tail(self, *, now_ms: float) -> Iterator[Command]:
        """Have the end of the queue echoed."""
        yield from _marked(self.ledger.closing_mark(now_ms=now_ms))

    # Barge-in

    def interrupt(self, responses: Iterable[str], *, now_ms: float) -> Iterator[Command]:
        """The caller cuts in while *responses* are under way."""
        self._cut_off.update(responses, self._items_of)
        if not self.ledger.interruptible:
            return
        yield from self.mark_tail(now_ms=now_ms)
        yield ClearAudio()
        self.ledger.cleared(now_ms=now_ms)
        self.barge_ins += 1
        yield from self.settle(now_ms=now_ms)

    def settle(self, *, now_ms: float) -> Iterator[Command]:
        """Have the model forget what was not heard, as soon as that is known."""
        for barge_in in self.ledger.settle(now_ms):
            for cut in barge_in.cuts:
                yield from self._truncate(cut)
            yield NoteBargeIn(barge_in)
        for round_trip_ms in self.ledger.round_trips_ms():
            yield NoteRoundTrip(round_trip_ms)

    def _truncate(self, cut: Cut | None) -> Iterator[Command]:
        if cut is not None and self.remembered:
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
