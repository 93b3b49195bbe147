"""
The way from a phone's loudspeaker into its own microphone.

What the earpiece plays comes back: later, fainter, without what a small loudspeaker cannot play, coloured by its
resonances, and with the noise of the room. All but the noise is one filter of a few milliseconds; its delay need
not be a whole number of samples, as no real one is. A frame needs nothing but what was played a moment earlier, so
the filter has no state.
"""

import audioop
import base64
import math
from dataclasses import dataclass
from functools import cache
from random import Random

from gateway.sim.dsp import HEADROOM, PHONE_RATE_HZ
from gateway.sim.earpiece import BYTES_PER_MS, Earpiece

LOWEST_HZ = 300
HIGHEST_HZ = 3400
HALF_TAPS = 24
RESONANCES = 2
RESONANCE_TAPS = 24
TAPS = 2 * HALF_TAPS + RESONANCE_TAPS
SILENCE = b"\xff"


@dataclass(frozen=True, slots=True)
class EchoPath:
    """How a phone hears itself."""

    delay_ms: float = 120.0
    """Until the echo begins; most of it comes 3 ms later."""
    loss_db: float = 18.0
    noise_rms: float = 0.0
    """Of the room, in 16-bit samples."""
    seed: int = 0
    """Of the loudspeaker's resonances, and of the noise."""

    @property
    def reach_bytes(self) -> int:
        """How far back the sound of one moment was played, at most."""
        return self._delay_bytes + TAPS

    def echo(self, played: bytes) -> bytes:
        """What comes back of *played*, as 16-bit samples, without its first `reach_bytes`."""
        pcm = audioop.mul(audioop.ulaw2lin(played, 4), 4, 1 / HEADROOM)
        length = len(pcm) - 4 * self.reach_bytes
        total = bytes(length)
        for index, tap in enumerate(_taps(self)):
            start = 4 * (TAPS - index)
            total = audioop.add(total, audioop.mul(pcm[start : start + length], 4, tap), 4)
        return audioop.lin2lin(audioop.mul(total, 4, HEADROOM), 4, 2)

    @property
    def _delay_bytes(self) -> int:
        return int(self.delay_ms * BYTES_PER_MS)


class Echo:
    """What one phone hears of itself, frame by frame."""

    def __init__(self, path: EchoPath, earpiece: Earpiece) -> None:
        self._path = path
        self._earpiece = earpiece
        self._random = Random(path.seed)

    def mixed(self, payload: str, at_ms: float) -> str:
        """The frame that ends at *at_ms*, and what the earpiece adds to it."""
        said = audioop.ulaw2lin(base64.b64decode(payload), 2)
        end_byte = int(at_ms * BYTES_PER_MS)
        reach_bytes = self._path.reach_bytes + len(said) // 2
        echo = self._path.echo(played_between(self._earpiece, end_byte - reach_bytes, end_byte))
        heard = audioop.add(audioop.add(said, echo, 2), noise(self._random, len(said), self._path.noise_rms), 2)
        return base64.b64encode(audioop.lin2ulaw(heard, 2)).decode()


def noise(random: Random, byte_count: int, rms: float) -> bytes:
    """White noise in 16-bit samples."""
    return audioop.mul(random.randbytes(byte_count), 2, rms * math.sqrt(3) / (1 << 15))


def played_between(earpiece: Earpiece, from_byte: int, to_byte: int) -> bytes:
    """What the caller heard in a stretch of the stream that has passed, silence included."""
    timeline = bytearray(SILENCE * (to_byte - from_byte))
    for chunk in reversed(earpiece.chunks):
        start_byte = round(chunk.start_ms * BYTES_PER_MS)
        if start_byte + chunk.kept_bytes <= from_byte and chunk.kept_bytes:
            break
        first, last = max(start_byte, from_byte), min(start_byte + chunk.kept_bytes, to_byte)
        if first < last:
            timeline[first - from_byte : last - from_byte] = chunk.audio[first - start_byte : last - start_byte]
    return bytes(timeline)


@cache
def _taps(path: EchoPath) -> list[float]:
    """A band-pass with a delay of any length, and what rings after it; of the asked loss for white noise."""
    late = path.delay_ms * BYTES_PER_MS % 1
    taps = [_band_pass(n - late) for n in range(-HALF_TAPS, HALF_TAPS)] + [0.0] * RESONANCE_TAPS
    random = Random(path.seed)
    for _ in range(RESONANCES):
        frequency_hz, share = random.uniform(500, 2800), random.uniform(-0.25, 0.25)
        for n in range(RESONANCE_TAPS + HALF_TAPS):
            ringing = math.exp(-n / 8) * math.sin(2 * math.pi * frequency_hz * n / PHONE_RATE_HZ)
            taps[HALF_TAPS + n] += share * ringing
    scale = 10 ** (-path.loss_db / 20) / math.sqrt(math.fsum(tap * tap for tap in taps))
    return [tap * scale for tap in taps]


def _band_pass(samples: float) -> float:
    window = 0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, samples / HALF_TAPS)))
    return window * (_low_pass(HIGHEST_HZ, samples) - _low_pass(LOWEST_HZ, samples))


def _low_pass(cutoff_hz: float, samples: float) -> float:
    x = 2 * cutoff_hz / PHONE_RATE_HZ
    return x * math.sin(math.pi * x * samples) / (math.pi * x * samples) if samples else x
