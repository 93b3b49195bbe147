"""Our own voice is known when it comes back alone, and no caller is taken for it."""

import audioop
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.echo import likeness
from gateway.audio.pcm import levelled
from gateway.sim.echo_path import EchoPath, noise
from gateway.sim.voices import FLITE, speak
from tests.real_parts import needs

AGENT = "Thank you for waiting, I have found the booking under your name for this Friday evening at half past seven."
OTHER = "Your parcel left our warehouse yesterday, and the courier expects to deliver it before noon tomorrow."
CALLER = "Sorry, one moment please, I would like to ask something else."
ENDS = [length_ms * 8 for length_ms in (2_200, 2_900, 3_400, 4_300, 4_700)]
"""Moments of the agent's sentence: bytes."""
PLAYED = 1_200 * 8
HEARD = 500 * 8
PEAK_MS = 3
PATHS = [
    EchoPath(delay_ms=4.3, loss_db=8, seed=1),
    EchoPath(delay_ms=118.55, loss_db=15, seed=2),
    EchoPath(delay_ms=344.8, loss_db=22, seed=3),
    EchoPath(delay_ms=585.06, loss_db=30, seed=4),
]
over_paths = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.delay_ms:g} ms, {path.loss_db:g} dB")
over_ends = pytest.mark.parametrize("end", ENDS)


async def said(text: str, voice: str = "agent") -> bytes:
    """A sentence in a real voice."""
    needs(FLITE)
    return (await speak(text, voice=voice, engine=FLITE)).audio


async def echoed(path: EchoPath, end: int) -> tuple[bytes, bytes]:
    """What comes back at one moment of the agent's sentence, as samples, and what was played until then."""
    audio = (await said(AGENT))[:end]
    return path.echo(audio)[-2 * HEARD :], audio[-PLAYED:]


async def caller(rms: float) -> bytes:
    """The caller in the middle of a sentence, so loud."""
    return levelled(audioop.ulaw2lin((await said(CALLER, "caller"))[800 : 800 + HEARD], 2), round(rms))


def mulaw(*sounds: bytes) -> bytes:
    """Sounds at once, as they come over the line."""
    total = bytes(len(sounds[0]))
    for sound in sounds:
        total = audioop.add(total, sound, 2)
    return audioop.lin2ulaw(total, 2)


async def test_our_own_voice_is_known() -> None:
    """
    However late and faint it comes back, and whatever the loudspeaker made of it: nine times in ten.
    """
    known = 0
    for seed, end in product(range(12), ENDS):
        path = EchoPath(delay_ms=7.3 + 47.21 * seed, loss_db=8 + 2 * seed, seed=seed)
        echo, played = await echoed(path, end)
        found = likeness(mulaw(echo), played)
        if found.echo_only:
            known += 1
            assert found.score > 0.8
            assert found.delay_ms == pytest.approx(path.delay_ms + PEAK_MS, abs=2)
    assert known >= 0.9 * 12 * len(ENDS)


async def test_noise_does_not_hide_it() -> None:
    """
    An even noise, 15 dB below the echo, is no one who speaks.
    """
    known = 0
    for path, end in product(PATHS, ENDS):
        echo, played = await echoed(path, end)
        sound = mulaw(echo, noise(Random(end), len(echo), audioop.rms(echo, 2) * 0.18))
        known += likeness(sound, played).echo_only
    assert known >= 0.8 * len(PATHS) * len(ENDS)


@over_paths
@over_ends
@pytest.mark.parametrize("level", [3.0, 1.0, 0.5])
async def test_whoever_speaks_over_the_echo_is_no_echo(path: EchoPath, end: int, level: float) -> None:
    """
    Also at half the amplitude of the echo.
    """
    echo, played = await echoed(path, end)
    assert not likeness(mulaw(echo, await caller(level * audioop.rms(echo, 2))), played).echo_only


@over_paths
@over_ends
async def test_whoever_has_just_begun_to_speak_is_no_echo(path: EchoPath, end: int) -> None:
    """
    The last 120 ms are enough, when they are as loud as the echo.
    """
    echo, played = await echoed(path, end)
    begun = (await caller(audioop.rms(echo, 2)))[: 16 * 120].rjust(len(echo), b"\0")
    assert not likeness(mulaw(echo, begun), played).echo_only


@over_ends
async def test_who_says_something_else_is_no_echo(end: int) -> None:
    """
    Neither the caller, nor the agent's own voice with other words.
    """
    played = (await said(AGENT))[end - PLAYED : end]
    for voice, text in (("caller", CALLER), ("agent", OTHER)):
        found = likeness((await said(text, voice))[800 : 800 + HEARD], played)
        assert not found.echo_only
        assert found.score < 0.5


@pytest.mark.parametrize("rms", [0, 30, 3000])
async def test_noise_and_silence_are_no_echo(rms: float) -> None:
    """
    Where there is nothing of our voice, there is nothing to veto.
    """
    played = (await said(AGENT))[:PLAYED]
    assert not likeness(mulaw(noise(Random(2), 2 * HEARD, rms)), played).echo_only


async def test_nothing_played_is_no_echo() -> None:
    """
    Who speaks into silence is the caller.
    """
    heard = (await said(CALLER, "caller"))[:HEARD]
    assert not likeness(heard, b"\xff" * PLAYED).echo_only
    assert not likeness(heard, b"").echo_only


async def test_an_agent_that_has_begun_a_moment_ago_is_known() -> None:
    """
    What was played may begin with silence, and be shorter than asked for.
    """
    audio, path = (await said(AGENT))[: 700 * 8], PATHS[1]
    echo = path.echo(b"\xff" * 8000 + audio)[-2 * HEARD :]
    assert likeness(mulaw(echo), b"\xff" * 4000 + audio).echo_only
    assert likeness(mulaw(echo), audio).echo_only


@settings(max_examples=60, deadline=None)
@given(inbound=st.binary(max_size=4000), played=st.binary(max_size=9600), repeated=st.booleans())
def test_any_bytes_have_a_likeness(inbound: bytes, played: bytes, repeated: bool) -> None:
    """
    Whatever comes over the line, the answer is a number from 0 to 1 and a delay that can be.
    """
    if repeated:
        inbound, played = (inbound * 4000)[:4000], (played * 9600)[:9600]
    found = likeness(inbound, played)
    assert 0 <= found.score <= 1
    assert 0 <= found.delay_ms < 740
