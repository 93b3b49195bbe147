"""What a realtime server tells, under the names of the GA protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from gateway.protocol.inputs import Input

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The server is ready to be configured."""

    session_id: str


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The session as the server has it now."""

    input_format: str
    """`audio/pcmu` when the configuration was taken."""
    output_format: str
    interrupts: bool
    """Whether the server cancels a running response when the caller speaks."""
    responds: bool
    """Whether the server answers by itself when the caller's turn ends."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The server's VAD hears the caller."""

    item_id: str
    audio_start_ms: int
    """Offset in the audio appended since the session began, the padding included."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller's turn ended."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class CallerTranscript:
    """What the caller said, by a transcription of its own; advisory."""

    item_id: str
    transcript: str
    usage: Mapping[str, object] = field(default_factory=dict)
    """What the transcription used; it is paid apart from the model."""


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """The model begins a response."""

    response_id: str


class AudioDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the agent's speech."""

    response_id: str
    item_id: str
    content_index: int
    payload: str
    """PCMU as base64."""


@dataclass(frozen=True, slots=True)
class AudioDone:
    """No more audio comes for this part."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """A piece of what the agent says; it runs ahead of the audio."""

    response_id: str
    item_id: str
    delta: str
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    """All that the agent meant to say in this part."""

    response_id: str
    item_id: str
    transcript: str
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class FunctionCalled:
    """The model wants a tool run; the call is complete."""

    response_id: str
    item_id: str
    call_id: str
    name: str
    arguments: str
    """JSON, by the model: may be anything."""


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response has ended, one way or another."""

    response_id: str
    status: ResponseStatus
    reason: str = ""
    """Why it is not complete: `turn_detected`, `client_cancelled`, `max_output_tokens`, `content_filter`, …"""
    error_code: str = ""
    """Of a failed response."""
    usage: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The server has cut an item."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class OutputAudioStarted:
    """The server itself plays to the caller, as it does where calls come by SIP, and has begun to play a response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioStopped:
    """The server has played all of a response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioCleared:
    """The server has thrown away what it had not played of a response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """The caller pressed a key, where the server itself hears the caller."""

    digit: str
    """One of `0-9`, `*`, `#`, `A-D`."""


@dataclass(frozen=True, slots=True)
class ErrorReceived:
    """The server refused something; most errors leave the session alive."""

    code: str
    message: str
    refused: Input | None = None
    """What of ours it refused, as far as the server says."""


@dataclass(frozen=True, slots=True)
class EventIgnored:
    """An event that needs no answer."""

    type: str


RealtimeEvent = (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | CallerTranscript
    | ResponseCreated
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | FunctionCalled
    | ResponseDone
    | ItemTruncated
    | OutputAudioStarted
    | OutputAudioStopped
    | OutputAudioCleared
    | DtmfReceived
    | ErrorReceived
    | EventIgnored
)
