"""
The audio formats of the API, and how the emulator's own mu-law becomes each of them.

Lengths are counted in bytes of a format; every format here has a whole number of bytes per ms.
"""

import audioop
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.sim.realtime.shapes import RefusalError

MULAW_RATE_HZ = 8000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One way to write sound as bytes."""

    name: str
    bytes_per_ms: int
    to_linear: Callable[[bytes], bytes]
    """Makes 16-bit samples, at the format's own rate."""
    from_mulaw: Callable[[bytes], bytes]
    """Makes bytes of this format of mu-law at 8 kHz."""

    def length_ms(self, byte_count: int) -> int:
        """
        How long *byte_count* bytes last, in whole ms.

        >>> PCMU.length_ms(2000)
        250
        """
        return byte_count // self.bytes_per_ms

    def rms(self, audio: bytes) -> int:
        """How loud *audio* is, on the scale of 16-bit samples."""
        return audioop.rms(self.to_linear(audio), 2)


def _same(audio: bytes) -> bytes:
    return audio


def _mulaw_to_linear(audio: bytes) -> bytes:
    return audioop.ulaw2lin(audio, 2)


def _alaw_to_linear(audio: bytes) -> bytes:
    return audioop.alaw2lin(audio, 2)


def _mulaw_to_alaw(audio: bytes) -> bytes:
    return audioop.lin2alaw(audioop.ulaw2lin(audio, 2), 2)


def _mulaw_to_pcm24(audio: bytes) -> bytes:
    """Three samples for each one, so that no ms is lost at the ends."""
    samples = audioop.ulaw2lin(audio, 2)
    if not samples:
        return samples
    # ratecv leaves out what would interpolate past the end; one sample more of the same supplies it.
    stretched, _ = audioop.ratecv(samples + samples[-2:], 2, 1, MULAW_RATE_HZ, 24000, None)
    return stretched[: 3 * len(samples)].ljust(3 * len(samples), b"\0")


PCMU = AudioFormat("audio/pcmu", 8, _mulaw_to_linear, _same)
PCMA = AudioFormat("audio/pcma", 8, _alaw_to_linear, _mulaw_to_alaw)
PCM24 = AudioFormat("audio/pcm", 48, _same, _mulaw_to_pcm24)

_BY_NAME = {known.name: known for known in (PCMU, PCMA, PCM24)}


def audio_format(described: Mapping[str, object]) -> AudioFormat:
    """The format that a session's *format* object names."""
    return _BY_NAME[str(described["type"])]


def decoded(encoded: str, *, param: str) -> bytes:
    """The audio that *param* carries as base64."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise RefusalError("invalid_value", f"Invalid '{param}': expected base64.", param=param) from None
