"""
A network that is late but never loses or reorders: TCP as a call sees it.

Each message is drawn a delay of its own, and none overtakes the one before: a late message holds up
those behind it, as a lost packet does on a real connection. Messages wait in one queue with one
timer, set for the head, so a thousand messages under way cost a thousand entries and not tasks.
Without delay and jitter a message is delivered within the call that sends it.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from gateway.errors import ConfigError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Network:
    """How late one direction of a connection is."""

    delay_ms: float = 0
    jitter_ms: float = 0
    """Each message is up to this much earlier or later, evenly spread."""

    @classmethod
    def parse(cls, text: str) -> "Network":
        """
        Read `DELAY` or `DELAY/JITTER`, in milliseconds.

        >>> Network.parse("80/30")
        Network(delay_ms=80.0, jitter_ms=30.0)
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?\s*", text)
        if not found:
            raise ConfigError(f"network {text!r}: expected DELAY or DELAY/JITTER in ms, such as 80 or 80/30")
        return cls(float(found[1]), float(found[2] or 0))


class Schedule:
    """Decides when each message arrives: pure, with time as an argument."""

    def __init__(self, network: Network, seed: int = 0) -> None:
        self._network = network
        self._random = Random(seed)
        self._last_s = float("-inf")

    def arrival_s(self, sent_s: float) -> float:
        """When a message sent at *sent_s* arrives: never before the one sent before it."""
        delay_ms, jitter_ms = self._network.delay_ms, self._network.jitter_ms
        drawn_ms = max(0.0, delay_ms + self._random.uniform(-jitter_ms, jitter_ms))
        self._last_s = max(self._last_s, sent_s + drawn_ms / 1000)
        return self._last_s


class Wire(Generic[Item]):
    """Carries items to *deliver*, late but in order."""

    def __init__(self, network: Network, deliver: Callable[[Item], None], *, seed: int = 0) -> None:
        self._deliver = deliver
        self._schedule = Schedule(network, seed)
        self._immediate = network == Network()
        self._under_way: deque[tuple[float, Item]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, item: Item) -> None:
        """Send *item* on its way; on a network without delay it has arrived on return."""
        if self._immediate:
            self._deliver(item)
            return
        now_s = asyncio.get_running_loop().time()
        self._under_way.append((self._schedule.arrival_s(now_s), item))
        self._set_timer()

    def cut(self) -> None:
        """Lose what is under way."""
        self._under_way.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        if self._timer is None and self._under_way:
            arrival_s = self._under_way[0][0]
            self._timer = asyncio.get_running_loop().call_at(arrival_s, self._arrive, arrival_s)

    def _arrive(self, due_s: float) -> None:
        self._timer = None
        now_s = max(due_s, asyncio.get_running_loop().time())
        while self._under_way and self._under_way[0][0] <= now_s:
            self._deliver(self._under_way.popleft()[1])
        self._set_timer()
