"""
The hands of an agent: they run its tools, find out who takes over, and check what it says.

An `AgentRun` decides; a phone call, a call by SIP or a session without a phone drives it; and all have its wishes
carried out here, each in a task of its own, beside the audio. What comes of a wish is reported as an event, in the
loop's thread. Whatever becomes of a call, it is answered; only hands that are closed report nothing more.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from gateway.agent import (
    AgentEvent,
    AgentProfile,
    ChangeAgent,
    CheckSpeech,
    HandOver,
    RunTool,
    SpeechTripped,
    TookOver,
    ToolAnswered,
    ToolCall,
)
from gateway.errors import ToolError
from gateway.protocol.model.tools import tool_objects
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.approvals import Verdict
from gateway.realtime.guardrails import OutputGuardrail, first_tripped
from gateway.realtime.handoffs import as_handoff
from gateway.realtime.observer import AgentObserver
from gateway.realtime.run_context import RunContextWrapper, settled
from gateway.realtime.tool_calls import ToolCalls, ToolErrorFormatter
from gateway.realtime.tool_output import error_text
from gateway.realtime.tools import Enabled, FunctionTool

logger = logging.getLogger(__name__)

CLOSED_WITHIN_S = 1.0

Agent = RealtimeAgent[Any]


class AgentHands:
    """Carries out what an agent's run wishes."""

    def __init__(
        self,
        agent: Agent,
        report: Callable[[AgentEvent], None],
        *,
        context: RunContextWrapper[Any] | None = None,
        observer: AgentObserver | None = None,
        tools: Sequence[FunctionTool] = (),
        output_guardrails: Sequence[OutputGuardrail] = (),
        tool_timeout_s: float | None = None,
        tool_error_formatter: ToolErrorFormatter | None = None,
    ) -> None:
        """
        *tools* and *output_guardrails* are every agent's, besides its own.

        *tool_timeout_s* is for tools that have no limit of their own.
        """
        self.agent = agent
        """Who speaks."""
        self.context = context or RunContextWrapper(None)
        self._report = report
        self._observer = observer or AgentObserver()
        self._shared_tools = tuple(tools)
        self._output_guardrails = tuple(output_guardrails)
        self._tools = ToolCalls(
            self.context, self._observer, tools, timeout_s=tool_timeout_s, error_formatter=tool_error_formatter
        )
        self._introduced: dict[str, Agent] = {agent.name: agent}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def profile(self, agent: Agent | None = None) -> AgentProfile:
        """
        An agent, or who speaks, as the run and the model know it, as of now.

        Raises whatever its instructions raise, and `UserError` for tools that the model could not tell apart.
        """
        agent = agent or self.agent
        handoffs = [way for way in map(as_handoff, agent.handoffs) if await self._offered(way.is_enabled, agent)]
        known = (*agent.tools, *self._shared_tools)
        tools = [tool for tool in known if await self._offered(_enabled(tool), agent)]
        instructions = await agent.get_system_prompt(self.context)
        self._introduced[agent.name] = agent
        return AgentProfile(
            name=agent.name,
            instructions=instructions or "",
            tools=tuple(tool_objects(tools, handoffs)),
            handoffs={way.tool_name: way.agent_name for way in handoffs},
            fillers={tool.name: tool.filler for tool in tools if isinstance(tool, FunctionTool) and tool.filler},
            guarded=bool(self._guardrails(agent)),
            instead={guardrail.get_name(): guardrail.say for guardrail in self._guardrails(agent) if guardrail.say},
        )

    def carry_out(self, wish: RunTool | HandOver | CheckSpeech | ChangeAgent) -> None:
        """Begin with what is wished; what comes of it is reported."""
        if self._closed:
            return
        match wish:
            case RunTool(call):
                self._begin(call.name, self._answered(call, self._tools.answer(call, self.agent)))
            case HandOver(call):
                self._begin(call.name, self._answered(call, self._hand_over(call, self.agent)))
            case CheckSpeech():
                self._begin("guardrails", self._check(wish, self.agent))
            case ChangeAgent(profile):
                self._change(self._introduced[profile.name])
            case _:
                assert_never(wish)

    def approve(self, call_id: str, *, always: bool = False) -> None:
        """
        Have a call made that waits for it, and *always* every call of its tool.

        Raises `UserError` when no such call waits.
        """
        self._tools.approvals.decide(call_id, Verdict(approved=True), always=always)

    def reject(self, call_id: str, *, always: bool = False, message: str | None = None) -> None:
        """
        Have a call not made, and *always* no call of its tool; the model is told, with *message* if there is one.

        Raises `UserError` when no such call waits.
        """
        self._tools.approvals.decide(call_id, Verdict(approved=False, message=message), always=always)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while running := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(running)

    async def close(self) -> None:
        """Stop whatever runs, and report nothing more. A tool that asks for this runs on."""
        self._closed = True
        running = self._tasks - {asyncio.current_task()}
        for task in running:
            task.cancel()
        if running:
            _, left = await asyncio.wait(running, timeout=CLOSED_WITHIN_S)
            for task in left:
                logger.warning("%s does not stop; it is left alone", task.get_name())

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"{self.agent.name}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answered(self, call: ToolCall, work: Coroutine[Any, Any, AgentEvent]) -> None:
        """Whatever becomes of it, a call is answered."""
        try:
            event = await work
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            event = ToolAnswered(call.call_id, error_text(f"{call.name} was broken off"))
        except Exception as error:
            logger.exception("%s failed", call.name)
            event = ToolAnswered(call.call_id, error_text(str(error) or type(error).__name__))
        if not self._closed:
            self._report(event)

    async def _hand_over(self, call: ToolCall, agent: Agent) -> AgentEvent:
        try:
            way = agent.handoff(call.name)
            successor = await way.on_invoke_handoff(self.context, call.arguments)
        except ToolError as error:
            return ToolAnswered(call.call_id, error_text(str(error)))
        return TookOver(call.call_id, await self.profile(successor))

    def _change(self, successor: Agent) -> None:
        predecessor, self.agent = self.agent, successor
        self._observer.on_handed_over(predecessor, successor)

    async def _check(self, wish: CheckSpeech, agent: Agent) -> None:
        result = await first_tripped(self._guardrails(agent), self.context, agent, wish.text)
        if result is not None and not self._closed:
            tripped = SpeechTripped(wish.response_id, wish.item_id, result.guardrail.get_name())
            self._observer.on_guardrail_tripped(tripped, result)
            self._report(tripped)

    def _guardrails(self, agent: Agent) -> list[OutputGuardrail]:
        """Each once, be it the agent's or everybody's."""
        return list(dict.fromkeys([*agent.output_guardrails, *self._output_guardrails]))

    async def _offered(self, enabled: Enabled, agent: Agent) -> bool:
        return enabled if isinstance(enabled, bool) else await settled(enabled(self.context, agent))


def _enabled(tool: object) -> Enabled:
    return tool.is_enabled if isinstance(tool, FunctionTool) else True


def _is_cancelled() -> bool:
    """Whether somebody cancelled this task, rather than that something in it broke off by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
