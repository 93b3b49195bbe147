"""What is remembered of a call: values that its agents use and change, and messages that callers leave."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.lines.described import Shorthand
from gateway.lines.scalars import Switch, shown
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text
from gateway.lines.variables import Variables
from gateway.lines.wording import did_you_mean


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Memory(Section):
    """What a line remembers."""

    variables: Variables = Field(default_factory=dict)
    """Values of the line's own for `{{name}}` in instructions and tools, by name."""
    set: Annotated[tuple[Text, ...], Shorthand(BeforeValidator(_as_list))] = ()
    """Which of `variables` the agent may set while the call goes on: one or a list."""
    take_message: Switch = False
    """Whether the agent can take messages, which are kept in `messages.jsonl` in the folder of `GATEWAY_STATE`."""

    @model_validator(mode="after")
    def _check_set(self) -> Self:
        if faults := [self._unknown(index) for index, name in enumerate(self.set) if name not in self.variables]:
            raise faulty("Memory", faults)
        return self

    def _unknown(self, index: int) -> Fault:
        name = self.set[index]
        hint = did_you_mean(name, self.variables) if self.variables else "add `variables` with it and its first value"
        return Fault(("set", index), name, f"{shown(name)} is no variable of the line; {hint}")
