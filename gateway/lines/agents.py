"""
Who speaks: what it is told to be, what it can do, and to whom it may hand over.

The agent that a line begins with is written on the line itself, and called as the line is. The others are below
`agents`, or in files of their own that lines share. A name among `handoffs` is one of the line's agents, in a shared
file too: so each line decides who stands behind it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, PrivateAttr, Tag, model_validator

from gateway.lines.described import Described, Shorthand, text_like
from gateway.lines.python_names import PYTHON_NAME
from gateway.lines.scalars import shown
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import ID, Text, id_of
from gateway.lines.tools.kinds import Tools

AgentName = Annotated[str, id_of("agent")]


def _check_differ(names: tuple[str, ...]) -> tuple[str, ...]:
    if again := [index for index, name in enumerate(names) if name in names[:index]]:
        raise faulty("handoffs", [Fault((index,), names[index], "is named already; remove it") for index in again])
    return names


class AgentKeys(Section):
    """What every agent has."""

    instructions: str = ""
    """Who the agent is and what it should do; `{{caller}}` and its like stand for what is known of the call."""
    instructions_file: Text | None = None
    """A text file in the folder of the configuration with the instructions, in place of `instructions`."""
    tools: Tools = ()
    """What the agent can do besides talking."""
    handoffs: Annotated[tuple[AgentName, ...], AfterValidator(_check_differ)] = ()
    """Names of agents that it may hand the caller over to."""

    @model_validator(mode="after")
    def _check_instructions(self) -> Self:
        if self.instructions and self.instructions_file:
            message = "does not go with `instructions`; remove one of the two"
            raise faulty("AgentKeys", [Fault(("instructions_file",), self.instructions_file, message)])
        return self


class AgentSpec(AgentKeys):
    """An agent with a name."""

    handoff_description: Text | None = None
    """Told to those who may hand over to it: what it is good for."""


def _check_agent_of_line(text: str) -> str:
    if not (PYTHON_NAME.fullmatch(text) or ID.fullmatch(text)):
        message = "names no agent; write the name of a file in agents, or module:name, like bakery:front_desk"
        raise ValueError(f"{shown(text)} {message}")
    return text


AgentOfLine = Annotated[
    str, Described(AfterValidator(_check_agent_of_line), text_like(f"{PYTHON_NAME.pattern}|{ID.pattern}"))
]
"""A file in `agents`, or `module:name`."""


def _as_written(value: object) -> str:
    return "shared" if isinstance(value, str) else "written"


def _names_alone(value: object) -> object:
    """A list names files, and the agents are called as the files are."""
    is_list = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return {name: name for name in value} if is_list and isinstance(value, list) else value


def _check_names(agents: dict[str, AgentSpec | str]) -> dict[str, AgentSpec | str]:
    message = "cannot name an agent; use 1 to 64 of a-z, 0-9 and -"
    if wrong := [name for name in agents if not ID.fullmatch(name)]:
        raise faulty("agents", [Fault((name,), name, f"{shown(name)} {message}") for name in wrong])
    return agents


_Agent: TypeAlias = Annotated[
    Annotated[AgentSpec, Tag("written")] | Annotated[AgentName, Tag("shared")], Discriminator(_as_written)
]
Agents = Annotated[
    dict[str, _Agent],
    AfterValidator(_check_names),
    Shorthand(BeforeValidator(_names_alone), {"type": "array", "items": text_like(ID.pattern)}),
]
"""By name; a text names a file in `agents`, and a list names files."""


class SharedAgent(AgentSpec):
    """An agent in a file of its own."""

    _source: Path | None = PrivateAttr(None)

    @property
    def source(self) -> Path | None:
        """The file that it was read from."""
        return self._source

    def model_post_init(self, context: Any) -> None:
        """Remember the file, as a line does."""
        self._source = context if isinstance(context, Path) else None
