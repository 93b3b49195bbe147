"""Who speaks: what it is told, what it can do, to whom it may hand over, and what it must not say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from gateway.errors import ToolError, UserError
from gateway.realtime.guardrails import OutputGuardrail
from gateway.realtime.handoffs import Handoff, as_handoff
from gateway.realtime.run_context import MaybeAwaitable, RunContextWrapper, TContext, settled
from gateway.realtime.tools import FunctionTool

Instructions = str | Callable[[RunContextWrapper[Any], "RealtimeAgent[Any]"], MaybeAwaitable[str]]


@dataclass(slots=True, eq=False)
class RealtimeAgent(Generic[TContext]):
    """An agent that speaks in a realtime session; model and voice are the session's."""

    name: str
    instructions: Instructions | None = None
    """What the model is told to be, or what finds that out whenever the agent begins."""
    tools: list[FunctionTool | Mapping[str, Any]] = field(default_factory=list, repr=False)
    """Functions, and tools that the server runs by itself as the API describes them."""
    handoffs: "list[RealtimeAgent[Any] | Handoff]" = field(default_factory=list, repr=False)
    output_guardrails: list[OutputGuardrail] = field(default_factory=list, repr=False)
    handoff_description: str | None = None
    """What it is good for, to those who may hand over to it."""

    def clone(self, **changes: Any) -> "RealtimeAgent[TContext]":
        """The same agent but for *changes*; lists that are not changed are shared."""
        return replace(self, **changes)

    def function_tool(self, name: str) -> FunctionTool | None:
        """Its function of that name."""
        return next((tool for tool in self.tools if isinstance(tool, FunctionTool) and tool.name == name), None)

    def handoff(self, tool_name: str) -> Handoff:
        """
        Its way to another agent by that name.

        Raises `ToolError` when there is none.
        """
        for way in map(as_handoff, self.handoffs):
            if way.tool_name == tool_name:
                return way
        raise ToolError(f"{self.name} cannot hand over by {tool_name!r}")

    async def get_system_prompt(self, context: RunContextWrapper[Any]) -> str | None:
        """
        What the model is told to be, here and now.

        Raises `UserError` when that is no text.
        """
        if self.instructions is None or isinstance(self.instructions, str):
            return self.instructions
        prompt: object = await settled(self.instructions(context, self))
        if not isinstance(prompt, str):
            raise UserError(f"the instructions of {self.name} are {prompt!r}; expected text")
        return prompt
