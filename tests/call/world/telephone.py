"""
The provider's end: it knows what the caller's ear has heard, and says so only by marks.

It plays what arrives at 8 bytes a ms, echoes a mark when the audio before it was played, and on a clear empties its
queue and echoes what marks are left. A frame of caller audio leaves every 20 ms with its own stamp. Its habits make it
lie by omission, repetition and delay; about what was heard it never lies.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from gateway.call import Event
from gateway.call.events import StreamClosed
from gateway.providers.events import CallerAudio, MarkEchoed, StreamStopped
from tests.call.world import sounds, tape
from tests.call.world.conditions import Conditions
from tests.call.world.tape import Sound
from tests.playback.telephone import World as Agenda

FRAME_MS = 20
LONGEST_HOLD_MS = 200.0


@dataclass(slots=True)
class Chunk:
    """A piece of the agent's speech in the queue, and what became of it."""

    piece: range
    begins_ms: float
    flushed_ms: float = float("inf")
    """When a clear threw away what was not played of it."""

    @property
    def ends_ms(self) -> float:
        """When it has been played, or was flushed."""
        return min(self.begins_ms + len(self.piece) / 8, max(self.begins_ms, self.flushed_ms))

    @property
    def heard_bytes(self) -> int:
        """How much of it the caller has heard by then."""
        return min(len(self.piece), int((self.ends_ms - self.begins_ms) * 8 + 1e-6))


class Telephone:
    """Plays what it gets, and talks when the caller does."""

    def __init__(self, agenda: Agenda, conditions: Conditions, rng: Random, say: Callable[[Event], None]) -> None:
        self.chunks: list[Chunk] = []
        """All that ever arrived, in order."""
        self.cleared_ms: list[float] = []
        self.queues: list[list[Chunk]] = []
        """What each clear found in the queue, played or not."""
        self.sent: list[str] = []
        """Every frame of the caller's audio."""
        self._agenda, self._rng, self._say = agenda, rng, say
        self._conditions, self._habits = conditions, conditions.phone
        self.clock_offset_ms = rng.uniform(0, FRAME_MS)
        """What its clock is behind."""
        self._utterances = deque(conditions.utterances)
        self._begun = 0
        """How many of the chunks came before the latest clear."""
        self._queued = 0
        """How many of the chunks are no longer in the queue."""
        self._ends_ms = 0.0
        self._marks: deque[str] = deque()
        self._held_until_ms = 0.0
        self._connected = True

    # The caller

    def begin(self) -> None:
        """The stream has started."""
        self._numbers = count()
        self._agenda.at(self.clock_offset_ms, self._frame)
        self._agenda.at(self._conditions.ends_ms, self._end)

    def _frame(self) -> None:
        if not self._connected:
            return
        number, now_ms = next(self._numbers), self._agenda.now_ms
        if not self._lost(now_ms):
            self.sent.append(self._caller(number, now_ms))
            self._say(CallerAudio(self.sent[-1], number * FRAME_MS if self._habits.stamped else None))
        self._agenda.at((number + 1) * FRAME_MS + self.clock_offset_ms, self._frame)

    def _lost(self, now_ms: float) -> bool:
        habits = self._habits
        gap_from_ms, gap_to_ms = habits.gap_ms
        return gap_from_ms <= now_ms < gap_to_ms or (
            habits.loses_frames > 0 and self._rng.random() < habits.loses_frames
        )

    def _caller(self, number: int, now_ms: float) -> str:
        """What the phone picks up."""
        sound, audio = self._said(now_ms)
        if self._conditions.echo_ms is not None:
            until_ms = now_ms - self._conditions.echo_ms
            played = self.played(until_ms - FRAME_MS, until_ms)
            audio = sounds.with_echo(audio, played)
            if sound == "echo" and played == sounds.SILENCE:
                sound = "hush"
        return tape.frame(number, sound, audio)

    def _said(self, now_ms: float) -> tuple[Sound, bytes]:
        while self._utterances and self._utterances[0].to_ms <= now_ms:
            self._utterances.popleft()
        if not self._utterances or now_ms < self._utterances[0].from_ms:
            return "hush", sounds.SILENCE
        said = self._utterances[0]
        return said.sound, sounds.audio(said.sound, int(now_ms - said.from_ms) // FRAME_MS)

    def _end(self) -> None:
        """The caller hangs up, or the connection breaks, unless the gateway was first."""
        if self._connected and self._conditions.ending != "is_sent_away":
            if self._conditions.ending == "hangs_up":
                self._say(StreamStopped())
            self.close(1006)

    def hang_up(self) -> None:
        """The provider is asked to end the call; it takes its time, or never gets round to it."""
        if self._conditions.hangs_up_ms < float("inf"):
            self._agenda.at(self._agenda.now_ms + self._conditions.hangs_up_ms, self._ended)

    def _ended(self) -> None:
        if self._connected:
            self._say(StreamStopped())
            self.close(1000)

    def close(self, code: int) -> None:
        """The connection ends; what is queued is not heard any more."""
        if self._connected:
            self._flush()
            self._connected = False
            self._say(StreamClosed(code))

    # The queue

    def media(self, payload: str) -> None:
        """Audio arrived."""
        if not self._connected:
            return
        begins_ms, piece = max(self._agenda.now_ms, self._ends_ms), tape.locate(payload)
        if self.chunks:
            self.chunks[-1].piece = tape.in_front(self.chunks[-1].piece, piece)
        self.chunks.append(Chunk(piece, begins_ms))
        self._ends_ms = self.chunks[-1].ends_ms

    def mark(self, name: str) -> None:
        """A mark arrived."""
        if self._connected:
            self._marks.append(name)
            self._agenda.at(max(self._agenda.now_ms, self._ends_ms), lambda: self._played(name))

    def clear(self) -> None:
        """The queue is to be emptied."""
        if not self._connected:
            return
        self.cleared_ms.append(self._agenda.now_ms)
        self.queues.append(self.chunks[self._begun :])
        self._begun = len(self.chunks)
        self._flush()
        flushed, self._marks = self._marks, deque()
        for name in flushed if self._habits.echoes_flushed else ():
            self._echo(name)

    def played(self, from_ms: float, to_ms: float) -> bytes:
        """What the caller heard in a stretch of time that has passed, silence included."""
        stretch = bytearray(b"\xff" * round((to_ms - from_ms) * 8))
        self._skip_what_was_played()
        for index in range(min(self._queued, len(self.chunks) - 1), -1, -1):
            chunk = self.chunks[index]
            if chunk.ends_ms <= from_ms:
                break
            at_byte = round((chunk.begins_ms - from_ms) * 8)
            first, last = max(0, at_byte), min(len(stretch), at_byte + chunk.heard_bytes)
            if first < last:
                heard = chunk.piece[first - at_byte : last - at_byte]
                stretch[first:last] = tape.tape()[heard.start : heard.stop]
        return bytes(stretch)

    def unheard(self) -> Iterator[Chunk]:
        """What is in the queue, in order."""
        self._skip_what_was_played()
        return iter(self.chunks[self._queued :])

    def _skip_what_was_played(self) -> None:
        now_ms = self._agenda.now_ms
        while self._queued < len(self.chunks) and self.chunks[self._queued].ends_ms <= now_ms:
            self._queued += 1

    def _flush(self) -> None:
        for chunk in self.unheard():
            chunk.flushed_ms = self._agenda.now_ms
        self._queued, self._ends_ms = len(self.chunks), self._agenda.now_ms

    # The marks

    def _played(self, name: str) -> None:
        if self._connected and self._marks and self._marks[0] == name:
            self._marks.popleft()
            self._echo(name)

    def _echo(self, name: str) -> None:
        habits, rng = self._habits, self._rng
        if not habits.echoes or rng.random() < habits.loses_marks:
            return
        held_ms = rng.uniform(0, LONGEST_HOLD_MS) if rng.random() < habits.holds_marks else 0.0
        self._held_until_ms = max(self._held_until_ms, self._agenda.now_ms + held_ms)
        for _ in range(2 if rng.random() < habits.doubles_marks else 1):
            self._agenda.at(self._held_until_ms, lambda: self._say(MarkEchoed(name)))
