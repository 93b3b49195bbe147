"""A provider without a network: a frame of caller audio every 20 ms, audio at 8 bytes a ms, marks echoed on time."""

from collections import deque

from gateway.audio.g711 import encoded_bytes
from gateway.call.commands import ClearAudio, Command, PlayAudio, SendMark
from gateway.providers.events import CallerAudio, MarkEchoed

FRAME_MS = 20
FRAME = "/v7+" * 53 + "/w=="
"""20 ms of a quiet line."""


class Phone:
    """Does what commands say, and tells when it will say something itself."""

    def __init__(self) -> None:
        self._stamp_ms = 0
        self._ends_ms = 0.0
        self._marks: deque[tuple[float, str]] = deque()

    def take(self, command: Command, *, now_ms: float) -> None:
        """Carry out what is meant for the provider."""
        match command:
            case PlayAudio(payload):
                self._ends_ms = max(self._ends_ms, now_ms) + encoded_bytes(payload) / 8
            case SendMark(name):
                self._marks.append((max(self._ends_ms, now_ms), name))
            case ClearAudio():
                self._ends_ms = now_ms
                self._marks = deque((now_ms, name) for _, name in self._marks)
            case _:
                pass

    def next_ms(self) -> float:
        """When it will say something."""
        return min([float(self._stamp_ms), *(due_ms for due_ms, _ in self._marks)])

    def says(self) -> CallerAudio | MarkEchoed:
        """What it says then."""
        if self._marks and self._marks[0][0] <= self._stamp_ms:
            return MarkEchoed(self._marks.popleft()[1])
        self._stamp_ms += FRAME_MS
        return CallerAudio(FRAME, self._stamp_ms - FRAME_MS)
