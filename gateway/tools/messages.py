"""
Messages that callers leave: one line of JSON each, in one file that whoever reads them may move away.

A message is taken when it is on the disk, and not before. Where it cannot be written the agent is told so, and can tell
the caller; no message is lost in silence. Files are written in a thread, since disks are slow.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired

from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from gateway.errors import ToolError
from gateway.lines.tools.parameters import Json
from gateway.realtime.function_schema import read_json
from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool

logger = logging.getLogger(__name__)

TAKE = "take_message"
FILE_NAME = "messages.jsonl"
LONGEST_TEXT = 10_000
LONGEST_FIELD = 200


@dataclass(frozen=True, slots=True)
class Message:
    """What a caller has left."""

    at: str
    """When, as ISO 8601 has it, in UTC."""
    line: str
    call_sid: str
    caller: str
    """As the provider gave it: never proof of who called."""
    name: str
    """Whom it is from, as they said."""
    number: str
    """Where they can be called back, as they said; what the provider gave where they said nothing."""
    text: str


class Messages:
    """The messages of one gateway."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE_NAME
        self._lock = asyncio.Lock()

    async def keep(self, message: Message) -> None:
        """Write a message down; raises `OSError` when that cannot be done."""
        line = json.dumps(asdict(message), ensure_ascii=False) + "\n"
        async with self._lock:
            await asyncio.to_thread(self._append, line.encode(errors="replace"))

    def _append(self, line: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError("the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@with_config({"extra": "forbid"})
class _Arguments(TypedDict):
    text: str
    name: NotRequired[str | None]
    number: NotRequired[str | None]


_ARGUMENTS = TypeAdapter(_Arguments)


def message_tool(
    messages: Messages, *, line: str, call_sid: str, caller: str, taken: Callable[[Message], None]
) -> FunctionTool:
    """A tool that takes the messages of one call; *taken* is told of each that is on the disk."""

    async def invoke(context: ToolContext[Any], arguments: str) -> Json:
        said = _checked(read_json(_ARGUMENTS, arguments))
        at = datetime.now(UTC).isoformat(timespec="seconds")
        message = Message(at, line, call_sid, caller, said["name"], said["number"] or caller, said["text"])
        try:
            await messages.keep(message)
        except OSError as error:
            logger.warning("a message was not taken: %s", error)
            raise ToolError("the message could not be stored; tell the caller that it was not taken") from error
        taken(message)
        return {"status": "taken"}

    return FunctionTool(
        name=TAKE,
        description="Take a message for the people behind this number. Ask for a name and a number to call back first.",
        params_json_schema={
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "The message, in the caller's words."},
                "name": {"type": "string", "description": "Whom it is from."},
                "number": {"type": "string", "description": "Where to call back, if not where the call comes from."},
            },
            "required": ["text"],
            "additionalProperties": False,
        },
        on_invoke_tool=invoke,
    )


def _checked(said: Json) -> dict[str, str]:
    found = {name: (said.get(name) or "").strip() for name in ("name", "number", "text")}
    if not found["text"] or len(found["text"]) > LONGEST_TEXT:
        raise ToolError(f"there is no message in text, or one of more than {LONGEST_TEXT} characters")
    if max(len(found["name"]), len(found["number"])) > LONGEST_FIELD:
        raise ToolError(f"name and number may have {LONGEST_FIELD} characters at most")
    return found
