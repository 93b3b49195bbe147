"""Someone who knows the field's SDK is at home: the names are there, and what they have has its names."""

import dataclasses
import inspect

import pytest

from gateway import realtime

OF_THE_SDK = """
AssistantMessageItem AssistantText InputAudio InputText OpenAIRealtimeSIPModel OpenAIRealtimeWebSocketModel
RealtimeAgent RealtimeAgentEndEvent RealtimeAgentStartEvent RealtimeAudio RealtimeAudioEnd RealtimeAudioFormat
RealtimeAudioInterrupted RealtimeClientMessage RealtimeConnectionStatus RealtimeError RealtimeEventInfo
RealtimeGuardrailTripped RealtimeGuardrailsSettings RealtimeHandoffEvent RealtimeHistoryAdded RealtimeHistoryUpdated
RealtimeInputAudioNoiseReductionConfig RealtimeInputAudioTimeoutTriggered RealtimeInputAudioTranscriptionConfig
RealtimeItem RealtimeMessageItem RealtimeModel RealtimeModelAudioDoneEvent RealtimeModelAudioEvent
RealtimeModelAudioInterruptedEvent RealtimeModelConfig RealtimeModelConnectionStatusEvent RealtimeModelErrorEvent
RealtimeModelEvent RealtimeModelExceptionEvent RealtimeModelInputAudioTranscriptionCompletedEvent
RealtimeModelInputTextContent RealtimeModelItemDeletedEvent RealtimeModelItemUpdatedEvent RealtimeModelListener
RealtimeModelName RealtimeModelOtherEvent RealtimeModelRawClientMessage RealtimeModelSendAudio RealtimeModelSendEvent
RealtimeModelSendInterrupt RealtimeModelSendRawMessage RealtimeModelSendSessionUpdate RealtimeModelSendToolOutput
RealtimeModelSendUserInput RealtimeModelToolCallEvent RealtimeModelTracingConfig RealtimeModelTranscriptDeltaEvent
RealtimeModelTurnEndedEvent RealtimeModelTurnStartedEvent RealtimeModelUsageEvent RealtimeModelUserInput
RealtimeModelUserInputMessage RealtimePlaybackState RealtimePlaybackTracker RealtimeRawModelEvent
RealtimeReasoningConfig RealtimeRunConfig RealtimeRunner RealtimeSession RealtimeSessionEvent
RealtimeSessionModelSettings RealtimeToolApprovalRequired RealtimeToolCallItem RealtimeToolEnd RealtimeToolStart
RealtimeTurnDetectionConfig RealtimeUserInput RealtimeUserInputMessage RealtimeUserInputText SystemMessageItem
UserMessageItem realtime_handoff FunctionTool GuardrailFunctionOutput Handoff OutputGuardrail OutputGuardrailResult
RunContextWrapper ToolContext default_tool_error_function function_tool output_guardrail
"""

METHODS = {
    "RealtimeAgent": ["clone", "get_system_prompt"],
    "RealtimeRunner": ["run"],
    "RealtimeSession": [
        "approve_tool_call",
        "close",
        "enter",
        "interrupt",
        "model",
        "reject_tool_call",
        "send_audio",
        "send_message",
        "update_agent",
    ],
}

FIELDS = {
    "FunctionTool": "name description params_json_schema on_invoke_tool strict_json_schema is_enabled needs_approval",
    "Handoff": "tool_name tool_description input_json_schema on_invoke_handoff agent_name is_enabled",
    "RealtimeAgent": "name instructions tools handoffs output_guardrails handoff_description",
    "OutputGuardrail": "guardrail_function name",
    "OutputGuardrailResult": "guardrail agent_output agent output",
    "GuardrailFunctionOutput": "output_info tripwire_triggered",
    "RunContextWrapper": "context usage",
    "ToolContext": "context usage tool_name tool_call_id tool_arguments agent",
    "RealtimeAgentStartEvent": "agent info type",
    "RealtimeAgentEndEvent": "agent info type",
    "RealtimeHandoffEvent": "from_agent to_agent info type",
    "RealtimeToolStart": "agent tool arguments info type",
    "RealtimeToolEnd": "agent tool output info type",
    "RealtimeToolApprovalRequired": "agent tool call_id arguments info type",
    "RealtimeAudio": "audio item_id content_index info type",
    "RealtimeAudioEnd": "info item_id content_index type",
    "RealtimeAudioInterrupted": "info item_id content_index type",
    "RealtimeError": "error info type",
    "RealtimeHistoryAdded": "item info type",
    "RealtimeHistoryUpdated": "history info type",
    "RealtimeGuardrailTripped": "guardrail_results message info type",
    "RealtimeInputAudioTimeoutTriggered": "info type",
    "RealtimeRawModelEvent": "data info type",
    "RealtimeEventInfo": "context",
}


@pytest.mark.parametrize("name", OF_THE_SDK.split())
def test_the_names_are_there(name: str) -> None:
    """
    And are meant to be.
    """
    assert hasattr(realtime, name)
    assert name in realtime.__all__


def test_every_name_that_is_promised_is_there() -> None:
    """
    Those that are imported when they are asked for too; no other is.
    """
    assert all(hasattr(realtime, name) for name in realtime.__all__)
    assert sorted(realtime.__all__) == sorted(set(realtime.__all__))
    assert not hasattr(realtime, "RealtimeNothing")


@pytest.mark.parametrize("name", METHODS)
def test_what_can_be_done_has_its_name(name: str) -> None:
    """
    Of agents, runners and sessions.
    """
    assert [method for method in METHODS[name] if not hasattr(getattr(realtime, name), method)] == []


@pytest.mark.parametrize("name", FIELDS)
def test_what_they_have_has_its_name(name: str) -> None:
    """
    Fields of events, tools, handoffs and guardrails.
    """
    fields = {field.name for field in dataclasses.fields(getattr(realtime, name))}
    assert set(FIELDS[name].split()) <= fields


def test_what_can_be_asked_for_has_its_name() -> None:
    """
    In the configuration of a run, and of a tool.
    """
    assert {
        "model_settings",
        "output_guardrails",
        "guardrails_settings",
        "async_tool_calls",
        "tool_error_formatter",
        "tracing_disabled",
    } <= realtime.RealtimeRunConfig.__annotations__.keys()
    assert {
        "name_override",
        "description_override",
        "strict_mode",
        "is_enabled",
        "needs_approval",
        "timeout",
        "failure_error_function",
    } <= inspect.signature(realtime.function_tool).parameters.keys()
    assert {
        "tool_name_override",
        "tool_description_override",
        "on_handoff",
        "input_type",
        "is_enabled",
    } <= inspect.signature(realtime.realtime_handoff).parameters.keys()
