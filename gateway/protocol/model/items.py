"""What a conversation consists of: messages, and calls of tools."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

Json = dict[str, Any]
ItemStatus = Literal["in_progress", "completed", "incomplete"]


@dataclass(frozen=True, slots=True)
class InputText:
    """Text of the caller, or of the system."""

    text: str | None = None
    type: Literal["input_text"] = "input_text"


@dataclass(frozen=True, slots=True)
class InputAudio:
    """Speech of the caller."""

    audio: str | None = None
    """Base64, where the server gives it."""
    transcript: str | None = None
    type: Literal["input_audio"] = "input_audio"


@dataclass(frozen=True, slots=True)
class InputImage:
    """An image of the caller."""

    image_url: str | None = None
    detail: str | None = None
    type: Literal["input_image"] = "input_image"


@dataclass(frozen=True, slots=True)
class AssistantText:
    """What the agent wrote."""

    text: str | None = None
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class AssistantAudio:
    """What the agent said."""

    audio: str | None = None
    transcript: str | None = None
    type: Literal["audio"] = "audio"


UserContent = InputText | InputAudio | InputImage
AssistantContent = AssistantText | AssistantAudio


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemMessageItem:
    """A word from whoever runs the agent."""

    item_id: str
    previous_item_id: str | None = None
    content: tuple[InputText, ...] = ()
    role: Literal["system"] = "system"
    type: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessageItem:
    """A turn of the caller."""

    item_id: str
    previous_item_id: str | None = None
    content: tuple[UserContent, ...] = ()
    role: Literal["user"] = "user"
    type: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantMessageItem:
    """A turn of the agent."""

    item_id: str
    previous_item_id: str | None = None
    status: ItemStatus | None = None
    content: tuple[AssistantContent, ...] = ()
    role: Literal["assistant"] = "assistant"
    type: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeToolCallItem:
    """A tool that the model wants run, and what it answered."""

    item_id: str
    previous_item_id: str | None = None
    call_id: str | None = None
    status: ItemStatus = "in_progress"
    arguments: str = ""
    name: str = ""
    output: str | None = None
    type: Literal["function_call"] = "function_call"


RealtimeMessageItem = SystemMessageItem | UserMessageItem | AssistantMessageItem
RealtimeItem = RealtimeMessageItem | RealtimeToolCallItem


def read_item(item: Json, previous_item_id: str | None = None) -> RealtimeItem | None:
    """What a server says of an item; None for kinds that are no part of what people read, and for nonsense."""
    item_id = _text(item, "id")
    if not item_id:
        return None
    if item.get("type") == "function_call":
        return _tool_call(item, item_id, previous_item_id)
    if item.get("type") != "message":
        return None
    return _message(item, item_id, previous_item_id)


def _tool_call(item: Json, item_id: str, previous_item_id: str | None) -> RealtimeToolCallItem:
    return RealtimeToolCallItem(
        item_id=item_id,
        previous_item_id=previous_item_id,
        call_id=_text(item, "call_id"),
        status=_status(item) or "completed",
        arguments=_text(item, "arguments") or "",
        name=_text(item, "name") or "",
    )


def _message(item: Json, item_id: str, previous_item_id: str | None) -> RealtimeMessageItem | None:
    match item.get("role"):
        case "system":
            words = tuple(part for part in _user_content(item) if isinstance(part, InputText))
            return SystemMessageItem(item_id=item_id, previous_item_id=previous_item_id, content=words)
        case "user":
            heard = tuple(_user_content(item))
            return UserMessageItem(item_id=item_id, previous_item_id=previous_item_id, content=heard)
        case "assistant":
            return AssistantMessageItem(
                item_id=item_id,
                previous_item_id=previous_item_id,
                status=_status(item),
                content=tuple(_assistant_content(item)),
            )
        case _:
            return None


def _user_content(item: Json) -> Iterator[UserContent]:
    for part in _parts(item):
        match part.get("type"):
            case "input_text" | "text":
                yield InputText(_text(part, "text"))
            case "input_audio" | "audio":
                yield InputAudio(_text(part, "audio"), _text(part, "transcript"))
            case "input_image":
                yield InputImage(_text(part, "image_url"), _text(part, "detail"))


def _assistant_content(item: Json) -> Iterator[AssistantContent]:
    for part in _parts(item):
        match part.get("type"):
            case "output_text" | "text":
                yield AssistantText(_text(part, "text"))
            case "output_audio" | "audio":
                yield AssistantAudio(_text(part, "audio"), _text(part, "transcript"))


def _parts(item: Json) -> list[Json]:
    content = item.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _text(holder: Json, name: str) -> str | None:
    found = holder.get(name)
    return found if isinstance(found, str) else None


def _status(item: Json) -> ItemStatus | None:
    known: dict[object, ItemStatus] = {status: status for status in get_args(ItemStatus)}
    return known.get(_text(item, "status"))
