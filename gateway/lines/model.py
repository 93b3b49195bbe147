"""
What a line is: the numbers it answers, the model behind it and how the two take turns.

On an ordinary line the server takes the turns: it hears the caller begin, stops the model, and has it
answer when the caller ends. It cannot wait to see whether a sound was meant, and knows of nothing that
must be heard. A line that asks for such things has the gateway take the turns, and leaves the switches
by which the server does so to the gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from gateway.lines.agents import AgentKeys, AgentOfLine, Agents, SharedAgent
from gateway.lines.claims import Claims
from gateway.lines.guardrails import Guardrails
from gateway.lines.instead import NotAnswering
from gateway.lines.keys import Keys
from gateway.lines.limits import Limits
from gateway.lines.memory import Memory
from gateway.lines.menu import Menu
from gateway.lines.scalars import Switch
from gateway.lines.section import Fault, faulty
from gateway.lines.segments import TEXT_ALONE, BargeInMode, Goodbye, Greeting, MustHear, check_ids_differ
from gateway.lines.session import ModelSettings
from gateway.lines.sip import Sip
from gateway.lines.transfers import Transfers
from gateway.lines.turns import ServerVad, TurnDetection


class Line(Limits, Keys, Memory, AgentKeys, ModelSettings, NotAnswering, Claims):
    """A number, or several, and all that is configured for it."""

    greeting: Annotated[Greeting | None, TEXT_ALONE] = None
    """What the agent says first; without it the agent waits for the caller."""
    must_hear: Annotated[tuple[MustHear, ...], AfterValidator(check_ids_differ)] = ()
    """What the caller has to hear whole, after the greeting and before the conversation."""
    agent: AgentOfLine | None = None
    """Who answers in place of `instructions`: a file in `agents`, or a `RealtimeAgent` in Python as `module:name`."""
    agents: Agents = Field(default_factory=dict)
    """Agents that may be handed over to, by name: written out, or the name of a file in `agents`."""
    turn_detection: TurnDetection = ServerVad()
    """When the caller's turn ends."""
    barge_in: BargeInMode = "immediate"
    """What the caller's speech does to the agent's."""
    self_echo_guard: Switch = False
    """Whether speech that is the agent's own, come back from the phone, is overlooked."""
    guardrails: Guardrails = ()
    """What no agent of the line may say."""
    menu: Menu | None = None
    """What single keys do at any time, without the model; null is nothing."""
    goodbye: Annotated[Goodbye | None, TEXT_ALONE] = None
    """How the agent hangs up; without it the agent cannot."""
    transfer: Transfers = Field(default_factory=dict)
    """Where the agent may pass a call on to, by name: a number, an address, or keys; without any it cannot."""
    sip: Sip = Sip()
    """What holds for calls that come by SIP."""

    _source: Path | None = PrivateAttr(None)
    _shared_agent: SharedAgent | None = PrivateAttr(None)

    @property
    def source(self) -> Path | None:
        """The file that the line was read from; None for a line made in code."""
        return self._source

    @property
    def shared_agent(self) -> SharedAgent | None:
        """The agent from a file of its own that answers, once the file was read."""
        return self._shared_agent

    def put_together(self, changes: Mapping[str, Any], shared_agent: SharedAgent | None) -> Line:
        """The same line with what it named in other files."""
        whole = self.model_copy(update=changes)
        whole._shared_agent = shared_agent
        return whole

    @property
    def takes_over_turns(self) -> bool:
        """Whether the gateway, not the server, decides when to cut the agent and when it answers."""
        return _wish_for_turns(self) is not None

    def model_post_init(self, context: Any) -> None:
        """Remember the file, which the loader passes beside the keys so that no key can claim it."""
        self._source = context if isinstance(context, Path) else None

    @model_validator(mode="after")
    def _check_who_answers(self) -> Self:
        written = [key for key in AgentKeys.model_fields if getattr(self, key)]
        if self.agent and written:
            message = "does not go with `agent`, which brings its own; remove one of the two"
            raise faulty("Line", [Fault((key,), getattr(self, key), message) for key in written])
        return self

    @model_validator(mode="after")
    def _check_menu(self) -> Self:
        """Whom an agent in a file of its own hands over to is not known here."""
        handoffs = {key.handoff or "" for key in self.menu.keys.values()} if self.menu and self.agent else self.handoffs
        if self.menu and (faults := [*self.menu.faults(handoffs, self.transfer)]):
            raise faulty("Line", [Fault(("menu", *fault.path), fault.found, fault.message) for fault in faults])
        return self

    @model_validator(mode="after")
    def _check_who_takes_turns(self) -> Self:
        wish, turns = _wish_for_turns(self), self.turn_detection
        written = [key for key in ("create_response", "interrupt_response") if key in turns.model_fields_set]
        if wish and written:
            message = (
                f"does not go with {wish}: there the gateway cuts and asks for answers, and sets it to false; remove it"
            )
            raise faulty("Line", [Fault(("turn_detection", key), getattr(turns, key), message) for key in written])
        return self


def _wish_for_turns(line: Line) -> str | None:
    """Name the first key of *line* that asks for what a server that takes the turns cannot do."""
    if line.barge_in != "immediate":
        return f"`barge_in: {line.barge_in}`"
    if line.self_echo_guard:
        return "`self_echo_guard: true`"
    if line.must_hear:
        return "`must_hear`"
    return _wish_of(line.greeting) if line.greeting else None


def _wish_of(greeting: Greeting) -> str | None:
    if not greeting.interruptible:
        return "`greeting.interruptible: false`"
    mode = greeting.mode("immediate")
    return f"`greeting.barge_in: {mode}`" if mode != "immediate" else None
