"""
What a phone picks up besides words: mu-law at 8 kHz, the same for the same seed.

A cough is air: a burst as the throat opens, the breath that follows, and its fading; no voice is in it. Both sounds are
noise under an envelope, coloured by adding samples to their neighbours.
"""

import audioop
import math
from collections.abc import Callable
from random import Random

from gateway.sim.dsp import PEAK, PHONE_RATE_HZ

STEP_MS = 10
BURST_MS = 40
BREATH_MS = 210
FADING_MS = 60
LOUD_RMS = PEAK / 6


def cough(seed: int = 0) -> bytes:
    """One cough of about 300 ms."""
    random = Random(f"cough {seed}")
    burst_ms, breath_ms = random.uniform(0.8, 1.2) * BURST_MS, random.uniform(0.8, 1.2) * BREATH_MS
    breath = random.uniform(0.3, 0.6)

    def envelope(at_ms: float) -> float:
        if at_ms < burst_ms:
            return at_ms / burst_ms
        fading = min(1.0, math.exp((breath_ms - at_ms) / FADING_MS))
        return fading * max(breath, math.exp((burst_ms - at_ms) / BURST_MS))

    return _shaped(random, int(breath_ms + FADING_MS), envelope)


def noise_burst(length_ms: int = 200, *, level: float = 1.0, seed: int = 0) -> bytes:
    """A door, a bump, a rustle: noise that begins and ends at once, at *level* times the loudness of a voice."""
    return _shaped(Random(f"burst {seed}"), length_ms, lambda _: level)


def _shaped(random: Random, length_ms: int, envelope: Callable[[float], float]) -> bytes:
    step = 2 * PHONE_RATE_HZ * STEP_MS // 1000
    pcm = _coloured(random.randbytes(step * (length_ms // STEP_MS)))
    pcm = audioop.mul(pcm, 2, LOUD_RMS / max(1, audioop.rms(pcm, 2)))
    steps = (
        audioop.mul(pcm[start : start + step], 2, envelope((start / step + 0.5) * STEP_MS))
        for start in range(0, len(pcm), step)
    )
    return audioop.lin2ulaw(b"".join(steps), 2)


def _coloured(white: bytes) -> bytes:
    """Less of what is below 300 Hz and above 2 kHz."""
    quiet = audioop.mul(white, 2, 0.25)
    smooth = audioop.add(quiet, b"\0\0" + quiet[:-2], 2)
    return bytes(audioop.add(smooth, audioop.mul(bytes(8) + smooth[:-8], 2, -0.5), 2))
