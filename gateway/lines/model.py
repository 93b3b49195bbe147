"""
What a line is: the numbers it answers, the model behind it and how the two take turns.

On an ordinary line the server takes the turns: it hears the caller begin, stops the model, and has it
answer when the caller ends. It cannot wait to see whether a sound was meant, and knows of nothing that
must be heard. A line that asks for such things has the gateway take the turns, and leaves the switches
by which the server does so to the gateway.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from gateway.lines.scalars import Switch, number_from, shown, whole_from
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.segments import BargeInMode, Goodbye, Greeting, MustHear, check_ids_differ, text_alone
from gateway.lines.texts import Text, id_of
from gateway.lines.urls import RealtimeUrl

ANY_NUMBER = "*"
"""Stands for every number that no other line claims."""

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def _check_number(text: str) -> str:
    if text != ANY_NUMBER and not _E164.fullmatch(text):
        wanted = 'write + and 2 to 15 digits, like +15550199, or "*" for any number'
        raise ValueError(f"{shown(text)} is not a phone number; {wanted}")
    return text


def _check_some(numbers: tuple[str, ...]) -> tuple[str, ...]:
    if not numbers:
        raise ValueError('is an empty list; give at least one number, or "*" for any number')
    return numbers


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


LineId = Annotated[str, id_of("line")]
PhoneNumber = Annotated[str, AfterValidator(_check_number)]
PaddingMs = Annotated[int, whole_from(0, 10_000)]


class ServerVad(Section):
    """The turn ends when the caller has been silent for long enough."""

    type: Literal["server_vad"] = "server_vad"
    """Selects this kind."""
    threshold: Annotated[float, number_from(0, 1)] = 0.5
    """How loud a sound must be to count as speech, from 0 to 1; raise it for noisy callers."""
    prefix_padding_ms: PaddingMs = 300
    """Audio kept from before the speech was noticed."""
    silence_duration_ms: PaddingMs = 500
    """Silence that ends the caller's turn."""
    idle_timeout_ms: Annotated[int, whole_from(5_000, 30_000)] | None = None
    """After this long without speech the agent speaks up; null means never."""
    create_response: Switch = True
    """Whether the end of a turn makes the agent answer."""
    interrupt_response: Switch = True
    """Whether the caller's speech stops the agent."""


class SemanticVad(Section):
    """The turn ends when the caller sounds as if the sentence were complete."""

    type: Literal["semantic_vad"] = "semantic_vad"
    """Selects this kind."""
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """How soon the agent takes its turn; low lets the caller think."""
    create_response: Switch = True
    """Whether the end of a turn makes the agent answer."""
    interrupt_response: Switch = True
    """Whether the caller's speech stops the agent."""


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Line(Section):
    """A number, or several, and all that is configured for it."""

    line: LineId
    """Id of the line, in logs and metrics too: 1 to 64 of `a-z`, `0-9` and `-`."""
    numbers: Annotated[tuple[PhoneNumber, ...], AfterValidator(_check_some), BeforeValidator(_as_list)]
    """One number or a list of them, each like `+15550199`; `"*"` is any number no other line claims."""
    backend: Literal["openai", "local"] = "openai"
    """Who speaks: `openai` for the OpenAI protocol, `local` for the built-in server that needs no key."""
    url: RealtimeUrl | None = None
    """Address of another server that speaks the same protocol."""
    model: Text = "gpt-realtime"
    """Name of the realtime model."""
    voice: Text = "marin"
    """Name of the agent's voice."""
    greeting: Annotated[Greeting | None, BeforeValidator(text_alone)] = None
    """What the agent says first; without it the agent waits for the caller."""
    must_hear: Annotated[tuple[MustHear, ...], AfterValidator(check_ids_differ)] = ()
    """What the caller has to hear whole, after the greeting and before the conversation."""
    instructions: str = ""
    """Who the agent is and what it should do."""
    turn_detection: TurnDetection = ServerVad()
    """When the caller's turn ends."""
    barge_in: BargeInMode = "immediate"
    """What the caller's speech does to the agent's."""
    self_echo_guard: Switch = False
    """Whether speech that is the agent's own, come back from the phone, is overlooked."""
    goodbye: Annotated[Goodbye | None, BeforeValidator(text_alone)] = None
    """How the agent hangs up; without it the agent cannot."""

    _source: Path | None = PrivateAttr(None)

    @property
    def source(self) -> Path | None:
        """The file that the line was read from; None for a line made in code."""
        return self._source

    @property
    def takes_over_turns(self) -> bool:
        """Whether the gateway, not the server, decides when to cut the agent and when it answers."""
        return _wish_for_turns(self) is not None

    def model_post_init(self, context: Any) -> None:
        """Remember the file, which the loader passes beside the keys so that no key can claim it."""
        self._source = context if isinstance(context, Path) else None

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
