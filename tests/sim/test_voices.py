"""Voices speak, sound different, and lose nothing but what a phone line loses."""

import audioop
import math
import random
import struct
import wave
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.sim.dsp import to_phone_rate
from gateway.sim.voices import ENGINES, SPEECH_LIKE, Speech, read_wav, speak, write_wav
from tests.real_parts import needs

SENTENCE = "Hello, I would like to book a table for two."
RATES_HZ = [16000, 22050, 24000, 44100, 48000]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each synthesiser, and the signal that stands in for them."""
    name: str = request.param
    if name != SPEECH_LIKE:
        needs(name)
    return name


def tone(frequency_hz: int, rate_hz: int, length_s: float = 0.3) -> bytes:
    """A sine, as 16-bit samples."""
    count = int(rate_hz * length_s)
    samples = (int(16000 * math.sin(2 * math.pi * frequency_hz * n / rate_hz)) for n in range(count))
    return struct.pack(f"<{count}h", *samples)


def gain_db(frequency_hz: int, rate_hz: int) -> float:
    """How much louder a tone is at 8 kHz than it was at *rate_hz*, away from its ends."""
    pcm = tone(frequency_hz, rate_hz)
    middle = to_phone_rate(pcm, rate_hz)[400:-400]
    return 20 * math.log10(max(audioop.rms(middle, 2), 0.5) / audioop.rms(pcm, 2))


def loudness(mulaw: bytes) -> list[int]:
    """The energy of each 20 ms."""
    pcm = audioop.ulaw2lin(mulaw, 2)
    return [audioop.rms(pcm[start : start + 320], 2) for start in range(0, len(pcm) - 319, 320)]


def wav(path: Path, pcm: bytes, rate_hz: int, channels: int = 1, width: int = 2) -> Path:
    """A PCM file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(pcm)
    return path


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_a_phone_line_cannot_carry_is_taken_out(rate_hz: int) -> None:
    """
    A tone of 5.5 kHz, which would fold back into the voice, is suppressed by 40 dB and more.
    """
    assert gain_db(5500, rate_hz) < -40


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_voice_passes_unchanged(rate_hz: int) -> None:
    """
    A tone of 1 kHz is as loud as before, within 1 dB.
    """
    assert abs(gain_db(1000, rate_hz)) < 1


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_length_is_kept(rate_hz: int) -> None:
    """
    Half a second stays half a second, at any rate.
    """
    assert abs(len(to_phone_rate(tone(440, rate_hz, 0.5), rate_hz)) // 2 - 4000) <= 1


async def test_every_engine_speaks(engine: str) -> None:
    """
    A sentence takes seconds, begins and ends with sound, has pauses in it, and is loud enough for any
    detector of speech.
    """
    speech = await speak(SENTENCE, engine=engine)
    frames = loudness(speech.audio)
    assert speech.engine == engine
    assert 1500 < speech.length_ms < 6000
    assert max(frames[:5]) > 100 < max(frames[-5:])
    assert min(frames[5:-5]) < 250 < 2500 < max(frames)


async def test_agent_and_caller_sound_different(engine: str) -> None:
    """
    The two voices are told apart by anyone, the same voice is always the same.
    """
    agent, caller = [await speak(SENTENCE, voice=voice, engine=engine) for voice in ("agent", "caller")]
    assert agent.audio != caller.audio
    assert agent == await speak(SENTENCE, voice="agent", engine=engine)


async def test_text_is_never_an_option_of_the_command(engine: str) -> None:
    """
    A text that begins with a dash, or holds a line break or a null, is spoken like any other.
    """
    for text in ("--version please", "-w /nowhere/at all", "one\ntwo\0three"):
        assert (await speak(text, engine=engine)).length_ms > 300


async def test_nothing_to_say_is_silent(engine: str) -> None:
    """
    A text without words has no audio.
    """
    assert (await speak("...", engine=engine)) == Speech("...", engine, b"")


async def test_a_longer_text_takes_longer() -> None:
    """
    Also where no synthesiser is installed, length follows the text.
    """
    short, long = [(await speak(text, engine=ENGINES[-1])).length_ms for text in ("Yes.", SENTENCE)]
    assert 5 * short < long


async def test_an_unknown_voice_is_named() -> None:
    """
    Whoever asks for it sees which voices there are.
    """
    with pytest.raises(ConfigError, match=r"agent, caller.*'robot'"):
        await speak("Hello", voice="robot")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """
    Mu-law survives the trip through a PCM file without a bit changed, but for the two zeros.
    """
    audio = random.Random(1).randbytes(4000).replace(b"\x7f", b"\xff")
    write_wav(tmp_path / "a.wav", audio)
    assert read_wav(tmp_path / "a.wav") == audio


def test_a_mulaw_file_is_taken_as_it_is(tmp_path: Path) -> None:
    """
    Phone audio in a file of format 7 is not even decoded; an odd chunk before it is passed over.
    """
    audio = bytes(range(255))
    form = struct.pack("<HHIIHHH", 7, 1, 8000, 8000, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"LIST\x03\0\0\0abc\0"
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", len(audio)) + audio
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert read_wav(tmp_path / "a.wav") == audio


@pytest.mark.parametrize("rate_hz", [8000, *RATES_HZ])
def test_both_sides_of_a_stereo_file_are_heard(tmp_path: Path, rate_hz: int) -> None:
    """
    A tone on one side only is there in the mono result, at half the amplitude.
    """
    left = tone(1000, rate_hz)
    path = wav(tmp_path / "a.wav", audioop.tostereo(left, 2, 1, 0), rate_hz, channels=2)
    middle = audioop.ulaw2lin(read_wav(path), 2)[400:-400]
    assert audioop.rms(middle, 2) == pytest.approx(audioop.rms(left, 2) / 2, rel=0.05)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """
    The error names the file, what was found in it, and what was expected.
    """
    wide = wav(tmp_path / "wide.wav", bytes(300), 8000, width=3)
    odd = wav(tmp_path / "odd.wav", bytes(300), 12345)
    (tmp_path / "text.wav").write_text("hello")
    for path, found in (
        (wide, "format 1 with 24 bits"),
        (odd, "12345 Hz"),
        (tmp_path / "text.wav", "b'hello'"),
        (tmp_path / "absent.wav", "No such file"),
    ):
        with pytest.raises(ConfigError, match=f"{path.name}: expected .*{found}"):
            read_wav(path)
