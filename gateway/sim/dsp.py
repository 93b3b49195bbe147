"""
Signal processing with nothing but `audioop`: each step runs over a whole recording in C.

A filter is a sum of scaled copies of the signal, each shifted by one sample more: one `mul` and one
`add` per tap. Samples are widened to 32 bits first, with two bits of headroom for the partial sums,
so that rounding stays far below what 16 bits can tell. The taps are a windowed sinc, symmetric, so
the delay is half the filter and is cut off again.

Without the filter, decimation would fold everything above 4 kHz back into the voice.
"""

import audioop
import math
from functools import cache

PHONE_RATE_HZ = 8000
CUTOFF_HZ = 3700
TRANSITION_HZ = 900
PEAK = 0.7 * 32767
HEADROOM = 4
SILENCE_WINDOW_MS = 10
SILENCE_RATIO = 0.02


def to_phone_rate(pcm: bytes, rate_hz: int) -> bytes:
    """Bring 16-bit mono samples to 8 kHz, without what a phone line cannot carry."""
    if rate_hz == PHONE_RATE_HZ:
        return pcm
    low, _ = audioop.ratecv(low_pass(pcm, rate_hz), 2, 1, rate_hz, PHONE_RATE_HZ, None)
    return low


def low_pass(pcm: bytes, rate_hz: int) -> bytes:
    """Take everything from 4.2 kHz on out of 16-bit mono samples."""
    taps = _taps(rate_hz)
    length = 4 * (len(pcm) // 2)
    edge = bytes(4 * (len(taps) // 2))
    padded = edge + audioop.mul(audioop.lin2lin(pcm, 2, 4), 4, 1 / HEADROOM) + edge
    total = bytes(length)
    for index, tap in enumerate(taps):
        total = audioop.add(total, audioop.mul(padded[4 * index : 4 * index + length], 4, tap), 4)
    return audioop.lin2lin(audioop.mul(total, 4, HEADROOM), 4, 2)


def normalise(pcm: bytes) -> bytes:
    """Make the loudest of the 16-bit samples as loud as a good phone line has it."""
    peak = audioop.max(pcm, 2)
    return audioop.mul(pcm, 2, PEAK / peak) if peak else pcm


def trim(pcm: bytes, rate_hz: int) -> bytes:
    """Cut off the silence before and after."""
    window_bytes = 2 * (rate_hz * SILENCE_WINDOW_MS // 1000)
    threshold = audioop.max(pcm, 2) * SILENCE_RATIO
    loud = [
        start
        for start in range(0, len(pcm), window_bytes)
        if audioop.max(pcm[start : start + window_bytes], 2) > threshold
    ]
    return pcm[loud[0] : loud[-1] + window_bytes] if loud else b""


@cache
def _taps(rate_hz: int) -> list[float]:
    """A Hamming-windowed sinc whose gain is 1 at 0 Hz."""
    half = math.ceil(3.3 * rate_hz / TRANSITION_HZ / 2)
    taps = [_sinc(2 * CUTOFF_HZ / rate_hz * n) * _hamming(n / half) for n in range(-half, half + 1)]
    return [tap / math.fsum(taps) for tap in taps]


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _hamming(x: float) -> float:
    return 0.54 + 0.46 * math.cos(math.pi * x)
