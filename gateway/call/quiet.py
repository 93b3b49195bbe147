"""
Since when the caller hears nothing, and nothing is about to be heard.

All that was sent is played by a moment that is known, but for the way to the provider and back. So whoever waits for a
silence of some length looks no sooner than so long after that moment; and if the mark behind the last word is not back
then, looks again a little later. A mark that never comes back is not waited for without end.

Where the server itself plays to the caller it tells when it has played all, and the moment is that of being told.
"""

from typing import Protocol

from gateway.call.line_audio import LineAudio
from gateway.call.speech import Speech
from gateway.protocol.arbiter import ResponseArbiter

LOOK_AGAIN_AFTER_MS = 100.0
MARK_LOST_AFTER_MS = 5_000.0
NEVER_MS = float("-inf")


class Quiet(Protocol):
    """What everything that waits for silence asks."""

    def due_ms(self, length_ms: float, *, since_ms: float) -> float | None:
        """
        When it may have been quiet for so long, counted from *since_ms* at the earliest.

        None while a response is under way, or wanted.
        """

    def lasted(self, length_ms: float, *, since_ms: float, now_ms: float) -> bool:
        """Whether it has been quiet for so long; if not, `due_ms` is later than *now_ms*."""

    def heard_by_ms(self, now_ms: float) -> float:
        """When everything that is queued now will have been heard, as far as anybody can tell."""


class StreamQuiet:
    """Silence where the gateway hands the agent's speech to a provider."""

    def __init__(self, speech: Speech, arbiter: ResponseArbiter) -> None:
        self._speech = speech
        self._arbiter = arbiter
        self._heard_ms = NEVER_MS
        self._look_again_ms = NEVER_MS

    def due_ms(self, length_ms: float, *, since_ms: float) -> float | None:
        """Nothing is read for this: what is not known makes it too early at most."""
        if not self._arbiter.idle or self._speech.stopped:
            return None
        quiet_ms = max(self._speech.sent_until_ms, self._heard_ms, since_ms)
        return max(quiet_ms + length_ms, self._look_again_ms)

    def lasted(self, length_ms: float, *, since_ms: float, now_ms: float) -> bool:
        """The last word was heard when its mark came back."""
        due_ms = self.due_ms(length_ms, since_ms=since_ms)
        if due_ms is None or now_ms < due_ms:
            return False
        ledger = self._speech.ledger
        if ledger.unheard and now_ms < self._speech.sent_until_ms + length_ms + MARK_LOST_AFTER_MS:
            self._look_again_ms = now_ms + LOOK_AGAIN_AFTER_MS
            return False
        self._heard_ms = max(self._heard_ms, ledger.acked_ms)
        due_ms = self.due_ms(length_ms, since_ms=since_ms)
        return due_ms is not None and now_ms >= due_ms

    def heard_by_ms(self, now_ms: float) -> float:
        """The network's part of it is left out."""
        return max(now_ms, self._speech.sent_until_ms)


class LineQuiet:
    """Silence where the server plays to the caller."""

    def __init__(self, audio: LineAudio, arbiter: ResponseArbiter) -> None:
        self._audio = audio
        self._arbiter = arbiter
        self._since_ms = NEVER_MS
        self._quiet = True

    def look(self, now_ms: float) -> None:
        """Something has happened."""
        quiet = self._audio.quiet and self._arbiter.idle
        if not (quiet and self._quiet):
            self._since_ms = now_ms
        self._quiet = quiet

    def due_ms(self, length_ms: float, *, since_ms: float) -> float | None:
        """Counted from being told."""
        if not (self._audio.quiet and self._arbiter.idle):
            return None
        return max(self._since_ms, since_ms) + length_ms

    def lasted(self, length_ms: float, *, since_ms: float, now_ms: float) -> bool:
        """The server has told."""
        due_ms = self.due_ms(length_ms, since_ms=since_ms)
        return due_ms is not None and now_ms >= due_ms

    def heard_by_ms(self, now_ms: float) -> float:
        """The server keeps that to itself."""
        return now_ms
