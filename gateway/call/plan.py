"""What a line wants of a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.agent import AgentProfile
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
class Transfer:
    """Where the agent may pass a call on to."""

    id: str
    target_uri: str
    """`tel:` and a number, or `sip:` and an address."""
    when: str = ""
    """Told to the model."""
    say: str = ""
    """Said to the caller first; empty leaves the words to the agent."""
    ring_ms: float = 25_000.0
    """How long it may ring, where that can be said."""
    caller_id: str = ""
    """The number that is shown to whoever is called; empty shows the caller's."""


@dataclass(frozen=True, slots=True)
class NoInput:
    """What is done about a caller who says nothing."""

    after_ms: float
    """How long the caller may say nothing after the agent's last word, and after each prompt."""
    prompts: tuple[str, ...] = ()
    """Said one after the other, each when the caller has said nothing again for so long."""
    then: Transfer | None = None
    """Where the call is passed on to when all were in vain; None, or if that comes to nothing, ends it."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """When a call ends that nobody ends."""

    longest_ms: float | None = None
    """From the start of the call; None lets it go on."""
    no_input: NoInput | None = None
    """None lets callers be silent."""
    text: str = ""
    """Said first, when it has lasted for too long, or cost too much."""


@dataclass(frozen=True, slots=True)
class DigitRules:
    """What the model may ask for when it collects the keys that a caller presses."""

    most: int = 32
    """Keys at most."""
    terminator: str = "#"
    """The key that ends the input, unless the model wants another; empty for none."""
    timeout_ms: float = 10_000.0
    """How long the next key is waited for, at most, and unless the model wants it sooner."""
    cuts: bool = True
    """Whether the first key cuts what the agent is saying."""


@dataclass(frozen=True, slots=True)
class MenuKey:
    """What one key does: one of these."""

    say: str = ""
    handoff: str = ""
    """Name of an agent."""
    transfer: str = ""
    """Id of one of the plan's transfers."""


@dataclass(frozen=True, slots=True)
class Menu:
    """What keys do that nobody has asked for."""

    keys: Mapping[str, MenuKey]
    invalid: str = ""
    """Said when any other key is pressed; empty ignores it."""


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
    agent: AgentProfile | None = None
    """Who answers; None for an agent that can do no more than speak."""
    transfers: tuple[Transfer, ...] = ()
    """Where the agent may pass the call on to, where the provider can be asked to."""
    limits: CallLimits = CallLimits()
    """When it ends by itself."""
    digits: DigitRules | None = None
    """None for an agent that cannot collect keys."""
    presses_keys: bool = False
    """Whether the agent can press keys."""
    menu: Menu | None = None
    """What keys do at any time, without the model."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All words that the line gives."""
        goodbye = (Segment(GOODBYE, self.goodbye.text),) if self.goodbye and self.goodbye.text else ()
        return (*self.opening, *goodbye)

    @property
    def profile(self) -> AgentProfile:
        """The agent that answers."""
        return self.agent or AgentProfile(instructions=self.session.instructions)

    @property
    def listens(self) -> bool:
        """Whether what the caller says must be at hand, to judge who it was."""
        modes = {self.barge_in, *(segment.barge_in for segment in self.opening)}
        return self.self_echo_guard or "confirmed" in modes
