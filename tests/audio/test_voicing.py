"""A voice is told from a noise by what repeats in it."""

import audioop
import math
import struct
from random import Random

import pytest

from gateway.audio.voicing import HISTORY_SAMPLES, is_voiced
from gateway.sim.echo_path import noise
from gateway.sim.sounds import cough
from gateway.sim.voices import FLITE, speak
from tests.real_parts import needs


def share_voiced(pcm: bytes) -> float:
    """How many of the frames that have enough before them are voiced."""
    ends = range(2 * HISTORY_SAMPLES, len(pcm) + 1, 320)
    return sum(is_voiced(pcm[:end]) for end in ends) / len(ends)


@pytest.mark.parametrize("voice", ["agent", "caller"])
async def test_speech_is_voiced_most_of_the_time(voice: str) -> None:
    """
    Vowels are, in a high voice and in a deep one, also with noise 15 dB below.
    """
    needs(FLITE)
    pcm = audioop.ulaw2lin((await speak("Hello, how are you?", voice=voice, engine=FLITE)).audio, 2)
    assert share_voiced(pcm) > 0.5
    assert share_voiced(audioop.add(pcm, noise(Random(1), len(pcm), 0.18 * audioop.rms(pcm, 2)), 2)) > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_air_is_not(seed: int) -> None:
    """
    Neither a cough nor a hiss repeats anything.
    """
    assert share_voiced(audioop.ulaw2lin(cough(seed), 2)) < 0.1
    assert share_voiced(noise(Random(seed), 8000, 1000)) == 0


@pytest.mark.parametrize(("pitch_hz", "voiced"), [(90, True), (380, True), (30, False)])
def test_only_a_voice_has_the_pitch_of_one(pitch_hz: int, voiced: bool) -> None:
    """
    What repeats itself more slowly than vocal cords can is no voice.
    """
    clicks = [8000 * math.exp(-(index % (8000 // pitch_hz)) / 8) for index in range(800)]
    assert is_voiced(struct.pack("<800h", *map(int, clicks))) is voiced


def test_silence_and_too_little_are_not() -> None:
    """
    A frame without the 15 ms before it cannot be judged.
    """
    assert not is_voiced(bytes(2 * HISTORY_SAMPLES))
    assert not is_voiced(b"")
    assert not is_voiced(noise(Random(1), 320, 1000))
