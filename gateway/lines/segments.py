"""
What the agent says in words that the line gives: at the start, before the conversation, before it hangs up.

A greeting is cut by the caller's speech as everything else on the line is, unless it says otherwise;
what must be heard is not cut unless it says so. A greeting and a goodbye may be their text alone.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from gateway.lines.described import Shorthand
from gateway.lines.scalars import Switch, number_from
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text, id_of

BargeInMode = Literal["immediate", "confirmed", "off"]
"""What the caller's speech does to the agent's: cut it, stop it until it is clear who spoke and why, or nothing."""


RESERVED_IDS = ("greeting", "goodbye")
"""Under these the line's own words are accounted for."""


class Greeting(Section):
    """What the agent says first."""

    text: Text
    """The words."""
    interruptible: Switch = True
    """Whether the caller may cut in; false is another way to write `barge_in: off`."""
    barge_in: BargeInMode | None = None
    """What the caller's speech does to it; null leaves that to the line."""

    def mode(self, default: BargeInMode) -> BargeInMode:
        """What the caller's speech does to the greeting, on a line where it does *default* otherwise."""
        return (self.barge_in or default) if self.interruptible else "off"

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        if self.barge_in is None or "interruptible" not in self.model_fields_set:
            return self
        if self.interruptible == (self.barge_in == "off"):
            written = str(self.interruptible).lower()
            message = f"`{self.barge_in}` contradicts `interruptible: {written}`; keep one of the two"
            raise faulty("Greeting", [Fault(("barge_in",), self.barge_in, message)])
        return self


class MustHear(Section):
    """What the caller has to hear whole before the conversation begins."""

    id: Annotated[str, id_of("segment")]
    """Names the segment in the call's receipt: 1 to 64 of `a-z`, `0-9` and `-`, once in the line."""
    text: Text
    """The words."""
    barge_in: BargeInMode = "off"
    """Whether the caller's speech cuts it, in which case it is played again from its start."""


class Goodbye(Section):
    """How the agent hangs up."""

    text: Text | None = None
    """Said first; null leaves the last words to the agent."""
    wait_s: Annotated[float, number_from(1, 60)] = 10
    """How long the last words are waited for, in s."""


def _text_alone(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


TEXT_ALONE = Shorthand(BeforeValidator(_text_alone), {"type": "string"})
"""Takes a segment that is written as its text alone."""


def check_ids_differ(segments: tuple[MustHear, ...]) -> tuple[MustHear, ...]:
    """Have each segment leave a receipt of its own."""
    names = [*RESERVED_IDS, *(segment.id for segment in segments)]
    first = len(RESERVED_IDS)
    if again := [index for index, name in enumerate(names) if index >= first and name in names[:index]]:
        raise faulty("must_hear", [_taken(index - first, names[index]) for index in again])
    return segments


def _taken(index: int, name: str) -> Fault:
    whose = f"of the line's own {name}" if name in RESERVED_IDS else "of an earlier segment"
    return Fault((index, "id"), name, f"`{name}` is the id {whose}; give this one its own")
