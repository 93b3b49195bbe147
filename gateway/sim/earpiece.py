"""
What the caller hears: the play-out buffer of a phone call, and the truth about it.

Chunks of mu-law audio are played in the order they came, 8 bytes per millisecond. A chunk begins
when it has arrived and the one before it has ended; when nothing is left, time passes in silence.
A mark is due when everything received before it has been played. A clear throws away what was not
played yet, and so does the end of the stream.

Time is an argument, in milliseconds since the stream began, and never runs backwards. It is cut to
whole samples on the way in: an eighth of a millisecond is exact in binary, and so is every sum.

Nothing is forgotten, so that any account of the call can be checked against what was really heard.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

BYTES_PER_MS = 8
SILENCE = b"\xff"
CAPACITY_BYTES = 10 * 60 * 1000 * BYTES_PER_MS
"""More than ten minutes waiting to be played is refused."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of audio as it was received, and how much of it was kept."""

    audio: bytes
    arrived_ms: float
    start_ms: float
    """When its first byte was, or would have been, played."""
    kept_bytes: int
    """How much of it was left to be played: all of it, unless cleared or too much."""

    @property
    def end_ms(self) -> float:
        """When the last byte that was kept had been played."""
        return self.start_ms + self.kept_bytes / BYTES_PER_MS

    def played_bytes(self, now_ms: float) -> int:
        """How much of it has been played at *now_ms*."""
        if now_ms >= self.end_ms:
            return self.kept_bytes
        return max(0, int((_on_sample(now_ms) - self.start_ms) * BYTES_PER_MS))


@dataclass(frozen=True, slots=True)
class Cleared:
    """The buffer was emptied."""

    at_ms: float
    discarded_bytes: int
    flushed_marks: tuple[str, ...]
    received_chunks: int
    """How many chunks had been received by then."""


@dataclass(frozen=True, slots=True)
class Dry:
    """A time in which there was nothing to play."""

    from_ms: float
    to_ms: float


class Earpiece:
    """Plays what it is given, and remembers all of it."""

    def __init__(self, *, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self.chunks: list[Chunk] = []
        self.clears: list[Cleared] = []
        self.overflows = 0
        self.overflown_bytes = 0
        self._capacity_bytes = capacity_bytes
        self._marks: deque[tuple[float, str]] = deque()
        self._end_ms = 0.0
        self._epoch_bytes = 0

    def append(self, audio: bytes, now_ms: float) -> Chunk:
        """Queue *audio* behind what is there already."""
        now_ms = _on_sample(now_ms)
        kept_bytes = min(len(audio), self._capacity_bytes - self.queued_bytes(now_ms))
        if kept_bytes < len(audio):
            self.overflows += 1
            self.overflown_bytes += len(audio) - kept_bytes
        chunk = Chunk(audio, now_ms, max(now_ms, self._end_ms), kept_bytes)
        self.chunks.append(chunk)
        self._end_ms = chunk.end_ms
        self._epoch_bytes += kept_bytes
        return chunk

    def mark(self, name: str, now_ms: float) -> float:
        """Take note of a mark; answers when it is due, which is *now_ms* when nothing is queued."""
        due_ms = max(_on_sample(now_ms), self._end_ms)
        self._marks.append((due_ms, name))
        return due_ms

    def next_mark_ms(self) -> float | None:
        """When the oldest pending mark is due."""
        return self._marks[0][0] if self._marks else None

    def take_due_marks(self, now_ms: float) -> list[str]:
        """Names of the marks whose audio has been played, oldest first; they are then done with."""
        names = []
        while self._marks and self._marks[0][0] <= now_ms:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self, now_ms: float) -> list[str]:
        """Throw away what was not played; answers all pending marks, oldest first."""
        now_ms = _on_sample(now_ms)
        discarded_bytes = self._discard(now_ms)
        names = [name for _, name in self._marks]
        self._marks.clear()
        self.clears.append(Cleared(now_ms, discarded_bytes, tuple(names), len(self.chunks)))
        self._epoch_bytes = 0
        return names

    def stop(self, now_ms: float) -> int:
        """End of the stream: nothing more is played; answers how many bytes never were."""
        discarded_bytes = self._discard(_on_sample(now_ms))
        self._marks.clear()
        self._epoch_bytes -= discarded_bytes
        return discarded_bytes

    def queued_bytes(self, now_ms: float) -> int:
        """How much waits to be played."""
        return max(0, int((self._end_ms - _on_sample(now_ms)) * BYTES_PER_MS))

    def dry_at_ms(self) -> float:
        """When everything received so far has been played."""
        return self._end_ms

    def played_ms_since_clear(self, now_ms: float) -> float:
        """How much was played since the last clear, or since the stream began."""
        return (self._epoch_bytes - self.queued_bytes(now_ms)) / BYTES_PER_MS

    def will_have_played_ms(self, played_ms: float, now_ms: float) -> float | None:
        """When *played_ms* have been played since the last clear; None if it takes more audio."""
        if played_ms > self._epoch_bytes / BYTES_PER_MS:
            return None
        return now_ms + max(0.0, played_ms - self.played_ms_since_clear(now_ms))

    def heard(self, until_ms: float) -> bytes:
        """Everything the caller heard from the beginning of the stream, silence included."""
        timeline = bytearray()
        for start_byte, played in self._played(until_ms):
            timeline += SILENCE * (start_byte - len(timeline)) + played
        return bytes(timeline + SILENCE * (int(until_ms * BYTES_PER_MS) - len(timeline)))

    def dry_periods(self, until_ms: float) -> list[Dry]:
        """The times in which there was nothing to play, the one before the first chunk included."""
        periods, end_ms = [], 0.0
        for chunk in self.chunks:
            if chunk.kept_bytes and chunk.start_ms < until_ms:
                periods.append(Dry(end_ms, chunk.start_ms))
                end_ms = chunk.end_ms
        periods.append(Dry(end_ms, until_ms))
        return [dry for dry in periods if dry.to_ms > dry.from_ms]

    def _played(self, until_ms: float) -> Iterator[tuple[int, bytes]]:
        for chunk in self.chunks:
            if played_bytes := chunk.played_bytes(until_ms):
                yield int(chunk.start_ms * BYTES_PER_MS), chunk.audio[:played_bytes]

    def _discard(self, now_ms: float) -> int:
        discarded_bytes = self.queued_bytes(now_ms)
        for index in range(len(self.chunks) - 1, -1, -1):
            chunk = self.chunks[index]
            if chunk.end_ms <= now_ms:
                break
            self.chunks[index] = replace(chunk, kept_bytes=chunk.played_bytes(now_ms))
        self._end_ms = min(self._end_ms, now_ms)
        return discarded_bytes


def _on_sample(time_ms: float) -> float:
    """Cut a time to the sample that was being played."""
    return int(time_ms * BYTES_PER_MS) / BYTES_PER_MS
