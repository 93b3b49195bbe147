"""What a realtime model tells whoever listens to it."""

from dataclasses import dataclass
from typing import Any, Literal

from gateway.protocol.model.items import RealtimeItem

RealtimeConnectionStatus = Literal["connecting", "connected", "disconnected"]


@dataclass(frozen=True, slots=True)
class RealtimeServerError:
    """Why a server refused something, in its own words."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    event_id: str | None = None
    """Which message of ours it refused, as far as the server says."""


@dataclass(frozen=True, slots=True)
class RealtimeModelErrorEvent:
    """Something went wrong, and the session goes on: a `RealtimeServerError`, or the nonsense that came."""

    error: Any
    type: Literal["error"] = "error"


@dataclass(frozen=True, slots=True)
class RealtimeModelToolCallEvent:
    """The model wants a tool run; the call is complete."""

    name: str
    call_id: str
    arguments: str
    """JSON, by the model: may be anything."""
    id: str | None = None
    previous_item_id: str | None = None
    type: Literal["function_call"] = "function_call"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioEvent:
    """A piece of the agent's speech, in the session's output format."""

    data: bytes
    response_id: str
    item_id: str
    content_index: int
    type: Literal["audio"] = "audio"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioInterruptedEvent:
    """The agent was cut off: whatever of its speech was not played must not be."""

    item_id: str
    """The item that was audible."""
    content_index: int
    type: Literal["audio_interrupted"] = "audio_interrupted"


@dataclass(frozen=True, slots=True)
class RealtimeModelAudioDoneEvent:
    """No more audio comes for this part; it may not have been played yet."""

    item_id: str
    content_index: int
    type: Literal["audio_done"] = "audio_done"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputAudioTranscriptionCompletedEvent:
    """What the caller said, by a transcription of its own; advisory."""

    item_id: str
    transcript: str
    type: Literal["input_audio_transcription_completed"] = "input_audio_transcription_completed"


@dataclass(frozen=True, slots=True)
class RealtimeModelInputAudioTimeoutTriggeredEvent:
    """The caller was silent for so long that the server answers the silence."""

    item_id: str
    audio_start_ms: int
    audio_end_ms: int
    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"


@dataclass(frozen=True, slots=True)
class RealtimeModelTranscriptDeltaEvent:
    """A piece of what the agent says; it runs ahead of the audio."""

    item_id: str
    delta: str
    response_id: str
    type: Literal["transcript_delta"] = "transcript_delta"


@dataclass(frozen=True, slots=True)
class RealtimeModelOutputTextDeltaEvent:
    """A piece of what the agent writes."""

    item_id: str
    delta: str
    response_id: str
    type: Literal["output_text_delta"] = "output_text_delta"


@dataclass(frozen=True, slots=True)
class RealtimeModelItemUpdatedEvent:
    """An item is part of the conversation, or has changed."""

    item: RealtimeItem
    type: Literal["item_updated"] = "item_updated"


@dataclass(frozen=True, slots=True)
class RealtimeModelItemDeletedEvent:
    """An item is no part of the conversation any more."""

    item_id: str
    type: Literal["item_deleted"] = "item_deleted"


@dataclass(frozen=True, slots=True)
class RealtimeModelConnectionStatusEvent:
    """The connection was made or lost."""

    status: RealtimeConnectionStatus
    type: Literal["connection_status"] = "connection_status"


@dataclass(frozen=True, slots=True)
class RealtimeModelTurnStartedEvent:
    """The model begins a response."""

    response_id: str | None = None
    type: Literal["turn_started"] = "turn_started"


@dataclass(frozen=True, slots=True)
class RealtimeModelTurnEndedEvent:
    """A response has ended, one way or another; its audio may play on."""

    response_id: str | None = None
    type: Literal["turn_ended"] = "turn_ended"


@dataclass(frozen=True, slots=True)
class RealtimeModelCachedTokensDetails:
    """Of what kind the tokens were that the server had in its cache."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RealtimeModelInputTokensDetails:
    """Of what kind the tokens were that the model read."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    """How many of them were cached; the rest are paid in full."""
    cached_tokens_details: RealtimeModelCachedTokensDetails | None = None


@dataclass(frozen=True, slots=True)
class RealtimeModelOutputTokensDetails:
    """Of what kind the tokens were that the model made."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RealtimeUsage:
    """Tokens of one response; input counts the whole conversation anew each time."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    requests: int = 1


@dataclass(frozen=True, slots=True)
class RealtimeModelUsageEvent:
    """What a response cost, cancelled ones included."""

    usage: RealtimeUsage
    input_tokens_details: RealtimeModelInputTokensDetails | None = None
    output_tokens_details: RealtimeModelOutputTokensDetails | None = None
    type: Literal["usage"] = "usage"


@dataclass(frozen=True, slots=True)
class RealtimeModelOtherEvent:
    """An event that the realtime API does not document."""

    data: Any
    type: Literal["other"] = "other"


@dataclass(frozen=True, slots=True)
class RealtimeModelExceptionEvent:
    """Something broke that should not have: the connection, or code of ours or of a listener's tracker."""

    exception: Exception
    context: str | None = None
    type: Literal["exception"] = "exception"


@dataclass(frozen=True, slots=True)
class RealtimeModelRawServerEvent:
    """Every event as the server sent it, in front of what it means."""

    data: Any
    type: Literal["raw_server_event"] = "raw_server_event"


@dataclass(frozen=True, slots=True)
class RealtimeModelEndOfStreamEvent:
    """The server closed the session in good order; nothing follows."""

    type: Literal["end_of_stream"] = "end_of_stream"


RealtimeModelEvent = (
    RealtimeModelErrorEvent
    | RealtimeModelToolCallEvent
    | RealtimeModelAudioEvent
    | RealtimeModelAudioInterruptedEvent
    | RealtimeModelAudioDoneEvent
    | RealtimeModelInputAudioTranscriptionCompletedEvent
    | RealtimeModelInputAudioTimeoutTriggeredEvent
    | RealtimeModelTranscriptDeltaEvent
    | RealtimeModelOutputTextDeltaEvent
    | RealtimeModelItemUpdatedEvent
    | RealtimeModelItemDeletedEvent
    | RealtimeModelConnectionStatusEvent
    | RealtimeModelTurnStartedEvent
    | RealtimeModelTurnEndedEvent
    | RealtimeModelUsageEvent
    | RealtimeModelOtherEvent
    | RealtimeModelExceptionEvent
    | RealtimeModelRawServerEvent
    | RealtimeModelEndOfStreamEvent
)
