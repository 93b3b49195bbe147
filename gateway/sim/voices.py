"""
Voices for both ends of a simulated call: text becomes mu-law at 8 kHz.

The best synthesiser that is installed speaks: flite, else espeak-ng, else a signal that only has the
shape of speech. Each is a command given the text as one argument, without a shell. What was spoken
once is remembered: texts repeat in tests, and a bench must not measure the synthesiser.
"""

import asyncio
import audioop
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryDirectory

from gateway.errors import ConfigError, PeerError
from gateway.sim.dsp import PHONE_RATE_HZ, normalise, to_phone_rate, trim
from gateway.sim.speechlike import speech_like
from gateway.sim.wavefile import mono_pcm, read_wav, write_wav

__all__ = ["ENGINES", "Speech", "available_engine", "read_wav", "speak", "write_wav"]

FLITE = "flite"
ESPEAK = "espeak-ng"
SPEECH_LIKE = "speech-like signal"
ENGINES = (FLITE, ESPEAK, SPEECH_LIKE)
TIMEOUT_S = 30
REMEMBERED = 1024

VOICES = {
    "agent": {FLITE: "slt", ESPEAK: "en-us+f3", SPEECH_LIKE: "200"},
    "caller": {FLITE: "rms", ESPEAK: "en-us+m3", SPEECH_LIKE: "110"},
}
COMMANDS: dict[str, Callable[[str, str, str], list[str]]] = {
    FLITE: lambda voice, text, file: ["-voice", voice, "-t", text, "-o", file],
    ESPEAK: lambda voice, text, file: ["-v", voice, "-w", file, "--", text],
}


@dataclass(frozen=True, slots=True)
class Speech:
    """Something said."""

    text: str
    engine: str
    audio: bytes
    """Mu-law at 8 kHz, without silence around it."""

    @property
    def length_ms(self) -> int:
        """How long it takes to say, in whole ms."""
        return len(self.audio) * 1000 // PHONE_RATE_HZ


_spoken: dict[tuple[str, str, str], Speech] = {}


def available_engine() -> str:
    """The best engine that is installed."""
    return next(engine for engine in ENGINES if engine == SPEECH_LIKE or shutil.which(engine))


async def speak(text: str, *, voice: str = "agent", engine: str | None = None) -> Speech:
    """Say *text* in the voice of the `agent` or of the `caller`."""
    engine = engine or available_engine()
    if voice not in VOICES or engine not in ENGINES:
        raise ConfigError(
            f"expected a voice of {', '.join(VOICES)} and an engine of {', '.join(ENGINES)}, "
            f"found {voice!r} and {engine!r}"
        )
    key = (text, voice, engine)
    if key not in _spoken:
        if len(_spoken) >= REMEMBERED:
            _spoken.clear()
        _spoken[key] = Speech(text, engine, await _synthesise(text, VOICES[voice][engine], engine))
    return _spoken[key]


async def _synthesise(text: str, voice: str, engine: str) -> bytes:
    pcm, rate_hz = await _samples(_speakable(text), voice, engine)
    return await asyncio.to_thread(_as_heard_on_the_phone, pcm, rate_hz)


def _as_heard_on_the_phone(pcm: bytes, rate_hz: int) -> bytes:
    return audioop.lin2ulaw(normalise(to_phone_rate(trim(pcm, rate_hz), rate_hz)), 2)


async def _samples(text: str, voice: str, engine: str) -> tuple[bytes, int]:
    if not any(character.isalnum() for character in text):
        return b"", PHONE_RATE_HZ
    if engine == SPEECH_LIKE:
        return speech_like(text, int(voice)), PHONE_RATE_HZ
    with TemporaryDirectory(prefix="voice-") as folder:
        file = Path(folder, "speech.wav")
        await _run(engine, COMMANDS[engine](voice, text, str(file)))
        return mono_pcm(await asyncio.to_thread(file.read_bytes), engine)


async def _run(command: str, arguments: list[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(command, *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    except OSError as error:
        raise PeerError(f"{command} could not be started: {error}") from error
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, complaint = await process.communicate()
    except TimeoutError as error:
        raise PeerError(f"{command} did not finish within {TIMEOUT_S} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise PeerError(f"{command} failed with {process.returncode}: {complaint[:200]!r}")


def _speakable(text: str) -> str:
    """The text in one line, without control characters, which no command line can carry."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
