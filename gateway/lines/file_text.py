"""Bytes of a file into text that is safe to parse: small, UTF-8, without control characters."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.lines.problems import LinesError, Position, Problem

LIMIT_BYTES = 64 * 1024
"""Nobody speaks a longer prompt into a phone; above this a file is a mistake or an attack."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.2, 5.1 does not count as printable; a byte order mark is refused unless it comes first."""


def read_text(file: Path) -> str:
    """Read *file*, or say in one problem why it cannot be used."""
    try:
        with file.open("rb") as opened:
            return decode(file, opened.read(LIMIT_BYTES + 1))
    except OSError as error:
        raise LinesError([Problem(file, f"cannot be read: {error.strerror}; check its permissions")]) from error


def decode(file: Path, raw: bytes) -> str:
    """Turn the bytes of *file* into text."""
    if len(raw) > LIMIT_BYTES:
        message = f"is larger than {LIMIT_BYTES // 1024} KiB; shorten the instructions"
        raise LinesError([Problem(file, message, position=Position(1, 1))])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        at = position_after(raw[: error.start].decode("utf-8", "replace"))
        raise LinesError([Problem(file, message, position=at)]) from error
    return _printable(file, text)


def position_after(text: str) -> Position:
    r"""
    Where the character that follows *text* stands.

    >>> position_after("line: a\nnum")
    Position(line=2, column=4)
    """
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _printable(file: Path, text: str) -> str:
    found = _UNPRINTABLE.search(text)
    if not found:
        return text
    message = f"control character U+{ord(found[0]):04X} found; remove it"
    raise LinesError([Problem(file, message, position=position_after(text[: found.start()]))])
