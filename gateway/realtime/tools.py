"""
Functions that a model may call.

    @function_tool
    async def find_room(date: Annotated[str, "the first night, as YYYY-MM-DD"], guests: int = 2) -> str:
        '''Find a free room.'''

What is said of parameters in an `Args:` section does as well. A function that is not `async` runs in a thread, so that
what it waits for holds no audio up.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from gateway.realtime.function_schema import Function, FunctionSchema, function_schema
from gateway.realtime.run_context import MaybeAwaitable, RunContextWrapper, ToolContext, settled
from gateway.realtime.threads import in_thread
from gateway.realtime.tool_output import error_text

if TYPE_CHECKING:
    from gateway.realtime.agent import RealtimeAgent

ToolErrorFunction = Callable[[RunContextWrapper[Any], Exception], MaybeAwaitable[str]]
Enabled = bool | Callable[[RunContextWrapper[Any], "RealtimeAgent[Any]"], MaybeAwaitable[bool]]
NeedsApproval = bool | Callable[[RunContextWrapper[Any], dict[str, Any], str], MaybeAwaitable[bool]]


def default_tool_error_function(context: RunContextWrapper[Any], error: Exception) -> str:
    """What the model is told of a tool that failed, unless somebody knows better."""
    return error_text(str(error) or type(error).__name__)


@dataclass(frozen=True, slots=True)
class BackgroundResult:
    """An output that the model is told and need not answer: it speaks when something else has it speak."""

    output: Any


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the model may call."""

    name: str
    description: str
    params_json_schema: Mapping[str, Any]
    on_invoke_tool: Callable[[ToolContext[Any], str], Awaitable[Any]]
    """Called with the model's arguments as JSON; text is told as it is, all else as JSON, an exception as a failure."""
    strict_json_schema: bool = True
    """Whether arguments that the schema does not name are refused."""
    is_enabled: Enabled = True
    """Whether the model is told of it."""
    needs_approval: NeedsApproval = False
    """Whether somebody has to agree to a call, by its arguments and its id."""
    timeout_seconds: float | None = None
    """How long the model waits; None leaves that to whoever runs the agent."""
    failure_error_function: ToolErrorFunction | None = default_tool_error_function
    """What the model is told of a failure; None tells it that there was one, and nothing else."""
    filler: str | None = None
    """Said to a caller who would hear nothing while it runs."""


@overload
def function_tool(function: Function) -> FunctionTool: ...
@overload
def function_tool(
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    strict_mode: bool = True,
    is_enabled: Enabled = True,
    needs_approval: NeedsApproval = False,
    timeout: float | None = None,
    failure_error_function: ToolErrorFunction | None = default_tool_error_function,
) -> Callable[[Function], FunctionTool]: ...


def function_tool(
    function: Function | None = None,
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    strict_mode: bool = True,
    is_enabled: Enabled = True,
    needs_approval: NeedsApproval = False,
    timeout: float | None = None,
    failure_error_function: ToolErrorFunction | None = default_tool_error_function,
) -> FunctionTool | Callable[[Function], FunctionTool]:
    """
    Make a tool of a function, by its hints and its docstring; it may want a `ToolContext` first.

    Raises `UserError` for a function that cannot be described to a model.
    """

    def made(function: Function) -> FunctionTool:
        schema = function_schema(function, strict=strict_mode)
        return FunctionTool(
            name=name_override or schema.name,
            description=schema.description if description_override is None else description_override,
            params_json_schema=schema.params_json_schema,
            on_invoke_tool=_invoker(function, schema),
            strict_json_schema=strict_mode,
            is_enabled=is_enabled,
            needs_approval=needs_approval,
            timeout_seconds=timeout,
            failure_error_function=failure_error_function,
        )

    return made if function is None else made(function)


def _invoker(function: Function, schema: FunctionSchema) -> Callable[[ToolContext[Any], str], Awaitable[Any]]:
    runs = function if inspect.iscoroutinefunction(function) else partial(in_thread, function)

    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        positional, named = schema.read(arguments)
        return await settled(await runs(*([context] if schema.takes_context else []), *positional, **named))

    return invoke
