"""
A perfect telephone in virtual time, with a network on both sides of it: the truth that the ledger is held against.

It knows nothing of the ledger's code. It plays what arrives at exactly 8 bytes a ms, echoes a mark when the audio
before it was played, and on a clear empties the queue and echoes every pending mark. It sends a frame of caller
audio every 20 ms, stamped with its own time. Both directions keep their order; every message draws its own delay.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

FRAME_MS = 20


@dataclass(frozen=True)
class Net:
    """One-way delay and jitter of each direction, in ms."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0


class World:
    """Virtual time: callbacks in order of their moment."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment_ms: float, callback: Callable[[], None]) -> None:
        """Call back at *moment_ms*; in order of registration when moments are equal."""
        self._count += 1
        heapq.heappush(self._agenda, (moment_ms, self._count, callback))

    def run(self, until_ms: float) -> None:
        """Let time pass."""
        while self._agenda and self._agenda[0][0] <= until_ms:
            self.now_ms, _, callback = heapq.heappop(self._agenda)
            callback()
        self.now_ms = until_ms


class Wire:
    """One direction of a connection: late, uneven, in order."""

    def __init__(self, world: World, net: Net, rng: random.Random) -> None:
        self._world, self._net, self._rng = world, net, rng
        self._last_ms = 0.0

    def send(self, callback: Callable[[], None]) -> None:
        """Deliver by calling back."""
        jitter_ms = self._rng.uniform(-self._net.jitter_ms, self._net.jitter_ms)
        arrives_ms = self._world.now_ms + max(0.0, self._net.delay_ms + jitter_ms)
        self._last_ms = max(self._last_ms, arrives_ms)
        self._world.at(self._last_ms, callback)


@dataclass
class _Chunk:
    item_id: str
    size_bytes: int
    begins_ms: float

    def played_bytes(self, now_ms: float) -> int:
        return int(min(self.size_bytes, max(0.0, (now_ms - self.begins_ms) * 8)))


@dataclass
class Telephone:
    """The provider's end, and the caller's ear."""

    world: World
    inbound: Wire
    outbound: Wire
    frame: Callable[[int], None]
    """What the gateway does with a frame, given its stamp in ms."""
    echo: Callable[[str], None]
    """What the gateway does with the echo of a mark."""
    clock_offset_ms: float = 0.0
    heard_bytes: dict[str, int] = field(default_factory=dict)
    cleared_ms: list[float] = field(default_factory=list)
    flushed_are_echoed: bool = True
    _chunks: deque[_Chunk] = field(default_factory=deque)
    _ends_ms: float = 0.0
    _marks: deque[tuple[str, float]] = field(default_factory=deque)

    def begin(self, until_ms: float) -> None:
        """Send caller frames until *until_ms*."""
        for number in range(int(until_ms / FRAME_MS)):
            self.world.at(number * FRAME_MS + self.clock_offset_ms, self._frame_sender(number * FRAME_MS))

    def _frame_sender(self, stamp_ms: int) -> Callable[[], None]:
        return lambda: self.inbound.send(lambda: self.frame(stamp_ms))

    # what the gateway sends

    def media(self, item_id: str, size_bytes: int) -> None:
        """Audio leaves the gateway."""
        self.outbound.send(lambda: self._queue(item_id, size_bytes))

    def mark(self, name: str) -> None:
        """A mark leaves the gateway."""
        self.outbound.send(lambda: self._mark(name))

    def clear(self) -> None:
        """A clear leaves the gateway."""
        self.outbound.send(self._clear)

    # what the telephone does

    def _queue(self, item_id: str, size_bytes: int) -> None:
        begins_ms = max(self.world.now_ms, self._ends_ms)
        self._chunks.append(_Chunk(item_id, size_bytes, begins_ms))
        self._ends_ms = begins_ms + size_bytes / 8

    def _mark(self, name: str) -> None:
        due_ms = max(self.world.now_ms, self._ends_ms)
        self._marks.append((name, due_ms))
        self.world.at(due_ms, lambda: self._played(name))

    def _played(self, name: str) -> None:
        if self._marks and self._marks[0][0] == name:
            self._marks.popleft()
            self._echo(name)

    def _echo(self, name: str) -> None:
        self.inbound.send(lambda: self.echo(name))

    def _clear(self) -> None:
        now_ms = self.world.now_ms
        self.cleared_ms.append(now_ms)
        self._settle(now_ms)
        self._chunks.clear()
        self._ends_ms = now_ms
        flushed = [name for name, _ in self._marks]
        self._marks.clear()
        for name in flushed:
            if self.flushed_are_echoed:
                self._echo(name)

    def _settle(self, now_ms: float) -> None:
        for chunk in self._chunks:
            heard = self.heard_bytes.get(chunk.item_id, 0)
            self.heard_bytes[chunk.item_id] = heard + chunk.played_bytes(now_ms)

    def hang_up(self) -> None:
        """Take stock of what was heard in the end."""
        self._settle(self.world.now_ms)
        self._chunks.clear()
