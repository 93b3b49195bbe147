"""
One agent hands over to another: to the model, that is one more tool.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from gateway.errors import UserError
from gateway.realtime.function_schema import json_schema, read_json
from gateway.realtime.run_context import RunContextWrapper, settled
from gateway.realtime.tools import Enabled

if TYPE_CHECKING:
    from gateway.realtime.agent import RealtimeAgent

NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Handoff:
    """A way from one agent to another."""

    tool_name: str
    tool_description: str
    input_json_schema: Mapping[str, Any]
    on_invoke_handoff: Callable[[RunContextWrapper[Any], str], Awaitable["RealtimeAgent[Any]"]]
    """Says who takes over, from the model's arguments as JSON."""
    agent_name: str
    is_enabled: Enabled = True
    """Whether the model is told of it."""

    @staticmethod
    def default_tool_name(agent: "RealtimeAgent[Any]") -> str:
        """`transfer_to_…`."""
        return "transfer_to_" + re.sub(r"[^A-Za-z0-9_]+", "_", agent.name).strip("_").lower()

    @staticmethod
    def default_tool_description(agent: "RealtimeAgent[Any]") -> str:
        """Who it is that takes over, and what for as far as it says."""
        return f"Hand over to {agent.name}. {agent.handoff_description or ''}".rstrip()


def realtime_handoff(
    agent: "RealtimeAgent[Any]",
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: Callable[..., Any] | None = None,
    input_type: type[Any] | None = None,
    is_enabled: Enabled = True,
) -> Handoff:
    """
    A way to *agent*; *on_handoff* is told when it is taken, with what the model says if an *input_type* wants it to.

    Raises `UserError` for an *on_handoff* that cannot be told that.
    """
    adapter: TypeAdapter[Any] | None = None if input_type is None else TypeAdapter(input_type)
    _check(on_handoff, told=1 if adapter is None else 2)

    async def invoke(context: RunContextWrapper[Any], arguments: str) -> "RealtimeAgent[Any]":
        said = [] if adapter is None else [read_json(adapter, arguments)]
        if on_handoff is not None:
            await settled(on_handoff(context, *said))
        return agent

    return Handoff(
        tool_name=tool_name_override or Handoff.default_tool_name(agent),
        tool_description=tool_description_override or Handoff.default_tool_description(agent),
        input_json_schema=NOTHING if adapter is None else json_schema(adapter),
        on_invoke_handoff=invoke,
        agent_name=agent.name,
        is_enabled=is_enabled,
    )


def as_handoff(way: "RealtimeAgent[Any] | Handoff") -> Handoff:
    """An agent stands for the plain way to it."""
    return way if isinstance(way, Handoff) else realtime_handoff(way)


def _check(on_handoff: Callable[..., Any] | None, *, told: int) -> None:
    if on_handoff is None:
        if told > 1:
            raise UserError("input_type is given, and no on_handoff that would be told; expected both")
        return
    try:
        inspect.signature(on_handoff).bind(*range(told))
    except TypeError as error:
        expected = "the context" if told == 1 else "the context and the input"
        raise UserError(f"on_handoff cannot be called with {expected}: {error}") from error
