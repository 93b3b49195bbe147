"""
A signal that is no speech but has its shape, for machines without a synthesiser.

A vowel is one period, repeated at the pitch of the voice: damped resonances at three formants. A
syllable is a burst of noise and a vowel that swells and fades; words have a pause between them, and
sentences a longer one. Length follows the text, and the same text always gives the same samples.
"""

import audioop
import math
import re
import struct
from functools import cache
from random import Random

from gateway.sim.dsp import PHONE_RATE_HZ

SYLLABLE_MS = 160
CONSONANT_MS = 40
WORD_PAUSE_MS = 80
SENTENCE_PAUSE_MS = 250
STEP_MS = 10
AMPLITUDE = 9000
FORMANTS_HZ = ((700, 1200, 2600), (400, 2000, 2600), (300, 2300, 3000), (450, 800, 2500), (320, 800, 2300))


def speech_like(text: str, pitch_hz: int) -> bytes:
    """Samples of 16 bits at 8 kHz that last about as long as it takes to say *text*."""
    random = Random(text)
    return b"".join(_word(word, pitch_hz, random) for word in re.findall(r"\w+[^\w\s]*", text))


def _word(word: str, pitch_hz: int, random: Random) -> bytes:
    syllables = max(1, len(re.findall(r"[aeiouy]+|\d", word.lower())))
    sound = b"".join(_noise(random) + _vowel(random.choice(FORMANTS_HZ), pitch_hz) for _ in range(syllables))
    return sound + _pause(SENTENCE_PAUSE_MS if word[-1] in ".?!,;:" else WORD_PAUSE_MS)


@cache
def _vowel(formants_hz: tuple[int, ...], pitch_hz: int) -> bytes:
    period = _period(formants_hz, PHONE_RATE_HZ // pitch_hz)
    length = 2 * _samples(SYLLABLE_MS)
    steady = (period * (length // len(period) + 1))[:length]
    step = 2 * _samples(STEP_MS)
    return b"".join(
        audioop.mul(steady[start : start + step], 2, math.sin(math.pi * (start + step / 2) / length))
        for start in range(0, length, step)
    )


def _period(formants_hz: tuple[int, ...], length: int) -> bytes:
    samples = [
        sum(_resonance(formant_hz, index / PHONE_RATE_HZ) for formant_hz in formants_hz) for index in range(length)
    ]
    return struct.pack(f"<{length}h", *(int(AMPLITUDE * sample) for sample in samples))


def _resonance(formant_hz: int, time_s: float) -> float:
    return math.exp(-math.pi * 90 * time_s) * math.sin(2 * math.pi * formant_hz * time_s)


def _noise(random: Random) -> bytes:
    return audioop.mul(random.randbytes(2 * _samples(CONSONANT_MS)), 2, 0.05)


def _pause(length_ms: int) -> bytes:
    return bytes(2 * _samples(length_ms))


def _samples(length_ms: int) -> int:
    return length_ms * PHONE_RATE_HZ // 1000
