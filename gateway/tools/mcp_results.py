"""
What an MCP server's tool found, for the model.

It is data and looks like data, whatever words are in it: an object with the result in it, and beside it what was left
out. What the server structured is preferred to the same as text; what can be neither read nor heard is left out.
"""

from collections import Counter
from typing import Any

from mcp.types import CallToolResult, ContentBlock, EmbeddedResource, TextContent, TextResourceContents
from pydantic_core import to_json

from gateway.errors import ToolError
from gateway.realtime.tool_output import LONGEST_OUTPUT_BYTES

ROOM_BYTES = LONGEST_OUTPUT_BYTES - 256
"""For the result alone."""


def result_of(found: CallToolResult) -> dict[str, Any]:
    """
    The result, wrapped and bounded.

    Raises `ToolError`, in the tool's words, if it says that it has failed.
    """
    text = "\n".join(filter(None, map(_text, found.content)))
    if found.is_error:
        raise ToolError(text or "the tool failed")
    result, notes = _within_room(text if found.structured_content is None else _unwrapped(found.structured_content))
    left_out = Counter(block.type for block in found.content if _text(block) is None)
    notes += [f"{count} of type {kind} left out" for kind, count in sorted(left_out.items())]
    return {"result": result, "note": "; ".join(notes)} if notes else {"result": result}


def _unwrapped(structured: object) -> object:
    """What is no object many servers wrap as we do."""
    match structured:
        case {"result": result, **rest} if not rest:
            return result
        case _:
            return structured


def _text(block: ContentBlock) -> str | None:
    match block:
        case TextContent(text=text) | EmbeddedResource(resource=TextResourceContents(text=text)):
            return text
        case _:
            return None


def _within_room(result: object) -> tuple[object, list[str]]:
    """The result, or as much of its text as there is room for when it is told as JSON, and a note."""
    whole_bytes = len(to_json(result))
    if whole_bytes <= ROOM_BYTES:
        return result, []
    text = result if isinstance(result, str) else to_json(result).decode()
    while (size_bytes := len(to_json(text))) > ROOM_BYTES:
        text = text[: len(text) * ROOM_BYTES // size_bytes]
    return text, [f"cut here; the whole result has {whole_bytes} bytes"]
