"""
Voices that can be recognised.

Everything that an agent ever says is cut from one tape, on which every millisecond of eight bytes spells its own
number. So whoever gets hold of a piece of it, cut anywhere, knows what it is, and whether it is whole. The caller's
frames are numbered too.
"""

import base64
from functools import cache

LENGTH_MS = 400_000
WORD_BYTES = 8

_TALK, _HUSH = ("talk" + "/v7+" * 50 + "/w==", "hush" + "////" * 50 + "/w==")


@cache
def tape() -> bytes:
    """All of it."""
    return b"".join(b"%07d|" % number for number in range(LENGTH_MS))


def cut(from_byte: int, to_byte: int) -> str:
    """A piece of the tape, as base64."""
    return base64.b64encode(tape()[from_byte:to_byte]).decode()


def locate(payload: str) -> range:
    """
    Where on the tape a piece of 16 bytes or more is from; empty when it is from elsewhere.

    >>> locate(cut(4_003, 5_000))
    range(4003, 5000)
    """
    piece = base64.b64decode(payload, validate=True)
    at = piece.find(b"|") + 1
    word = piece[at : at + WORD_BYTES - 1]
    from_byte = int(word) * WORD_BYTES - at if word.isdigit() else 0
    found = range(from_byte, from_byte + len(piece))
    return found if tape()[found.start : found.stop] == piece else range(0)


def frame(number: int, *, talks: bool) -> str:
    """20 ms of the caller, as base64."""
    return f"{number:08d}" + (_TALK if talks else _HUSH)


def talks(payload: str) -> bool:
    """
    Whether the caller talks in a frame.

    >>> talks(frame(7, talks=True)), talks(frame(8, talks=False))
    (True, False)
    """
    return payload.startswith("talk", 8)
