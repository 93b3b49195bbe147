"""The caller's sounds in mu-law, made once: words, coughs, an uh-huh; and what a phone picks up of its loudspeaker."""

import audioop
from functools import cache

from gateway.sim.sounds import cough
from gateway.sim.speechlike import speech_like
from tests.call.world.tape import Sound

FRAME_BYTES = 160
SILENCE = b"\xff" * FRAME_BYTES
COUGH_MS, NOD_MS = 260, 240
ECHO_LOSS = 0.2
PITCH_HZ = 120


@cache
def _frames(sound: Sound) -> list[bytes]:
    match sound:
        case "words":
            audio = _mulaw(speech_like("internationalisation unimaginatively reorganises every opportunity", PITCH_HZ))
        case "nod":
            audio = _mulaw(speech_like("uhu", PITCH_HZ))[: NOD_MS * 8]
        case "cough":
            audio = cough()[: COUGH_MS * 8]
        case _:
            audio = SILENCE
    return [audio[start : start + FRAME_BYTES] for start in range(0, len(audio) - FRAME_BYTES + 1, FRAME_BYTES)]


def _mulaw(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, 2)


def audio(sound: Sound, number: int) -> bytes:
    """One frame of a sound, so many frames after its beginning."""
    frames = _frames(sound)
    return frames[number % len(frames)]


def with_echo(said: bytes, played: bytes) -> bytes:
    """What a phone without echo cancellation picks up."""
    echo = audioop.mul(audioop.ulaw2lin(played, 2), 2, ECHO_LOSS)
    return audioop.lin2ulaw(audioop.add(audioop.ulaw2lin(said, 2), echo, 2), 2)
