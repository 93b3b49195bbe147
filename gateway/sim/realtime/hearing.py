"""
The input buffer, and what is found in it.

All clocks here count the audio that was appended since the session began; wall time plays no part, so a
stream that stalls freezes the turn. The buffer begins at the last commit or clear. While nobody decides but
the detector and the caller is silent, it is kept no longer than the padding that a turn may need in front.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.sim.realtime.formats import AudioFormat
from gateway.sim.realtime.turn import Json
from gateway.sim.realtime.vad import FRAME_MS, Edge, SpeechDetector

EAGERNESS_SILENCE_MS = {"low": 1200, "medium": 700, "high": 400, "auto": 700}
SEMANTIC_PREFIX_MS = 300


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak."""

    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller fell silent."""

    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """The caller did not say anything for long."""

    audio_start_ms: int
    audio_end_ms: int


Signal: TypeAlias = SpeechStarted | SpeechStopped | IdleTimeout


class Hearing:
    """Listens to what is appended."""

    def __init__(self, sound: AudioFormat, turn_detection: Json | None) -> None:
        self.appended_bytes = 0
        self._clock_ms = 0.0
        self._buffer = bytearray()
        self._examined_bytes = 0
        self._idle_from_ms: float | None = None
        self._turn_detection: Json | None = None
        self._detector: SpeechDetector | None = None
        self._sound = sound
        self.detect(turn_detection)

    @property
    def sound(self) -> AudioFormat:
        """How the audio is written."""
        return self._sound

    @sound.setter
    def sound(self, sound: AudioFormat) -> None:
        if sound is not self._sound:
            self.clear()
            self._sound = sound

    @property
    def speaking(self) -> bool:
        """Whether a turn of the caller is in progress."""
        return self._detector is not None and self._detector.speaking

    @property
    def buffered_ms(self) -> float:
        """How much a commit would take."""
        return len(self._buffer) / self._sound.bytes_per_ms

    def detect(self, turn_detection: Json | None) -> None:
        """Decide on turns in another way; a turn in progress is forgotten if the way has changed."""
        if turn_detection == self._turn_detection and (turn_detection is None) == (self._detector is None):
            return
        self._turn_detection = turn_detection
        self._detector = _detector(turn_detection) if turn_detection else None
        self._skip()

    def append(self, audio: bytes) -> Iterator[Signal]:
        """Take in audio, and report what is found as soon as it is."""
        self.appended_bytes += len(audio)
        self._buffer += audio
        if self._detector is None:
            self._skip()
        frame_bytes = FRAME_MS * self._sound.bytes_per_ms
        while self._detector and len(self._buffer) - self._examined_bytes >= frame_bytes:
            frame = bytes(self._buffer[self._examined_bytes : self._examined_bytes + frame_bytes])
            self._examined_bytes += frame_bytes
            self._clock_ms += FRAME_MS
            yield from self._examine(self._detector, frame)

    def take(self) -> bytes:
        """Empty the buffer up to the point that has been listened to."""
        taken = bytes(self._buffer[: self._examined_bytes])
        del self._buffer[: self._examined_bytes]
        self._examined_bytes = 0
        if self._detector:
            self._detector.forget()
        return taken

    def clear(self) -> None:
        """Forget everything that is not committed; the clock runs on."""
        self._skip()
        self._buffer.clear()
        self._examined_bytes = 0
        if self._detector:
            self._detector.forget()

    def expect_speech(self, *, in_ms: float) -> None:
        """Be idle from the moment on at which the agent will have finished, *in_ms* from now."""
        self._idle_from_ms = self._clock_ms + in_ms

    def _skip(self) -> None:
        """Let time pass over what nobody examines."""
        self._clock_ms += (len(self._buffer) - self._examined_bytes) / self._sound.bytes_per_ms
        self._examined_bytes = len(self._buffer)

    def _examine(self, detector: SpeechDetector, frame: bytes) -> Iterator[Signal]:
        edge = detector.feed(self._sound.rms(frame))
        if edge is Edge.STARTED:
            self._idle_from_ms = None
            self._trim()
            yield SpeechStarted(max(0, int(self._clock_ms) - self._prefix_ms()))
        elif edge is Edge.STOPPED:
            yield SpeechStopped(int(self._clock_ms))
        elif not detector.speaking:
            self._trim()
            yield from self._idle()

    def _idle(self) -> Iterator[Signal]:
        timeout_ms = (self._turn_detection or {}).get("idle_timeout_ms")
        if timeout_ms is None or self._idle_from_ms is None:
            return
        if self._clock_ms >= self._idle_from_ms + timeout_ms:
            start_ms, self._idle_from_ms = int(self._idle_from_ms), None
            yield IdleTimeout(start_ms, int(self._clock_ms))

    def _trim(self) -> None:
        excess_bytes = self._examined_bytes - self._prefix_ms() * self._sound.bytes_per_ms
        if excess_bytes > 0:
            del self._buffer[:excess_bytes]
            self._examined_bytes -= excess_bytes

    def _prefix_ms(self) -> int:
        detection = self._turn_detection or {}
        return int(detection.get("prefix_padding_ms", SEMANTIC_PREFIX_MS))


def _detector(detection: Json) -> SpeechDetector:
    if detection["type"] == "server_vad":
        return SpeechDetector(threshold=detection["threshold"], silence_duration_ms=detection["silence_duration_ms"])
    silence_ms = EAGERNESS_SILENCE_MS[detection["eagerness"]]
    return SpeechDetector(threshold=0.5, silence_duration_ms=silence_ms)
