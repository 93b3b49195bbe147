"""What a session tells whoever iterates over it."""

from dataclasses import dataclass
from typing import Any, Literal

from gateway.protocol.model.events import RealtimeModelAudioEvent, RealtimeModelEvent
from gateway.protocol.model.items import RealtimeItem
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.guardrails import OutputGuardrailResult
from gateway.realtime.run_context import RunContextWrapper
from gateway.realtime.tools import FunctionTool


@dataclass(frozen=True, slots=True)
class RealtimeEventInfo:
    """What all events of a session have in common."""

    context: RunContextWrapper[Any]


@dataclass(frozen=True, slots=True)
class RealtimeAgentStartEvent:
    """An agent begins a response."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["agent_start"] = "agent_start"


@dataclass(frozen=True, slots=True)
class RealtimeAgentEndEvent:
    """An agent has ended a response; its audio may play on."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["agent_end"] = "agent_end"


@dataclass(frozen=True, slots=True)
class RealtimeHandoffEvent:
    """One agent has handed over to another."""

    from_agent: RealtimeAgent[Any]
    to_agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["handoff"] = "handoff"


@dataclass(frozen=True, slots=True)
class RealtimeToolStart:
    """A tool runs."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    arguments: str
    """JSON, by the model."""
    call_id: str
    info: RealtimeEventInfo
    type: Literal["tool_start"] = "tool_start"


@dataclass(frozen=True, slots=True)
class RealtimeToolEnd:
    """A tool has answered or failed."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    arguments: str
    output: Any
    """As the tool returned it; what the model is told where it failed."""
    call_id: str
    info: RealtimeEventInfo
    type: Literal["tool_end"] = "tool_end"


@dataclass(frozen=True, slots=True)
class RealtimeToolApprovalRequired:
    """A call waits until somebody approves or rejects it."""

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    call_id: str
    arguments: str
    info: RealtimeEventInfo
    type: Literal["tool_approval_required"] = "tool_approval_required"


@dataclass(frozen=True, slots=True)
class RealtimeAudio:
    """A piece of the agent's speech, to be played behind what came before."""

    audio: RealtimeModelAudioEvent
    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: Literal["audio"] = "audio"


@dataclass(frozen=True, slots=True)
class RealtimeAudioEnd:
    """No more audio comes for this part; it may not have been played yet."""

    info: RealtimeEventInfo
    item_id: str
    content_index: int
    type: Literal["audio_end"] = "audio_end"


@dataclass(frozen=True, slots=True)
class RealtimeAudioInterrupted:
    """The agent was cut off: whatever was not played must not be."""

    info: RealtimeEventInfo
    item_id: str
    content_index: int
    type: Literal["audio_interrupted"] = "audio_interrupted"


@dataclass(frozen=True, slots=True)
class RealtimeError:
    """Something went wrong, and the session goes on."""

    error: Any
    info: RealtimeEventInfo
    type: Literal["error"] = "error"


@dataclass(frozen=True, slots=True)
class RealtimeHistoryAdded:
    """The conversation has one more item."""

    item: RealtimeItem
    info: RealtimeEventInfo
    type: Literal["history_added"] = "history_added"


@dataclass(frozen=True, slots=True)
class RealtimeHistoryUpdated:
    """The conversation has changed."""

    history: tuple[RealtimeItem, ...]
    """All of it, as it is now."""
    info: RealtimeEventInfo
    type: Literal["history_updated"] = "history_updated"


@dataclass(frozen=True, slots=True)
class RealtimeGuardrailTripped:
    """The agent said what it must not say, and is cut off."""

    guardrail_results: tuple[OutputGuardrailResult, ...]
    message: str
    """What it had said by then."""
    info: RealtimeEventInfo
    type: Literal["guardrail_tripped"] = "guardrail_tripped"


@dataclass(frozen=True, slots=True)
class RealtimeInputAudioTimeoutTriggered:
    """The caller was silent for so long that the server answers the silence."""

    info: RealtimeEventInfo
    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"


@dataclass(frozen=True, slots=True)
class RealtimeRawModelEvent:
    """An event of the model, in front of what the session makes of it."""

    data: RealtimeModelEvent
    info: RealtimeEventInfo
    type: Literal["raw_model_event"] = "raw_model_event"


RealtimeSessionEvent = (
    RealtimeAgentStartEvent
    | RealtimeAgentEndEvent
    | RealtimeHandoffEvent
    | RealtimeToolStart
    | RealtimeToolEnd
    | RealtimeToolApprovalRequired
    | RealtimeAudio
    | RealtimeAudioEnd
    | RealtimeAudioInterrupted
    | RealtimeError
    | RealtimeHistoryAdded
    | RealtimeHistoryUpdated
    | RealtimeGuardrailTripped
    | RealtimeInputAudioTimeoutTriggered
    | RealtimeRawModelEvent
)
