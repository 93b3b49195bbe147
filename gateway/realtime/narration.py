"""What happens, as the events of a session: what the model tells, and what an agent's hands do."""

from collections.abc import Callable, Iterator
from typing import Any

from gateway.agent import SpeechTripped, ToolCall
from gateway.agent.history import History, HistoryAdded, HistoryChange
from gateway.protocol.model.events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
)
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.events import (
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeAudioEnd,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimeEventInfo,
    RealtimeGuardrailTripped,
    RealtimeHandoffEvent,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)
from gateway.realtime.guardrails import OutputGuardrailResult
from gateway.realtime.observer import AgentObserver
from gateway.realtime.tools import FunctionTool

Agent = RealtimeAgent[Any]


class Narration(AgentObserver):
    """Tells a session's events, and keeps its history."""

    def __init__(self, tell: Callable[[RealtimeSessionEvent], None], info: RealtimeEventInfo) -> None:
        self.history = History()
        self._tell = tell
        self._info = info
        self._tripped: OutputGuardrailResult | None = None

    def narrate(self, event: RealtimeModelEvent, agent: Agent) -> None:
        """The model has told something while *agent* speaks."""
        for told in self._in_words(event, agent):
            self._tell(told)
        change = self._in_history(event)
        if isinstance(change, HistoryAdded):
            self._tell(RealtimeHistoryAdded(change.item, self._info))
        elif change is not None:
            self._tell(RealtimeHistoryUpdated(self.history.items, self._info))

    def failed(self, error: Exception) -> None:
        """Something of ours failed."""
        self._tell(RealtimeError(error, self._info))

    def cut(self) -> None:
        """The agent is cut off because of what a guardrail found last."""
        if self._tripped is not None:
            self._tell(RealtimeGuardrailTripped((self._tripped,), self._tripped.agent_output, self._info))

    def on_tool_started(self, agent: Agent, tool: FunctionTool, call: ToolCall) -> None:
        """A tool runs."""
        self._tell(RealtimeToolStart(agent, tool, call.arguments, call.call_id, self._info))

    def on_tool_ended(self, agent: Agent, tool: FunctionTool, call: ToolCall, output: Any) -> None:
        """A tool has answered or failed."""
        self._tell(RealtimeToolEnd(agent, tool, call.arguments, output, call.call_id, self._info))

    def on_approval_required(self, agent: Agent, tool: FunctionTool, call: ToolCall) -> None:
        """A call waits."""
        self._tell(RealtimeToolApprovalRequired(agent, tool, call.call_id, call.arguments, self._info))

    def on_handed_over(self, from_agent: Agent, to_agent: Agent) -> None:
        """Another agent speaks."""
        self._tell(RealtimeHandoffEvent(from_agent, to_agent, self._info))

    def on_guardrail_tripped(self, tripped: SpeechTripped, result: OutputGuardrailResult) -> None:
        """Kept until it is known whether the agent is cut off because of it."""
        self._tripped = result

    def _in_words(self, event: RealtimeModelEvent, agent: Agent) -> Iterator[RealtimeSessionEvent]:
        match event:
            case RealtimeModelTurnStartedEvent():
                yield RealtimeAgentStartEvent(agent, self._info)
            case RealtimeModelTurnEndedEvent():
                yield RealtimeAgentEndEvent(agent, self._info)
            case RealtimeModelAudioEvent(item_id=item_id, content_index=content_index):
                yield RealtimeAudio(event, item_id, content_index, self._info)
            case RealtimeModelAudioDoneEvent(item_id, content_index):
                yield RealtimeAudioEnd(self._info, item_id, content_index)
            case RealtimeModelAudioInterruptedEvent(item_id, content_index):
                yield RealtimeAudioInterrupted(self._info, item_id, content_index)
            case RealtimeModelInputAudioTimeoutTriggeredEvent():
                yield RealtimeInputAudioTimeoutTriggered(self._info)
            case RealtimeModelErrorEvent(error):
                yield RealtimeError(error, self._info)
            case _:
                pass

    def _in_history(self, event: RealtimeModelEvent) -> HistoryChange:
        match event:
            case RealtimeModelItemUpdatedEvent(item):
                return self.history.updated(item)
            case RealtimeModelItemDeletedEvent(item_id):
                return self.history.deleted(item_id)
            case RealtimeModelTranscriptDeltaEvent(item_id, delta):
                return self.history.said(item_id, delta)
            case RealtimeModelOutputTextDeltaEvent(item_id, delta):
                return self.history.wrote(item_id, delta)
            case RealtimeModelInputAudioTranscriptionCompletedEvent(item_id, transcript):
                return self.history.transcribed(item_id, transcript)
            case RealtimeModelAudioInterruptedEvent(item_id, content_index):
                return self.history.cut(item_id, content_index)
            case RealtimeModelRawServerEvent(data):
                return self._truncated(data)
            case _:
                return None

    def _truncated(self, data: Any) -> HistoryChange:
        """Every item that is cut says so; the event of the interruption names the audible one only."""
        match data:
            case {
                "type": "conversation.item.truncated",
                "item_id": str(item_id),
                "content_index": int(content_index),
                "audio_end_ms": int(heard_ms),
            }:
                return self.history.cut(item_id, content_index, heard_ms)
            case _:
                return None
