"""
Echoes on their way to a date.

An echo is dated by the caller's frames on both sides of it, so it waits for the next one. It does not wait long: frames
may have stopped, and a provider may stamp none.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.playback.clock import ProviderClock, Sighting
from gateway.playback.closing import Echo

BRACKET_WAIT_MS = 160.0
"""How long an echo waits for the caller's next frame to date it; with a jitter of 60 ms frames come that far apart."""


@dataclass(frozen=True, slots=True)
class _Undated:
    epoch: int
    ordinal: int
    sighting: Sighting

    @property
    def patience_ms(self) -> float:
        """Until when it is worth waiting: not at all once frames have stopped."""
        began_ms = self.sighting.arrived_ms if self.sighting.after_stamp_ms is None else self.sighting.after_arrived_ms
        return began_ms + BRACKET_WAIT_MS


@dataclass(frozen=True, slots=True)
class Dated:
    """An echo, of which queue, and when it arrived on our clock."""

    epoch: int
    echo: Echo
    arrived_ms: float


class Dating:
    """Holds echoes until they can be dated, in the order in which they came."""

    __slots__ = ("_clock", "_stampless", "waiting")

    def __init__(self, clock: ProviderClock) -> None:
        self._clock = clock
        self.waiting: deque[_Undated] = deque()
        """Echoes without a date."""
        self._stampless = False
        """Whether a stamp was waited for in vain."""

    def arrived(self, epoch: int, ordinal: int, now_ms: float) -> None:
        """The echo of a mark came in."""
        self.waiting.append(_Undated(epoch, ordinal, self._clock.sight(now_ms)))

    def dated(self, now_ms: float) -> Iterator[Dated]:
        """The echoes that can be dated by now, or have waited long enough."""
        while self.waiting:
            undated = self.waiting[0]
            bracketed = self._clock.bracketed(undated.sighting)
            if not bracketed and now_ms < undated.patience_ms and not self._stampless:
                return
            self._stampless = not self._clock.running
            self.waiting.popleft()
            echo = Echo(undated.ordinal, self._clock.date_ms(undated.sighting))
            yield Dated(undated.epoch, echo, undated.sighting.arrived_ms)

    def deadlines_ms(self) -> Iterator[float]:
        """Until when each is waiting."""
        return (undated.patience_ms for undated in self.waiting)
