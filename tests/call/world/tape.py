"""
Voices that can be recognised.

Everything that an agent ever says is cut from one tape, on which every millisecond of eight bytes spells its own
number. So whoever gets hold of a piece of it, cut anywhere, knows what it is, and whether it is whole. The caller's
frames begin with their number and with what is heard in them, in samples that are hardly louder than silence.
"""

import base64
from functools import cache
from typing import Literal, get_args

LENGTH_MS = 400_000
WORD_BYTES = 8
LOCATED_BYTES = 2 * WORD_BYTES
"""So much has a whole number in it, wherever it is cut."""

Sound = Literal["hush", "words", "cough", "nod", "echo"]
"""What a server's voice detection hears in a frame; an echo is the agent's own voice."""
SOUNDS: tuple[Sound, ...] = get_args(Sound)
HEADER_BYTES = 8

_FAINT = bytes.maketrans(b"0123456789abcdef", bytes(range(0xF0, 0x100)))


@cache
def tape() -> bytes:
    """All of it."""
    return b"".join(b"%07d|" % number for number in range(LENGTH_MS))


def cut(from_byte: int, to_byte: int) -> str:
    """A piece of the tape, as base64."""
    return base64.b64encode(tape()[from_byte:to_byte]).decode()


def locate(payload: str) -> range:
    """
    Where on the tape a piece is from: empty when it is from elsewhere, below nothing when it is too short to tell.

    >>> locate(cut(4_003, 5_000)), locate(cut(4_003, 4_005))
    (range(4003, 5000), range(-2, 0))
    """
    piece = base64.b64decode(payload, validate=True)
    if len(piece) < LOCATED_BYTES:
        return range(-len(piece), 0)
    at = piece.find(b"|") + 1
    word = piece[at : at + WORD_BYTES - 1]
    from_byte = int(word) * WORD_BYTES - at if word.isdigit() else 0
    found = range(from_byte, from_byte + len(piece))
    return found if tape()[found.start : found.stop] == piece else range(0)


def in_front(piece: range, of: range) -> range:
    """
    The place of a piece, which is in front of the one behind it if it was too short to tell.

    >>> in_front(range(-2, 0), range(4_005, 5_000)), in_front(range(7, 9), range(4_005, 5_000))
    (range(4003, 4005), range(7, 9))
    """
    return range(of.start - len(piece), of.start) if piece.start < 0 <= of.start else piece


def frame(number: int, sound: Sound, audio: bytes) -> str:
    """20 ms of the caller, as base64: what it sounds like to a server, and the audio."""
    header = b"%07x%x" % (number, 15 - SOUNDS.index(sound))
    return base64.b64encode(header.translate(_FAINT) + audio[HEADER_BYTES:]).decode()


def sound_of(payload: str) -> Sound:
    """
    What is heard in a frame, or in silence.

    >>> sound_of(frame(7, "cough", bytes(160)))
    'cough'
    >>> sound_of("////////////")
    'hush'
    """
    header = base64.b64decode(payload[:12])
    return SOUNDS[0xFF - header[HEADER_BYTES - 1]]
