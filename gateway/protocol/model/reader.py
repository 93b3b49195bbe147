"""
What a server says, as events: one JSON text is one message, and a message is no event, one or a few.

Messages are understood by their GA names. What a message must have for its meaning is checked, and nothing else; an
event that the API documents and that has no meaning here is told raw, one that it does not document is told as
`other`.
"""

import binascii
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from gateway.errors import RemoteProtocolError
from gateway.protocol.model.events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOtherEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeServerError,
)
from gateway.protocol.model.items import RealtimeToolCallItem, read_item
from gateway.protocol.model.usage import read_usage

Json = dict[str, Any]
T = TypeVar("T")


class Part(msgspec.Struct):
    """Where in a response something belongs."""

    item_id: str
    response_id: str = ""
    content_index: int = 0


class Delta(Part, kw_only=True):
    """A piece of a part."""

    delta: str


class Transcription(msgspec.Struct):
    """What the caller said."""

    item_id: str
    transcript: str


class Span(msgspec.Struct):
    """A stretch of the caller's audio."""

    item_id: str
    audio_start_ms: int
    audio_end_ms: int


class ItemNamed(msgspec.Struct):
    """An item, by its name."""

    item_id: str


class ItemHolder(msgspec.Struct):
    """An item, whole."""

    item: Json
    response_id: str | None = None
    previous_item_id: str | None = None


class Response(msgspec.Struct):
    """A response."""

    id: str
    status: str | None = None
    status_details: Any = None
    usage: Any = None
    conversation_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """None when it is no part of the conversation."""


class ResponseHolder(msgspec.Struct):
    """What is told of a response."""

    response: Response


class SessionHolder(msgspec.Struct):
    """What is told of the session."""

    session: Json


class Refusal(msgspec.Struct):
    """What went wrong."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


class RefusalHolder(msgspec.Struct):
    """An `error`."""

    error: Refusal


_decode = msgspec.json.Decoder(Json).decode


def parse(text: bytes) -> Json:
    """
    The JSON object of one text.

    Raises `RemoteProtocolError` when it is none, or has no `type`.
    """
    try:
        message = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"malformed event: {error}; it begins {text[:60]!r}") from error
    if not isinstance(message.get("type"), str):
        raise RemoteProtocolError(f"an event has the type {message.get('type')!r}; expected a name")
    return message


def shaped(message: Json, shape: type[T]) -> T:
    """
    The part of a message that its meaning needs.

    Raises `RemoteProtocolError` when it is not there.
    """
    try:
        return msgspec.convert(message, shape)
    except msgspec.ValidationError as error:
        raise RemoteProtocolError(f"half-formed {message.get('type')}: {error}") from error


def read(name: str, message: Json) -> list[RealtimeModelEvent]:
    """
    What a message means by its GA *name*.

    Raises `RemoteProtocolError` when it lacks what that needs.
    """
    if name in _QUIET:
        return []
    reader = _READERS.get(name)
    return [RealtimeModelOtherEvent(message)] if reader is None else list(reader(message))


def _audio(message: Json) -> Iterator[RealtimeModelEvent]:
    part = shaped(message, Delta)
    try:
        data = binascii.a2b_base64(part.delta, strict_mode=True)
    except ValueError as error:
        raise RemoteProtocolError(f"audio of {len(part.delta)} characters is not base64: {error}") from error
    yield RealtimeModelAudioEvent(data, part.response_id, part.item_id, part.content_index)


def _audio_done(message: Json) -> Iterator[RealtimeModelEvent]:
    part = shaped(message, Part)
    yield RealtimeModelAudioDoneEvent(part.item_id, part.content_index)


def _transcript(message: Json) -> Iterator[RealtimeModelEvent]:
    part = shaped(message, Delta)
    yield RealtimeModelTranscriptDeltaEvent(part.item_id, part.delta, part.response_id)


def _text(message: Json) -> Iterator[RealtimeModelEvent]:
    part = shaped(message, Delta)
    yield RealtimeModelOutputTextDeltaEvent(part.item_id, part.delta, part.response_id)


def _transcription(message: Json) -> Iterator[RealtimeModelEvent]:
    said = shaped(message, Transcription)
    yield RealtimeModelInputAudioTranscriptionCompletedEvent(said.item_id, said.transcript)


def _timeout(message: Json) -> Iterator[RealtimeModelEvent]:
    span = shaped(message, Span)
    yield RealtimeModelInputAudioTimeoutTriggeredEvent(span.item_id, span.audio_start_ms, span.audio_end_ms)


def _item_deleted(message: Json) -> Iterator[RealtimeModelEvent]:
    yield RealtimeModelItemDeletedEvent(shaped(message, ItemNamed).item_id)


def _item(message: Json) -> Iterator[RealtimeModelEvent]:
    """A message; a call of a tool is told once, when it is complete."""
    holder = shaped(message, ItemHolder)
    item = read_item(holder.item, holder.previous_item_id)
    if item and not isinstance(item, RealtimeToolCallItem):
        yield RealtimeModelItemUpdatedEvent(item)


def _output_item_done(message: Json) -> Iterator[RealtimeModelEvent]:
    """A finished item; a call of a tool that was broken off may hold half its arguments, and is not run."""
    holder = shaped(message, ItemHolder)
    item = read_item(holder.item, holder.previous_item_id)
    if not isinstance(item, RealtimeToolCallItem):
        yield from _item(message)
    elif item.call_id and item.status == "completed":
        yield RealtimeModelItemUpdatedEvent(replace(item, status="in_progress"))
        yield RealtimeModelToolCallEvent(
            item.name, item.call_id, item.arguments or "{}", item.item_id, item.previous_item_id
        )


def _response_created(message: Json) -> Iterator[RealtimeModelEvent]:
    yield RealtimeModelTurnStartedEvent(shaped(message, ResponseHolder).response.id)


def _response_done(message: Json) -> Iterator[RealtimeModelEvent]:
    """What it cost, why it failed if it did (no `error` need tell that), and that it is over."""
    response = shaped(message, ResponseHolder).response
    if usage := read_usage(response.usage):
        yield usage
    if response.status == "failed":
        yield RealtimeModelErrorEvent(_failure(response.status_details))
    yield RealtimeModelTurnEndedEvent(response.id)


def _failure(details: object) -> RealtimeServerError:
    error = details.get("error") if isinstance(details, dict) else None
    found = error if isinstance(error, dict) else {}
    words = {name: value for name in ("type", "code") if isinstance(value := found.get(name), str)}
    return RealtimeServerError(str(found.get("message") or "the response failed"), **words)


def _error(message: Json) -> Iterator[RealtimeModelEvent]:
    error = shaped(message, RefusalHolder).error
    yield RealtimeModelErrorEvent(
        RealtimeServerError(error.message or "", error.type, error.code, error.param, error.event_id)
    )


_READERS: dict[str, Callable[[Json], Iterator[RealtimeModelEvent]]] = {
    "error": _error,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _item,
    "response.output_item.done": _output_item_done,
    "response.output_audio.delta": _audio,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _transcript,
    "response.output_text.delta": _text,
    "conversation.item.added": _item,
    "conversation.item.done": _item,
    "conversation.item.retrieved": _item,
    "conversation.item.deleted": _item_deleted,
    "conversation.item.input_audio_transcription.completed": _transcription,
    "input_audio_buffer.timeout_triggered": _timeout,
}
_QUIET = {
    "session.created",
    "session.updated",
    "conversation.created",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.dtmf_event_received",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.done",
    "response.output_audio_transcript.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "rate_limits.updated",
}
"""Documented, and told raw only."""
