"""Who looks on while an agent's hands are at work."""

from typing import Any

from gateway.agent import SpeechTripped, ToolCall
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.guardrails import OutputGuardrailResult
from gateway.realtime.tools import FunctionTool


class AgentObserver:
    """Is told in the loop's thread, and does not wait; what it does not care for it leaves as it is."""

    def on_tool_started(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall) -> None:
        """A tool runs."""

    def on_tool_ended(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall, output: Any) -> None:
        """A tool has found *output*, or has failed with that text."""

    def on_approval_required(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall) -> None:
        """A call waits until it is approved or rejected."""

    def on_handed_over(self, from_agent: RealtimeAgent[Any], to_agent: RealtimeAgent[Any]) -> None:
        """Another agent speaks from now on."""

    def on_guardrail_tripped(self, tripped: SpeechTripped, result: OutputGuardrailResult) -> None:
        """A guardrail does not let something pass; told right in front of the report of it."""
