"""What tools, handoffs, guardrails and instructions are told of the run that they belong to."""

import inspect
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from typing_extensions import TypeVar

from gateway.protocol.model.events import RealtimeUsage

if TYPE_CHECKING:
    from gateway.realtime.agent import RealtimeAgent

T = TypeVar("T")
TContext = TypeVar("TContext", default=Any)
MaybeAwaitable: TypeAlias = Awaitable[T] | T


@dataclass(slots=True)
class RunContextWrapper(Generic[TContext]):
    """Whatever the user of a run wants them to know; the model never sees it."""

    context: TContext
    usage: RealtimeUsage = field(default_factory=lambda: RealtimeUsage(requests=0))
    """Tokens of the run so far."""

    def add_usage(self, usage: RealtimeUsage) -> None:
        """A response has cost this."""
        self.usage = RealtimeUsage(
            self.usage.input_tokens + usage.input_tokens,
            self.usage.output_tokens + usage.output_tokens,
            self.usage.total_tokens + usage.total_tokens,
            self.usage.requests + usage.requests,
        )


@dataclass(slots=True, kw_only=True)
class ToolContext(RunContextWrapper[TContext]):
    """The same for one call of a tool."""

    tool_name: str
    tool_call_id: str
    tool_arguments: str
    """JSON, by the model."""
    agent: "RealtimeAgent[Any] | None" = None
    """Whose tool it is."""


async def settled(found: MaybeAwaitable[T]) -> T:
    """What a function of the user's found, whether it is `async` or not."""
    return await found if inspect.isawaitable(found) else found
