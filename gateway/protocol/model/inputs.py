"""What can be asked of a realtime model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from gateway.protocol.model.events import RealtimeModelToolCallEvent
from gateway.protocol.model.settings import RealtimeSessionModelSettings


class RealtimeModelRawClientMessage(TypedDict):
    """A message of the API, sent as it stands."""

    type: str
    other_data: NotRequired[Mapping[str, Any]]
    """Everything but its type."""


class RealtimeModelInputTextContent(TypedDict):
    """Text of the caller."""

    type: Literal["input_text"]
    text: str


class RealtimeModelInputImageContent(TypedDict):
    """An image of the caller, as a data URI."""

    type: Literal["input_image"]
    image_url: str
    detail: NotRequired[Literal["auto", "low", "high"]]


class RealtimeModelUserInputMessage(TypedDict):
    """A message of the caller."""

    type: Literal["message"]
    role: Literal["user"]
    content: Sequence[RealtimeModelInputTextContent | RealtimeModelInputImageContent]


RealtimeModelUserInput = str | RealtimeModelUserInputMessage


@dataclass(frozen=True, slots=True)
class RealtimeModelSendRawMessage:
    """Send a message of the API, whatever it is."""

    message: RealtimeModelRawClientMessage


@dataclass(frozen=True, slots=True)
class RealtimeModelSendUserInput:
    """Have the model answer what the caller wrote or showed."""

    user_input: RealtimeModelUserInput


@dataclass(frozen=True, slots=True)
class RealtimeModelSendAudio:
    """Let the model hear the caller."""

    audio: bytes
    """In the session's input format, of any length."""
    commit: bool = False
    """End the caller's turn; only where the server does not decide that."""


@dataclass(frozen=True, slots=True)
class RealtimeModelSendToolOutput:
    """Tell the model what a tool answered."""

    tool_call: RealtimeModelToolCallEvent
    output: str
    start_response: bool
    """Whether the model goes on speaking, as soon as it may; wanted many times, it is asked for once."""


@dataclass(frozen=True, slots=True)
class RealtimeModelSendInterrupt:
    """Cut the agent off, and have the model forget what was not heard."""

    force_response_cancel: bool = False
    """Cancel the response even where the server cancels by itself when the caller speaks."""
    response_id: str | None = None
    """Cut off this response and no other."""
    playback_only: bool = False
    """Leave the response to be generated; only what would be heard of it is cut."""


@dataclass(frozen=True, slots=True)
class RealtimeModelSendSessionUpdate:
    """Change settings of the session, and no others."""

    session_settings: RealtimeSessionModelSettings


RealtimeModelSendEvent = (
    RealtimeModelSendRawMessage
    | RealtimeModelSendUserInput
    | RealtimeModelSendAudio
    | RealtimeModelSendToolOutput
    | RealtimeModelSendInterrupt
    | RealtimeModelSendSessionUpdate
)
