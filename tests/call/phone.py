"""
A provider without a network: a frame of caller audio every 20 ms, audio at 8 bytes a ms, marks echoed on time.

It keeps what it has played, byte by byte, and says what the caller is given to say.
"""

import audioop
from base64 import b64decode, b64encode
from collections import deque

from gateway.audio.g711 import encoded_bytes
from gateway.call.commands import ClearAudio, Command, PlayAudio, SendMark
from gateway.providers.events import CallerAudio, MarkEchoed
from gateway.sim.echo_path import EchoPath

FRAME_MS = 20
FRAME_BYTES = 160
FRAME = "/v7+" * 53 + "/w=="
"""20 ms of a quiet line."""
NEVER_MS = float("inf")


class Phone:
    """Does what commands say, and tells when it will say something itself."""

    def __init__(self, *, echoes_flushed: bool = True, echo: EchoPath | None = None, began_ms: float = 0.0) -> None:
        """*began_ms* is when its stream began; its stamps count from there."""
        self.stalled = False
        """Whether no frames come."""
        self._echoes_flushed = echoes_flushed
        self._echo = echo
        self._began_ms = began_ms
        self._stamp_ms = 0
        self._ends_ms = 0.0
        self._marks: deque[tuple[float, str]] = deque()
        self._played: list[tuple[float, bytes]] = []
        self._mouth = b""

    def take(self, command: Command, *, now_ms: float) -> None:
        """Carry out what is meant for the provider."""
        match command:
            case PlayAudio(payload):
                starts_ms = max(self._ends_ms, now_ms)
                self._played.append((starts_ms, b64decode(payload)))
                self._ends_ms = starts_ms + encoded_bytes(payload) / 8
            case SendMark(name):
                self._marks.append((max(self._ends_ms, now_ms), name))
            case ClearAudio():
                self._clear(now_ms)
            case _:
                pass

    def _clear(self, now_ms: float) -> None:
        self._ends_ms = now_ms
        self._played = [(starts_ms, audio[: _bytes(now_ms - starts_ms)]) for starts_ms, audio in self._played]
        self._marks = deque((now_ms, name) for _, name in self._marks if self._echoes_flushed)

    @property
    def played(self) -> bytes:
        """All that it has played, and will play unless it is cleared."""
        return b"".join(audio for _, audio in self._played)

    def speak(self, audio: bytes) -> None:
        """The caller says *audio*, in mu-law, from the next frame on."""
        self._mouth += audio

    def next_ms(self) -> float:
        """When it will say something."""
        frame_ms = NEVER_MS if self.stalled else self._began_ms + self._stamp_ms
        return min([frame_ms, *(due_ms for due_ms, _ in self._marks)])

    def says(self) -> CallerAudio | MarkEchoed:
        """What it says then."""
        if self._marks and self._marks[0][0] <= self.next_ms():
            return MarkEchoed(self._marks.popleft()[1])
        self._stamp_ms += FRAME_MS
        return CallerAudio(self._frame(), self._stamp_ms - FRAME_MS)

    def _frame(self) -> str:
        audio, self._mouth = self._mouth[:FRAME_BYTES], self._mouth[FRAME_BYTES:]
        if not audio and not self._echo:
            return FRAME
        audio = audio.ljust(FRAME_BYTES, b"\xff")
        return b64encode(self._with_echo(audio, self._echo) if self._echo else audio).decode()

    def _with_echo(self, audio: bytes, path: EchoPath) -> bytes:
        """What the earpiece plays comes back into the microphone."""
        to_byte = _bytes(self._stamp_ms - FRAME_MS)
        echo = path.echo(self._between(to_byte - FRAME_BYTES - path.reach_bytes, to_byte))
        return audioop.lin2ulaw(audioop.add(audioop.ulaw2lin(audio, 2), echo, 2), 2)

    def _between(self, from_byte: int, to_byte: int) -> bytes:
        heard = bytearray(b"\xff" * (to_byte - from_byte))
        for starts_ms, audio in self._played:
            start = _bytes(starts_ms)
            first, last = max(start, from_byte), min(start + len(audio), to_byte)
            if first < last:
                heard[first - from_byte : last - from_byte] = audio[first - start : last - start]
        return bytes(heard)


def _bytes(length_ms: float) -> int:
    return max(0, round(length_ms * 8))
