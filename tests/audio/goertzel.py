"""
A receiver of telephone keys, as ITU-T Q.24 has it: two tones at once, of a level and a twist, for long enough.

Blocks of 102 samples are 78 Hz wide, so neighbouring rows fall into different ones.
"""

import audioop
import math
from array import array
from collections.abc import Sequence
from itertools import groupby

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
PAD = ("123A", "456B", "789C", "*0#D")
BLOCK = 102
STEP = 51
LEAST_MS = 40
LEVELS_DBM0 = (-25.0, 0.0)
TWIST_DB = (-8.0, 4.0)
"""By how much the column may be louder than the row: at least, at most."""
APART_DB = 12.0
"""By how much a tone is louder than any other of its group."""
FULL_SCALE_DBM0 = 3.17
LARGEST = 32_124


def received(mu_law: bytes) -> str:
    """The keys in *mu_law*, in order."""
    samples = array("h", audioop.ulaw2lin(mu_law, 2))
    blocks = (samples[start : start + BLOCK] for start in range(0, len(samples) - BLOCK + 1, STEP))
    runs = [(key, sum(1 for _ in run)) for key, run in groupby(map(_key, blocks))]
    return "".join(key for key, length in runs if key and ((length - 1) * STEP + BLOCK) / 8 >= LEAST_MS)


def level_dbm0(samples: Sequence[int], frequency_hz: int) -> float:
    """How loud a frequency is in a block."""
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / 8_000)
    one = two = 0.0
    for sample in samples:
        one, two = sample + coefficient * one - two, one
    power = max(one * one + two * two - coefficient * one * two, 1e-9)
    amplitude = 2 * math.sqrt(power) / len(samples)
    return FULL_SCALE_DBM0 + 20 * math.log10(amplitude / LARGEST)


def _key(samples: Sequence[int]) -> str:
    """The key that a block is part of, or nothing."""
    row, row_dbm0 = _loudest(samples, ROWS_HZ)
    column, column_dbm0 = _loudest(samples, COLUMNS_HZ)
    levels_fit = all(LEVELS_DBM0[0] <= level <= LEVELS_DBM0[1] for level in (row_dbm0, column_dbm0))
    twist_fits = TWIST_DB[0] <= column_dbm0 - row_dbm0 <= TWIST_DB[1]
    return PAD[row][column] if levels_fit and twist_fits else ""


def _loudest(samples: Sequence[int], frequencies_hz: tuple[int, ...]) -> tuple[int, float]:
    """Which of a group it is, and how loud; as quiet as can be if another is nearly as loud."""
    levels = [level_dbm0(samples, frequency_hz) for frequency_hz in frequencies_hz]
    (level, which), (next_level, _) = sorted(((level, at) for at, level in enumerate(levels)), reverse=True)[:2]
    return which, level if level - next_level >= APART_DB else float("-inf")
