"""What can be asked of a realtime server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.protocol.session import SessionConfig


class AppendAudio(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="input_audio_buffer.append"):
    """Give the server a frame of caller audio; never acknowledged, and the only input that is written as it stands."""

    payload: str = msgspec.field(name="audio")
    """PCMU as base64."""


@dataclass(frozen=True, slots=True)
class ConfigureSession:
    """Set up the session; all or nothing."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    """Swap who the model is and what it can do; formats and voice stay."""

    instructions: str
    tools: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class UpdateAudio:
    """Have the session hear, speak and take turns as *config* says; who speaks stays."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Have the model speak."""

    instructions: str | None = None
    """In place of the session's, for this one response; None keeps the session's."""
    segment: str = ""
    """Which words of the line it speaks, if any; not told to the server."""
    lasts: bool = False
    """Whether it is still wanted when the server has answered the caller; not told to the server."""


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Have the model stop generating a response; what is generated stays in its memory."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ClearOutputAudio:
    """Have a server that plays to the caller itself throw away what it has not played; it truncates by itself."""


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Have the model forget what of an item comes after *audio_end_ms*."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class SendToolOutput:
    """Tell the model what a tool answered; nothing is spoken until a response is asked for."""

    call_id: str
    output: str


Input = (
    AppendAudio
    | ConfigureSession
    | UpdateAgent
    | UpdateAudio
    | CreateResponse
    | CancelResponse
    | ClearOutputAudio
    | TruncateItem
    | SendToolOutput
)
