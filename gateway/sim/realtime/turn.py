"""
What the agent is asked, and what it may answer.

A `Turn` is what a model would see when a response is created; a `Reply` is what the response then produces,
item by item.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
"""An object as it travels."""


@dataclass(frozen=True, slots=True)
class Say:
    """A message of the agent; one item."""

    text: str = ""
    """What is said; the transcript, word by word."""
    audio: bytes | None = None
    """How it sounds, as mu-law at 8 kHz; None lets the voice speak the text."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; one item."""

    name: str
    arguments: Mapping[str, object] | str = "{}"
    """What the function is called with; a string is sent as it is, valid or not."""
    call_id: str | None = None
    """Name of the call; None makes one up."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The response fails here."""

    code: str | None
    message: str = ""
    kind: str = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Stop:
    """The response is cut off here, and ends incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


Output: TypeAlias = Say | Call | Fail | Stop
Reply: TypeAlias = tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """The moment at which the agent has to answer."""

    ordinal: int
    """How many responses this session created before."""
    instructions: str
    """What the agent is told to be: those of the response, or else those of the session."""
    own_instructions: str | None
    """Those of this response alone, if it has some."""
    items: tuple[Json, ...]
    """What the agent remembers, in order and without audio."""
    fresh_items: tuple[Json, ...]
    """The part of it that came in since the response before."""
    metadata: Mapping[str, str]
    """What the client pinned to the response."""
    tools: tuple[str, ...]
    """Names of the functions that the agent may call."""
    out_of_band: bool
    """Whether the answer stays outside of the conversation."""

    @property
    def greeting(self) -> bool:
        """Whether nobody has said anything yet."""
        return not any(item.get("role") != "system" for item in self.items)

    @property
    def tool_outputs(self) -> dict[str, str]:
        """What tools have answered since the response before, by call id."""
        answers = (item for item in self.fresh_items if item["type"] == "function_call_output")
        return {answer["call_id"]: answer["output"] for answer in answers}
