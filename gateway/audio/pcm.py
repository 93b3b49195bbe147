"""Samples of 16 bits at 8 kHz: the few things that `audioop` leaves to be said."""

import audioop
import math

FRAME_SAMPLES = 160


def levelled(pcm: bytes, rms: int) -> bytes:
    """The same, as loud as *rms*; silence stays silence."""
    found = audioop.rms(pcm, 2)
    return audioop.mul(pcm, 2, rms / found) if found else pcm


def delayed(pcm: bytes, lag: int, count: int) -> bytes:
    """The *count* samples that end *lag* samples before the end."""
    end = len(pcm) - 2 * lag
    return pcm[end - 2 * count : end]


def levels(pcm: bytes) -> list[int]:
    """How loud each whole frame of 20 ms is."""
    step = 2 * FRAME_SAMPLES
    return [audioop.rms(pcm[start : start + step], 2) for start in range(0, len(pcm) - step + 1, step)]


def coherence(one: bytes, other: bytes) -> float:
    """How much of each is in the other, from 0 (nothing) to 1 (all, but for a factor): the correlation, squared."""
    if not (audioop.rms(one, 2) and audioop.rms(other, 2)):
        return 0.0
    found: float = audioop.findfactor(one, other) * audioop.findfactor(other, one)
    return found if math.isfinite(found) else 0.0
