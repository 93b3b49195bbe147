"""
Whose turn it is, on lines where the server decides that.

It cancels its response when the caller speaks, and answers when the caller has spoken, as far as its session says so.
What is left to do here is to cut what was not heard.
"""

from collections.abc import Iterator

from gateway.call.commands import Command
from gateway.call.speech import Speech
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import SessionUpdated
from gateway.providers.events import CallerAudio


class ServerTurns:
    """Follows what the server decides; asked the same as `Turns`."""

    listens = False
    watching = False
    yielded = False

    def __init__(self, speech: Speech, arbiter: ResponseArbiter) -> None:
        self.responds = True
        """Whether the server answers by itself when the caller's turn ends."""
        self._interrupts = True
        self._speech = speech
        self._arbiter = arbiter
        self._spoke = False

    def confirmed(self, session: SessionUpdated) -> None:
        """The session is such."""
        self._interrupts, self.responds = session.interrupts, session.responds

    def caller_spoke(self) -> bool:
        """Whether something was the caller's; told once."""
        spoke, self._spoke = self._spoke, False
        return spoke

    def let_go(self) -> None:
        """Nothing is ever in question."""

    def next_deadline_ms(self) -> None:
        """Nothing is ever in question."""

    def hears(self, audio: CallerAudio) -> None:
        """Frames are the server's to judge."""

    def frame(self, audio: CallerAudio, now_ms: float) -> tuple[Command, ...]:
        """Frames are the server's to judge."""
        return ()

    def tick(self, now_ms: float) -> tuple[Command, ...]:
        """Nothing is ever in question."""
        return ()

    def began(self, item_id: str, now_ms: float) -> Iterator[Command]:
        """The caller speaks."""
        self._spoke = True
        if self._interrupts:
            yield from self._speech.interrupt(self._arbiter.active, now_ms=now_ms)

    def ended(self, item_id: str, now_ms: float) -> tuple[Command, ...]:
        """The caller has spoken."""
        if self.responds:
            self._speech.awaited(now_ms)
        return ()

    def transcribed(self, item_id: str, text: str, now_ms: float) -> tuple[Command, ...]:
        """Words change nothing."""
        return ()

    def response_began(self, response_id: str, now_ms: float) -> tuple[Command, ...]:
        """The server knows what it does."""
        return ()
