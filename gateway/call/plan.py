"""What a line wants of a call."""

from dataclasses import dataclass
from typing import Literal

from gateway.protocol.inputs import CreateResponse
from gateway.protocol.session import SessionConfig

BargeInMode = Literal["immediate", "confirmed", "off"]
"""What the caller's speech does to the agent's: cut it, stop it until it is clear who spoke and why, or nothing."""

GREETING, GOODBYE = "greeting", "goodbye"


@dataclass(frozen=True, slots=True)
class Segment:
    """Words that the line gives the agent."""

    id: str
    text: str
    barge_in: BargeInMode = "immediate"
    must_hear: bool = False
    """Whether it is played again from its start until the caller has heard all of it, and a receipt is kept."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How the agent hangs up."""

    text: str | None = None
    """Said first; None leaves the last words to the agent."""
    wait_ms: float = 10_000.0
    """How long the last words are waited for."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """All that a call has to know of its line."""

    session: SessionConfig
    opening: tuple[Segment, ...] = ()
    """Said first, in this order; without any the agent waits for the caller."""
    barge_in: BargeInMode = "immediate"
    self_echo_guard: bool = False
    """Whether the agent's own voice, coming back, is told from the caller's."""
    goodbye: Goodbye | None = None
    """None for an agent that cannot hang up."""
    takes_turns: bool = False
    """
    Whether the gateway decides when to cut and when to answer, and not the server.

    Needed for everything but plain immediate barge-in: a server that cancels by itself cannot be asked to wait.
    """

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All words that the line gives."""
        goodbye = (Segment(GOODBYE, self.goodbye.text),) if self.goodbye and self.goodbye.text else ()
        return (*self.opening, *goodbye)

    def words(self, segment: Segment) -> CreateResponse:
        """
        Have the model say the words of a segment.

        A response's instructions stand in for the session's, so the session's are said again.
        """
        words = f'Say now, word for word, and nothing else: "{segment.text}"'
        return CreateResponse(f"{self.session.instructions}\n\n{words}".strip(), segment.id)

    @property
    def listens(self) -> bool:
        """Whether what the caller says must be at hand, to judge who it was."""
        modes = {self.barge_in, *(segment.barge_in for segment in self.opening)}
        return self.self_echo_guard or "confirmed" in modes
