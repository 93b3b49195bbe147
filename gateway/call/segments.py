"""
Words that the line gives the agent, and that the caller must hear.

The model speaks them, in a response of their own. That response's audio is kept, so that a segment which the caller cut
short is played again from its start without asking the model, until the last mark behind it has come back. Then there
is a receipt.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.call.plan import Segment
from gateway.playback import PlaybackLedger
from gateway.playback.playout import ItemKey
from gateway.protocol.events import ResponseStatus


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was heard, and when; all times since the call's stream began."""

    segment: str
    text_sha256: str
    """Of the words as the line gives them, in UTF-8."""
    from_ms: int
    """When its first byte was played, on the provider's clock, or on ours if the provider stamps nothing."""
    until_ms: int
    """When its last byte had been played, on the same clock."""
    acked_ms: int
    """When the mark behind it came back, on our clock, whose zero is a network's jitter away from the provider's."""


@dataclass(slots=True)
class Recital:
    """One segment on its way to being heard."""

    segment: Segment
    response_id: str = ""
    pieces: list[tuple[ItemKey, str]] = field(default_factory=list)
    """All of its audio, in base64."""
    spoken: bool = False
    """Whether the model has said all of it."""
    interrupted: bool = False
    """Whether it waits to be played again from its start."""

    @property
    def keys(self) -> list[ItemKey]:
        """Its items, in order."""
        return list(dict.fromkeys(key for key, _ in self.pieces))

    def heard_whole(self, ledger: PlaybackLedger) -> bool:
        """Whether the caller has heard all of it."""
        items = ledger.items
        return self.spoken and bool(self.pieces) and all(items[key].heard_whole for key in self.keys)

    def acknowledged(self, ledger: PlaybackLedger) -> bool:
        """Whether the provider itself has said so, by the mark behind it."""
        return self.heard_whole(ledger) and ledger.items[self.keys[-1]].acked_ms is not None


class Recitals:
    """The segments of one call."""

    def __init__(self, segments: tuple[Segment, ...], *, began_ms: float) -> None:
        self._segments = {segment.id: segment for segment in segments}
        self._of_response: dict[str, Segment] = {}
        self._open: dict[str, Recital] = {}
        self._began_ms = began_ms

    def seen(self, response_id: str, segment_id: str) -> None:
        """A response speaks a segment."""
        segment = self._segments.get(segment_id)
        if segment is None or response_id in self._of_response:
            return
        self._of_response[response_id] = segment
        if segment.must_hear:
            self._open[segment_id] = Recital(segment, response_id)

    def of(self, response_id: str) -> Segment | None:
        """Which segment a response speaks."""
        return self._of_response.get(response_id)

    def recital(self, response_id: str) -> Recital | None:
        """What of a response must be heard, and was not heard whole yet."""
        segment = self._of_response.get(response_id)
        recital = self._open.get(segment.id) if segment else None
        return recital if recital and recital.response_id == response_id else None

    def owns(self, key: ItemKey) -> bool:
        """Whether an item must be heard, and so is not to be forgotten when it is cut."""
        return any(key in recital.keys for recital in self._open.values())

    def broken_off(self, response_id: str, status: ResponseStatus) -> bool:
        """Whether a response is over before it has said all that must be heard."""
        return status != "completed" and self.recital(response_id) is not None

    def over(self, response_id: str, *, failed: bool) -> None:
        """The model has said all of a response, or has failed to, and will say it anew."""
        recital = self.recital(response_id)
        if recital and failed:
            del self._open[recital.segment.id]
        elif recital:
            recital.spoken = True

    def cleared(self, ledger: PlaybackLedger) -> None:
        """The caller has cut in; segments that were not heard whole have to be played again."""
        for recital in self._open.values():
            recital.interrupted = bool(recital.pieces) and not recital.heard_whole(ledger)

    def to_repeat(self) -> Iterator[Recital]:
        """Segments that wait to be played again, each once."""
        for recital in self._open.values():
            if recital.interrupted:
                recital.interrupted = False
                yield recital

    def receipts(self, ledger: PlaybackLedger) -> Iterator[Receipt]:
        """For every segment that was heard whole by now, once."""
        for segment_id, recital in list(self._open.items()):
            if recital.acknowledged(ledger):
                del self._open[segment_id]
                yield self._receipt(recital, ledger)

    def _receipt(self, recital: Recital, ledger: PlaybackLedger) -> Receipt:
        items = [ledger.items[key] for key in recital.keys]
        provider_began_ms = 0.0 if ledger.clock.running else self._began_ms
        from_ms = (items[0].heard_from_ms or provider_began_ms) - provider_began_ms
        until_ms = (items[-1].heard_until_ms or provider_began_ms) - provider_began_ms
        acked_ms = (items[-1].acked_ms or self._began_ms) - self._began_ms
        text_sha256 = sha256(recital.segment.text.encode()).hexdigest()
        return Receipt(recital.segment.id, text_sha256, round(from_ms), round(until_ms), round(max(until_ms, acked_ms)))

    @property
    def any_open(self) -> bool:
        """Whether something is still to be heard."""
        return bool(self._open)
