"""A phone with an echo sends back what it plays, and nothing else changes."""

import asyncio
import audioop
import base64
import math
import struct
from random import Random

import pytest

from gateway.sim.earpiece import Earpiece
from gateway.sim.echo_path import Echo, EchoPath, played_between
from gateway.sim.mouth import SILENT_PAYLOAD
from gateway.sim.phone import Phone
from gateway.sim.sounds import cough, noise_burst
from tests.sim.application import serving

AUDIO = audioop.lin2ulaw(audioop.mul(Random(1).randbytes(16_000), 2, 0.2), 2)
"""One second of noise."""


def frames(echo: Echo, until_ms: int, payload: str = SILENT_PAYLOAD) -> bytes:
    """What the phone sends until then, as samples."""
    sent = (base64.b64decode(echo.mixed(payload, at_ms)) for at_ms in range(20, until_ms + 1, 20))
    return audioop.ulaw2lin(b"".join(sent), 2)


def where(sent: bytes, audio: bytes) -> float:
    """When something much like *audio* begins in *sent*, in ms."""
    offset, _ = audioop.findfit(audioop.bias(sent, 2, 1), audioop.ulaw2lin(audio, 2))
    return float(offset) / 8


@pytest.mark.parametrize("delay_ms", [20.0, 133.3])
def test_what_is_played_comes_back_that_much_later(delay_ms: float) -> None:
    """
    To the sample, wherever frames and chunks begin.
    """
    earpiece = Earpiece()
    for start, end in ((0, 3000), (3000, 3001), (3001, 8000)):
        earpiece.append(AUDIO[start:end], 100)
    sent = frames(Echo(EchoPath(delay_ms), earpiece), 1_500)
    assert where(sent, AUDIO[800:4800]) == pytest.approx(200 + delay_ms + 3, abs=1)
    assert not audioop.max(sent[: int((100 + delay_ms) * 16) - 32], 2)


@pytest.mark.parametrize("loss_db", [6, 20, 30])
def test_it_is_so_much_fainter(loss_db: float) -> None:
    """
    The loss is what was asked for, whatever the resonances.
    """
    for seed in range(5):
        path = EchoPath(50, loss_db, seed=seed)
        found = audioop.rms(path.echo(AUDIO), 2) / audioop.rms(audioop.ulaw2lin(AUDIO, 2), 2)
        assert 20 * math.log10(found) == pytest.approx(-loss_db, abs=1.5)


def test_a_small_loudspeaker_plays_no_bass() -> None:
    """
    What is far below 300 Hz does not come back, what is in the middle of the band does.
    """

    def gain(frequency_hz: int) -> float:
        tone = struct.pack("<8000h", *(int(8000 * math.sin(math.pi * frequency_hz * n / 4000)) for n in range(8000)))
        return audioop.rms(EchoPath(50, 10).echo(audioop.lin2ulaw(tone, 2)), 2) / audioop.rms(tone, 2)

    assert gain(80) < gain(1000) / 5


def test_what_was_cleared_does_not_come_back() -> None:
    """
    Only what was heard can be heard again.
    """
    earpiece = Earpiece()
    earpiece.append(AUDIO, 0)
    earpiece.clear(200)
    assert earpiece.heard(400) == played_between(earpiece, 0, 3200) == AUDIO[:1600] + b"\xff" * 1600
    sent = frames(Echo(EchoPath(50), earpiece), 1_000)
    assert audioop.rms(sent[: 16 * 250], 2) > 100
    assert not audioop.max(sent[16 * 270 :], 2)


def test_the_caller_is_heard_besides() -> None:
    """
    What is said is sent, and the echo and the noise of the room with it.
    """
    said = base64.b64encode(AUDIO[:160]).decode()
    earpiece = Earpiece()
    assert frames(Echo(EchoPath(), earpiece), 20, said) == audioop.ulaw2lin(AUDIO[:160], 2)
    noisy = frames(Echo(EchoPath(noise_rms=200), earpiece), 400)
    assert audioop.rms(noisy, 2) == pytest.approx(200, rel=0.1)
    earpiece.append(AUDIO, 0)
    assert frames(Echo(EchoPath(30), earpiece), 400, said) != audioop.ulaw2lin(AUDIO[:160], 2) * 20


async def test_a_phone_sends_its_echo() -> None:
    """
    Over a real socket, what the application plays comes back in the frames of a caller who is silent.
    """
    async with serving() as app, Phone(echo=EchoPath(60, 10)) as phone, asyncio.timeout(10):
        await phone.connect(app.stream_url)
        socket = await app.socket()
        await socket.expect("start")
        await socket.play(AUDIO)
        await phone.hears(at_least_ms=900)
        media = await socket.expect("media", len(socket.all("media")) + 5)
        sent = audioop.ulaw2lin(b"".join(base64.b64decode(message["media"]["payload"]) for message in media), 2)
        began_ms = phone.earpiece.chunks[0].start_ms
    assert where(sent, AUDIO[800:4800]) == pytest.approx(began_ms + 100 + 63 + 20, abs=21)


@pytest.mark.parametrize("seed", range(4))
def test_a_cough_is_a_burst_that_fades(seed: int) -> None:
    """
    A quarter of a second, loudest at its beginning, gone at its end, and no two alike.
    """
    sound = cough(seed)
    pcm = audioop.ulaw2lin(sound, 2)
    assert 200 * 8 <= len(sound) <= 360 * 8
    assert audioop.rms(pcm[: 16 * 80], 2) > 1.1 * audioop.rms(pcm[16 * 80 : -16 * 60], 2)
    assert audioop.rms(pcm[-16 * 20 :], 2) < 0.5 * audioop.rms(pcm, 2)
    assert sound == cough(seed) != cough(seed + 1)


def test_a_burst_is_as_long_and_as_loud_as_asked() -> None:
    """
    From its first sample to its last.
    """
    pcm = audioop.ulaw2lin(noise_burst(100, level=0.5), 2)
    assert len(pcm) == 1600
    assert audioop.rms(pcm, 2) == pytest.approx(audioop.rms(audioop.ulaw2lin(noise_burst(100), 2), 2) / 2, rel=0.05)
