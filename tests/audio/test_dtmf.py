"""Keys that are pressed for the agent: what a receiver makes of the tones."""

import audioop

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.dtmf import GAP_MS, KEYS, PAUSE, PAUSE_MS, TONE_MS, tones
from tests.audio.goertzel import received


@settings(max_examples=25, deadline=None)
@given(st.text(KEYS, max_size=5))
def test_every_key_is_received_as_it_was_pressed(keys: str) -> None:
    """
    Each once, in its order, the same key twice in a row too.
    """
    assert received(tones(keys)) == keys


@pytest.mark.parametrize("factor", [0.2, 0.5, 1.0])
def test_keys_are_received_over_lines_that_swallow_some_of_it(factor: float) -> None:
    """
    A line of up to 14 dB leaves enough.
    """
    quieter = audioop.lin2ulaw(audioop.mul(audioop.ulaw2lin(tones(KEYS), 2), 2, factor), 2)
    assert received(quieter) == KEYS


def test_tones_do_not_clip() -> None:
    """
    What mu-law can express holds both tones at once, or there would be others.
    """
    assert audioop.max(audioop.ulaw2lin(tones(KEYS), 2), 2) < 25_000


def test_a_pause_is_silence() -> None:
    """
    And nothing else lasts longer than a tone and a gap.
    """
    assert tones(PAUSE) == b"\xff" * (PAUSE_MS * 8)
    assert len(tones(KEYS)) == len(KEYS) * (TONE_MS + GAP_MS) * 8
    assert received(tones("1ww2")) == "12"


def test_silence_and_noise_are_no_keys() -> None:
    """
    The receiver is no yes-man.
    """
    assert received(b"\xff" * 8_000) == ""
    assert received(bytes(range(256)) * 30) == ""
