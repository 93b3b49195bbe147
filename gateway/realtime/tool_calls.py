"""Calls of tools: whatever becomes of one, there is something to tell the model."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.agent import ToolAnswered, ToolCall
from gateway.errors import ToolError
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.approvals import Approvals, Verdict
from gateway.realtime.observer import AgentObserver
from gateway.realtime.run_context import MaybeAwaitable, RunContextWrapper, ToolContext, settled
from gateway.realtime.tool_output import bounded, error_text, output_text
from gateway.realtime.tools import BackgroundResult, FunctionTool

logger = logging.getLogger(__name__)

REFUSED = "nobody agreed to this call; it was not made"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolErrorFormatterArgs:
    """What is known of a call that nobody agreed to."""

    tool_name: str
    call_id: str
    default_message: str
    run_context: RunContextWrapper[Any]


ToolErrorFormatter = Callable[[ToolErrorFormatterArgs], MaybeAwaitable[str | None]]
"""What the model is told of a refusal; None for the default."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    text: str
    """For the model."""
    output: Any
    """As the tool returned it; the text where it failed."""
    responds: bool = True


class ToolCalls:
    """Makes the calls of one run."""

    def __init__(
        self,
        context: RunContextWrapper[Any],
        observer: AgentObserver,
        shared: Iterable[FunctionTool] = (),
        *,
        timeout_s: float | None,
        error_formatter: ToolErrorFormatter | None,
    ) -> None:
        """*shared* are tools of every agent; *timeout_s* is for tools that have no limit of their own."""
        self.approvals = Approvals()
        self._context = context
        self._observer = observer
        self._shared = {tool.name: tool for tool in shared}
        self._timeout_s = timeout_s
        self._error_formatter = error_formatter

    async def answer(self, call: ToolCall, agent: RealtimeAgent[Any]) -> ToolAnswered:
        """What the model is told of a call, once it is approved of if it has to be."""
        tool = agent.function_tool(call.name) or self._shared.get(call.name)
        if tool is None:
            return ToolAnswered(call.call_id, error_text(f"{agent.name} cannot run {call.name!r}"))
        try:
            verdict = await self._verdict(tool, call, agent)
        except ToolError as error:
            return ToolAnswered(call.call_id, error_text(str(error)))
        if not verdict.approved:
            return ToolAnswered(call.call_id, await self._refusal(call, verdict))
        self._observer.on_tool_started(agent, tool, call)
        outcome = await self._outcome(tool, call, agent)
        self._observer.on_tool_ended(agent, tool, call, outcome.output)
        return ToolAnswered(call.call_id, outcome.text, outcome.responds)

    async def _verdict(self, tool: FunctionTool, call: ToolCall, agent: RealtimeAgent[Any]) -> Verdict:
        if not await self._needs_approval(tool, call):
            return Verdict(approved=True)
        if standing := self.approvals.standing(tool.name):
            return standing
        self._observer.on_approval_required(agent, tool, call)
        return await self.approvals.verdict(call.call_id, tool.name)

    async def _needs_approval(self, tool: FunctionTool, call: ToolCall) -> bool:
        """Whether somebody has to agree; with arguments that make no sense, nobody can."""
        if isinstance(tool.needs_approval, bool):
            return tool.needs_approval
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            raise ToolError(f"malformed arguments: {error}") from error
        return await settled(tool.needs_approval(self._context, arguments, call.call_id))

    async def _refusal(self, call: ToolCall, verdict: Verdict) -> str:
        said = verdict.message
        if said is None and self._error_formatter is not None:
            known = ToolErrorFormatterArgs(
                tool_name=call.name, call_id=call.call_id, default_message=REFUSED, run_context=self._context
            )
            said = await settled(self._error_formatter(known))
        return error_text(REFUSED) if said is None else bounded(said)

    async def _outcome(self, tool: FunctionTool, call: ToolCall, agent: RealtimeAgent[Any]) -> _Outcome:
        context = self._tool_context(call, agent)
        try:
            found = await self._within_limit(tool, context, call.arguments)
            output, responds = (found.output, False) if isinstance(found, BackgroundResult) else (found, True)
            return _Outcome(output_text(output), output, responds)
        except ToolError as error:
            return await _failed(tool, context, error)
        except Exception as error:
            logger.exception("the tool %s failed", tool.name)
            return await _failed(tool, context, error)

    async def _within_limit(self, tool: FunctionTool, context: ToolContext[Any], arguments: str) -> Any:
        limit_s = self._timeout_s if tool.timeout_seconds is None else tool.timeout_seconds
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await tool.on_invoke_tool(context, arguments)
        except TimeoutError as error:
            if limit.expired():
                raise ToolError(f"{tool.name} did not answer within {limit_s:g} s") from error
            raise

    def _tool_context(self, call: ToolCall, agent: RealtimeAgent[Any]) -> ToolContext[Any]:
        return ToolContext(
            context=self._context.context,
            usage=self._context.usage,
            tool_name=call.name,
            tool_call_id=call.call_id,
            tool_arguments=call.arguments,
            agent=agent,
        )


async def _failed(tool: FunctionTool, context: ToolContext[Any], error: Exception) -> _Outcome:
    text = error_text("the tool failed")
    if tool.failure_error_function is not None:
        try:
            text = bounded(await settled(tool.failure_error_function(context, error)))
        except Exception:
            logger.exception("how a failure of %s is told could not be found out", tool.name)
    return _Outcome(text, text)
