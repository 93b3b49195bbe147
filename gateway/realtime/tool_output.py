"""What a tool found, as text for the model."""

import json

from pydantic_core import to_json

LONGEST_OUTPUT_BYTES = 64 * 1024
LONGEST_ERROR_CHARACTERS = 1000


def output_text(output: object) -> str:
    """
    Words as they are, all else as JSON; cut where it is far too long for a conversation.

    >>> output_text("sunny"), output_text({"rooms": 3})
    ('sunny', '{"rooms":3}')
    """
    return bounded(output if isinstance(output, str) else to_json(output, fallback=str).decode())


def error_text(message: str) -> str:
    """
    Tells the model that there is no output, and why.

    >>> error_text("there is no such room")
    '{"error": "there is no such room"}'
    """
    return json.dumps({"error": message[:LONGEST_ERROR_CHARACTERS]}, ensure_ascii=False)


def bounded(text: str) -> str:
    """The text, or its beginning and a note that there was more."""
    data = text.encode(errors="replace")
    if len(data) <= LONGEST_OUTPUT_BYTES:
        return data.decode()
    kept = data[:LONGEST_OUTPUT_BYTES].decode(errors="ignore")
    return f"{kept}… (cut here; the whole output has {len(data)} bytes)"
