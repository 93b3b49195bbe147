"""
The realtime system, usable without a phone: agents and their conversations, and the models under them.

    agent = RealtimeAgent(name="Ada", instructions="You answer the phone of a small hotel.", tools=[find_room])

    async with await RealtimeRunner(agent).run() as session:
        await session.send_message("Good morning.")
        async for event in session:
            print(event.type)

`agent` is who speaks, with its `tools`, `handoffs` and `guardrails`; `runner` begins a `session`, which tells its
`events`; `hands` carry out what an agent wishes, on a phone too. `model` is what every model is; `openai_model` is
OpenAI's, `live` its open session, `address` where it is and with what key. `scripted` is a model for tests of one's own
agents; it brings the simulators along, and is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gateway.errors import ToolError, UserError
from gateway.protocol.model.events import (
    RealtimeConnectionStatus,
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelCachedTokensDetails,
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputTokensDetails,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOtherEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTokensDetails,
    RealtimeModelRawServerEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeModelUsageEvent,
    RealtimeServerError,
    RealtimeUsage,
)
from gateway.protocol.model.inputs import (
    RealtimeModelInputImageContent,
    RealtimeModelInputTextContent,
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelUserInput,
    RealtimeModelUserInputMessage,
)
from gateway.protocol.model.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeMessageItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from gateway.protocol.model.playback import RealtimePlaybackState, RealtimePlaybackTracker
from gateway.protocol.model.settings import (
    RealtimeAudioConfig,
    RealtimeAudioFormat,
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeFunctionTool,
    RealtimeHandoffTool,
    RealtimeInputAudioNoiseReductionConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeModelName,
    RealtimeModelTracingConfig,
    RealtimePrompt,
    RealtimeReasoningConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
    RealtimeVoice,
)
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.config import RealtimeGuardrailsSettings, RealtimeRunConfig
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
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolEnd,
    RealtimeToolStart,
)
from gateway.realtime.guardrails import (
    GuardrailFunctionOutput,
    OutputGuardrail,
    OutputGuardrailResult,
    output_guardrail,
)
from gateway.realtime.handoffs import Handoff, realtime_handoff
from gateway.realtime.hands import AgentHands
from gateway.realtime.model import RealtimeModel, RealtimeModelConfig, RealtimeModelListener
from gateway.realtime.observer import AgentObserver
from gateway.realtime.openai_model import OpenAIRealtimeSIPModel, OpenAIRealtimeWebSocketModel
from gateway.realtime.run_context import RunContextWrapper, ToolContext
from gateway.realtime.runner import RealtimeRunner
from gateway.realtime.session import RealtimeSession
from gateway.realtime.tool_calls import ToolErrorFormatterArgs
from gateway.realtime.tools import BackgroundResult, FunctionTool, default_tool_error_function, function_tool

if TYPE_CHECKING:
    from gateway.realtime.scripted import ScriptedRealtimeModel, ScriptedTurn, ScriptError, calls, fails, says, turn

RealtimeClientMessage = RealtimeModelRawClientMessage
RealtimeUserInput = RealtimeModelUserInput
RealtimeUserInputMessage = RealtimeModelUserInputMessage
RealtimeUserInputText = RealtimeModelInputTextContent
RealtimeUserInputImage = RealtimeModelInputImageContent

__all__ = [
    "AgentHands",
    "AgentObserver",
    "AssistantAudio",
    "AssistantMessageItem",
    "AssistantText",
    "BackgroundResult",
    "FunctionTool",
    "GuardrailFunctionOutput",
    "Handoff",
    "InputAudio",
    "InputImage",
    "InputText",
    "OpenAIRealtimeSIPModel",
    "OpenAIRealtimeWebSocketModel",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "RealtimeAgent",
    "RealtimeAgentEndEvent",
    "RealtimeAgentStartEvent",
    "RealtimeAudio",
    "RealtimeAudioConfig",
    "RealtimeAudioEnd",
    "RealtimeAudioFormat",
    "RealtimeAudioInputConfig",
    "RealtimeAudioInterrupted",
    "RealtimeAudioOutputConfig",
    "RealtimeClientMessage",
    "RealtimeConnectionStatus",
    "RealtimeError",
    "RealtimeEventInfo",
    "RealtimeFunctionTool",
    "RealtimeGuardrailTripped",
    "RealtimeGuardrailsSettings",
    "RealtimeHandoffEvent",
    "RealtimeHandoffTool",
    "RealtimeHistoryAdded",
    "RealtimeHistoryUpdated",
    "RealtimeInputAudioNoiseReductionConfig",
    "RealtimeInputAudioTimeoutTriggered",
    "RealtimeInputAudioTranscriptionConfig",
    "RealtimeItem",
    "RealtimeMessageItem",
    "RealtimeModel",
    "RealtimeModelAudioDoneEvent",
    "RealtimeModelAudioEvent",
    "RealtimeModelAudioInterruptedEvent",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelConfig",
    "RealtimeModelConnectionStatusEvent",
    "RealtimeModelEndOfStreamEvent",
    "RealtimeModelErrorEvent",
    "RealtimeModelEvent",
    "RealtimeModelExceptionEvent",
    "RealtimeModelInputAudioTimeoutTriggeredEvent",
    "RealtimeModelInputAudioTranscriptionCompletedEvent",
    "RealtimeModelInputImageContent",
    "RealtimeModelInputTextContent",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelItemDeletedEvent",
    "RealtimeModelItemUpdatedEvent",
    "RealtimeModelListener",
    "RealtimeModelName",
    "RealtimeModelOtherEvent",
    "RealtimeModelOutputTextDeltaEvent",
    "RealtimeModelOutputTokensDetails",
    "RealtimeModelRawClientMessage",
    "RealtimeModelRawServerEvent",
    "RealtimeModelSendAudio",
    "RealtimeModelSendEvent",
    "RealtimeModelSendInterrupt",
    "RealtimeModelSendRawMessage",
    "RealtimeModelSendSessionUpdate",
    "RealtimeModelSendToolOutput",
    "RealtimeModelSendUserInput",
    "RealtimeModelToolCallEvent",
    "RealtimeModelTracingConfig",
    "RealtimeModelTranscriptDeltaEvent",
    "RealtimeModelTurnEndedEvent",
    "RealtimeModelTurnStartedEvent",
    "RealtimeModelUsageEvent",
    "RealtimeModelUserInput",
    "RealtimeModelUserInputMessage",
    "RealtimePlaybackState",
    "RealtimePlaybackTracker",
    "RealtimePrompt",
    "RealtimeRawModelEvent",
    "RealtimeReasoningConfig",
    "RealtimeRunConfig",
    "RealtimeRunner",
    "RealtimeServerError",
    "RealtimeSession",
    "RealtimeSessionEvent",
    "RealtimeSessionModelSettings",
    "RealtimeToolApprovalRequired",
    "RealtimeToolCallItem",
    "RealtimeToolEnd",
    "RealtimeToolStart",
    "RealtimeTurnDetectionConfig",
    "RealtimeUsage",
    "RealtimeUserInput",
    "RealtimeUserInputImage",
    "RealtimeUserInputMessage",
    "RealtimeUserInputText",
    "RealtimeVoice",
    "RunContextWrapper",
    "ScriptError",
    "ScriptedRealtimeModel",
    "ScriptedTurn",
    "SystemMessageItem",
    "ToolContext",
    "ToolError",
    "ToolErrorFormatterArgs",
    "UserError",
    "UserMessageItem",
    "calls",
    "default_tool_error_function",
    "fails",
    "function_tool",
    "output_guardrail",
    "realtime_handoff",
    "says",
    "turn",
]

_SCRIPTED = {"ScriptError", "ScriptedRealtimeModel", "ScriptedTurn", "calls", "fails", "says", "turn"}


def __getattr__(name: str) -> Any:
    if name in _SCRIPTED:
        return getattr(import_module("gateway.realtime.scripted"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
