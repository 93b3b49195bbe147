"""What a session may be set to; whatever is left out stays as the server has it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

RealtimeModelName = str
RealtimeAudioFormat = str | Mapping[str, object]
"""`pcm16`, `g711_ulaw`, `g711_alaw`, in any spelling, or the API's object."""
RealtimeVoice = str | Mapping[str, str]
"""A name, or `{"id": …}` for a voice of one's own."""


class RealtimeFunctionTool(Protocol):
    """A tool as the model is told of it."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def params_json_schema(self) -> Mapping[str, Any]: ...


class RealtimeHandoffTool(Protocol):
    """Another agent to hand over to, as the model is told of it."""

    @property
    def tool_name(self) -> str: ...
    @property
    def tool_description(self) -> str: ...
    @property
    def input_json_schema(self) -> Mapping[str, Any]: ...


class RealtimePrompt(TypedDict, total=False):
    """A prompt that is stored with the server."""

    id: str
    version: str | None
    variables: Mapping[str, Any] | None


class RealtimeInputAudioTranscriptionConfig(TypedDict, total=False):
    """How the caller is written down."""

    model: str
    language: str
    prompt: str


class RealtimeInputAudioNoiseReductionConfig(TypedDict, total=False):
    """What is done about noise before anybody listens."""

    type: Literal["near_field", "far_field"]


class RealtimeTurnDetectionConfig(TypedDict, total=False):
    """Who decides where a turn ends, and what follows."""

    type: Literal["server_vad", "semantic_vad"]
    create_response: bool
    interrupt_response: bool
    eagerness: Literal["auto", "low", "medium", "high"]
    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int
    idle_timeout_ms: int | None


class RealtimeAudioInputConfig(TypedDict, total=False):
    """The caller's half of `audio`."""

    format: RealtimeAudioFormat
    noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    transcription: RealtimeInputAudioTranscriptionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None


class RealtimeAudioOutputConfig(TypedDict, total=False):
    """The agent's half of `audio`."""

    format: RealtimeAudioFormat
    voice: RealtimeVoice
    speed: float


class RealtimeAudioConfig(TypedDict, total=False):
    """Audio settings, nested as GA has them."""

    input: RealtimeAudioInputConfig
    output: RealtimeAudioOutputConfig


class RealtimeReasoningConfig(TypedDict, total=False):
    """How long a model that can think may do so."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"]


class RealtimeModelTracingConfig(TypedDict, total=False):
    """Under which name the server keeps a trace."""

    workflow_name: str
    group_id: str
    metadata: Mapping[str, Any]


class RealtimeSessionModelSettings(TypedDict, total=False):
    """Everything that a session may be set to; audio either nested or flat."""

    model_name: RealtimeModelName
    """Fixed once the session is open."""
    instructions: str | None
    prompt: RealtimePrompt | None
    modalities: Sequence[Literal["text", "audio"]]
    output_modalities: Sequence[Literal["text", "audio"]]
    audio: RealtimeAudioConfig
    voice: RealtimeVoice
    speed: float
    input_audio_format: RealtimeAudioFormat
    output_audio_format: RealtimeAudioFormat
    input_audio_transcription: RealtimeInputAudioTranscriptionConfig | None
    input_audio_noise_reduction: RealtimeInputAudioNoiseReductionConfig | None
    turn_detection: RealtimeTurnDetectionConfig | None
    """None leaves turns to the client."""
    tool_choice: str | Mapping[str, object]
    """`auto`, `none`, `required`, the name of a tool, or the API's object."""
    parallel_tool_calls: bool
    tools: Sequence[RealtimeFunctionTool | Mapping[str, Any]]
    handoffs: Sequence[RealtimeHandoffTool | Mapping[str, Any]]
    max_output_tokens: int | Literal["inf"]
    reasoning: RealtimeReasoningConfig
    tracing: Literal["auto"] | RealtimeModelTracingConfig | None
    """None turns it off."""
