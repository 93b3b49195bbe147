"""
WAV files: anything a person would have at hand is read, and plain PCM is written.

The standard library's reader does not know mu-law (format 7), so the chunks are walked here. Lengths
in the headers are not trusted further than the file goes: a synthesiser that writes to a pipe cannot
know them beforehand.
"""

import audioop
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError
from gateway.sim.dsp import PHONE_RATE_HZ, to_phone_rate

RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
PCM, MULAW, EXTENSIBLE = 1, 7, 0xFFFE
BITS = {PCM: 16, MULAW: 8}


@dataclass(frozen=True, slots=True)
class _Format:
    code: int
    channels: int
    rate_hz: int
    bits: int


def read_wav(path: str | Path) -> bytes:
    """Read a recording as mu-law at 8 kHz, mono."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: expected a WAV file, found {error.strerror or error}") from error
    return decode_wav(content, str(path))


def write_wav(path: str | Path, mulaw: bytes) -> None:
    """Write mu-law at 8 kHz as 16-bit PCM, which everything plays."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PHONE_RATE_HZ)
        file.writeframes(audioop.ulaw2lin(mulaw, 2))


def decode_wav(content: bytes, name: str) -> bytes:
    """The recording in *content* as mu-law at 8 kHz, mono; errors call it *name*."""
    form, data = _parse(content, name)
    if form == _Format(MULAW, 1, PHONE_RATE_HZ, 8):
        return data
    pcm, rate_hz = _to_mono_pcm(form, data), form.rate_hz
    return audioop.lin2ulaw(to_phone_rate(pcm, rate_hz), 2)


def mono_pcm(content: bytes, name: str) -> tuple[bytes, int]:
    """The recording in *content* as 16-bit mono samples, and their rate in Hz."""
    form, data = _parse(content, name)
    return _to_mono_pcm(form, data), form.rate_hz


def _parse(content: bytes, name: str) -> tuple[_Format, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ConfigError(f"{name}: expected a WAV file, found one that begins with {content[:12]!r}")
    chunks = dict(_chunks(content))
    if len(chunks.get(b"fmt ", b"")) < 16 or b"data" not in chunks:
        raise ConfigError(f"{name}: expected the chunks 'fmt ' and 'data', found {sorted(chunks)}")
    return _format(chunks[b"fmt "], name), chunks[b"data"]


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        tag, length = struct.unpack_from("<4sI", content, at)
        yield tag, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _format(chunk: bytes, name: str) -> _Format:
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        (code,) = struct.unpack_from("<H", chunk, 24)
    if bits != BITS.get(code) or channels not in (1, 2) or rate_hz not in RATES_HZ:
        raise ConfigError(
            f"{name}: expected 16-bit PCM or mu-law, mono or stereo, at one of {RATES_HZ} Hz; "
            f"found format {code} with {bits} bits, {channels} channels, {rate_hz} Hz"
        )
    return _Format(code, channels, rate_hz, bits)


def _to_mono_pcm(form: _Format, data: bytes) -> bytes:
    data = data[: len(data) - len(data) % (form.channels * form.bits // 8)]
    pcm = audioop.ulaw2lin(data, 2) if form.code == MULAW else data
    return audioop.tomono(pcm, 2, 0.5, 0.5) if form.channels == 2 else pcm
