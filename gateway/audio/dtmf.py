"""
Telephone keys as tones, for those who can be reached by voice alone.

A key is two tones at once, one for its row and one for its column (ITU-T Q.23). Receivers differ in what they take for
a key; what all of them take (ITU-T Q.24) is 40 ms of tone and as much silence, levels between 0 and -25 dBm0, and a
column that is not much louder than its row. Here both last longer, since codecs on the way blur them, and the column is
a little louder, since lines swallow high tones first.
"""

import audioop
import math
from array import array
from functools import cache

from gateway.audio.g711 import BYTES_PER_MS

KEYS = "0123456789*#ABCD"
PAUSE = "w"
"""Stands for half a second without a key, as in the dial strings of providers."""

TONE_MS = 100
GAP_MS = 100
PAUSE_MS = 500
ROW_DBM0, COLUMN_DBM0 = -8.0, -6.0

_RATE_HZ = 8_000
_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_PAD = ("123A", "456B", "789C", "*0#D")
_LOUDEST_DBM0 = 3.17
"""Of a sine that mu-law can just express (ITU-T G.711)."""
_LARGEST = 32_124
"""The sample that stands for it, of 16 bits."""
_SILENCE = b"\xff"


def frequencies_hz(key: str) -> tuple[int, int]:
    """
    The tones of a key: its row and its column.

    >>> frequencies_hz("5"), frequencies_hz("#")
    ((770, 1336), (941, 1477))
    """
    row = next(row for row, keys in enumerate(_PAD) if key in keys)
    return _ROWS_HZ[row], _COLUMNS_HZ[_PAD[row].index(key)]


def tones(keys: str) -> bytes:
    """
    Keys pressed one after the other, in mu-law; each with a silence behind it.

    >>> len(tones("1w#")) / 8
    900.0
    """
    return b"".join(_silence(PAUSE_MS) if key == PAUSE else _tone(key) + _silence(GAP_MS) for key in keys)


def _silence(length_ms: int) -> bytes:
    return _SILENCE * (length_ms * BYTES_PER_MS)


@cache
def _tone(key: str) -> bytes:
    row_hz, column_hz = frequencies_hz(key)
    row, column = _amplitude(ROW_DBM0), _amplitude(COLUMN_DBM0)
    turn = 2 * math.pi / _RATE_HZ
    samples = (
        round(row * math.sin(turn * row_hz * at) + column * math.sin(turn * column_hz * at))
        for at in range(TONE_MS * BYTES_PER_MS)
    )
    return audioop.lin2ulaw(array("h", samples).tobytes(), 2)


def _amplitude(level_dbm0: float) -> float:
    return float(_LARGEST * 10 ** ((level_dbm0 - _LOUDEST_DBM0) / 20))
