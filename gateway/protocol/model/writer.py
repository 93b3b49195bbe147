"""What users want, as messages of the GA protocol."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import UserError
from gateway.protocol.model.inputs import RealtimeModelRawClientMessage, RealtimeModelUserInput

Json = dict[str, Any]

LONGEST_APPEND_BYTES = 192 * 1024
"""So much audio goes into one message; the API takes 15 MiB, a peer that reads slowly is better off with less."""
_CONTENT = {"input_text": ("text",), "input_image": ("image_url",)}


def raw_message(message: RealtimeModelRawClientMessage) -> Json:
    """
    A message that its sender knows best.

    >>> raw_message({"type": "response.create", "other_data": {"response": {"instructions": "Say hello."}}})
    {'type': 'response.create', 'response': {'instructions': 'Say hello.'}}
    """
    given: Mapping[str, Any] = message
    if not isinstance(given.get("type"), str):
        raise UserError(f"a raw message is {message!r}; expected a mapping with a type")
    return {"type": given["type"], **(given.get("other_data") or {})}


def audio_messages(audio: bytes) -> Iterator[Json]:
    """Caller audio, in as many messages as it takes."""
    for start in range(0, len(audio), LONGEST_APPEND_BYTES):
        piece = base64.b64encode(audio[start : start + LONGEST_APPEND_BYTES]).decode()
        yield {"type": "input_audio_buffer.append", "audio": piece}


def user_message(user_input: RealtimeModelUserInput) -> Json:
    """A turn of the caller's that was written or shown."""
    if isinstance(user_input, str):
        content: list[Json] = [{"type": "input_text", "text": user_input}]
    else:
        content = [_content(part) for part in user_input["content"]]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}


def tool_output_message(call_id: str, output: str) -> Json:
    """What a tool answered."""
    return {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": call_id, "output": output},
    }


def truncate_message(item_id: str, content_index: int, audio_end_ms: int) -> Json:
    """Have the model forget what of an item was not heard."""
    return {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    }


def cancel_message(response_id: str | None) -> Json:
    """Have a response not be generated further; without its name, the one that is under way."""
    return {"type": "response.cancel", **({"response_id": response_id} if response_id else {})}


def _content(part: Mapping[str, Any]) -> Json:
    kind = str(part.get("type"))
    missing = [name for name in _CONTENT.get(kind, ("type",)) if not isinstance(part.get(name), str)]
    if kind not in _CONTENT or missing:
        raise UserError(
            f"content of a message is {dict(part)!r}; expected input_text with text, or input_image with image_url"
        )
    return {name: value for name, value in part.items() if value is not None}
