"""Tools that wait for somebody's approval."""

from collections.abc import Callable

from gateway.agent import AgentEvent, ApprovalRequired, ToolCall
from gateway.realtime.hands import Agent
from gateway.realtime.observer import AgentObserver
from gateway.realtime.tools import FunctionTool


class Approvals(AgentObserver):
    """Has a call told of the tools that wait for somebody's approval."""

    def __init__(self, report: Callable[[AgentEvent], None]) -> None:
        self._report = report

    def on_approval_required(self, agent: Agent, tool: FunctionTool, call: ToolCall) -> None:
        """Tell it, as an event of the call."""
        self._report(ApprovalRequired(call))
