"""
When the caller speaks, judged by how loud it is.

The detector sees one loudness per 20 ms of audio and no clock: time is the audio it was shown. The gate
lies a fixed ratio above the noise floor, which is the quietest frame of the last one to two seconds (speech
always breathes; a steady noise does not, and is learned). A turn begins when loud frames outweigh quiet
ones by 100 ms, so that a click cannot begin one, and ends after `silence_duration_ms` without a loud frame.
To stay in a turn, half the loudness is enough.
"""

from enum import Enum, auto

FRAME_MS = 20
ONSET_MS = 100
FLOOR_WINDOW_FRAMES = 50
FIRST_FLOOR_RMS = 60
HIGHEST_FLOOR_RMS = 1000
LOWEST_GATE_RMS = 200
GATE_OVER_FLOOR = 3.0


class Edge(Enum):
    """What changed with a frame."""

    STARTED = auto()
    STOPPED = auto()


class SpeechDetector:
    """Finds where speech begins and ends."""

    def __init__(self, *, threshold: float, silence_duration_ms: int) -> None:
        self._scale = 4.0 ** (2.0 * threshold - 1.0)
        self._silence_duration_ms = silence_duration_ms
        self._floor_rms = FIRST_FLOOR_RMS
        self._window_floor_rms = HIGHEST_FLOOR_RMS
        self._window_frames = 0
        self._loud_ms = 0
        self._quiet_ms = 0
        self.speaking = False

    def feed(self, level_rms: int) -> Edge | None:
        """Take in the loudness of the next 20 ms."""
        self._learn(level_rms)
        gate_rms = max(LOWEST_GATE_RMS, GATE_OVER_FLOOR * self._floor_rms) * self._scale
        return self._listen_on(level_rms > gate_rms / 2) if self.speaking else self._await(level_rms > gate_rms)

    def forget(self) -> None:
        """Give up the turn in progress; what is known of the noise stays."""
        self.speaking = False
        self._loud_ms = self._quiet_ms = 0

    def _await(self, loud: bool) -> Edge | None:
        self._loud_ms = max(0, self._loud_ms + (FRAME_MS if loud else -FRAME_MS))
        if self._loud_ms < ONSET_MS:
            return None
        self.speaking = True
        self._quiet_ms = 0
        return Edge.STARTED

    def _listen_on(self, loud: bool) -> Edge | None:
        self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
        if self._quiet_ms < max(FRAME_MS, self._silence_duration_ms):
            return None
        self.forget()
        return Edge.STOPPED

    def _learn(self, level_rms: int) -> None:
        """Keep the quietest frame of this window and of the one before."""
        self._window_floor_rms = min(self._window_floor_rms, level_rms)
        self._floor_rms = min(self._floor_rms, self._window_floor_rms)
        self._window_frames += 1
        if self._window_frames == FLOOR_WINDOW_FRAMES:
            self._floor_rms, self._window_floor_rms = self._window_floor_rms, HIGHEST_FLOOR_RMS
            self._window_frames = 0
