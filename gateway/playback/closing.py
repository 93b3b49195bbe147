"""
An epoch that a clear has ended, until it is known how far it had been played.

Its marks still come back, in one of two ways: played while the clear was on its way, or flushed by it. A flushed echo
comes before its audio can have ended, and not before the clear can have arrived. Where that leaves a doubt the echo
behind it decides: flushed marks come back together, played ones as far apart as their audio lasts.
"""

from dataclasses import dataclass

from gateway.playback.items import Settled
from gateway.playback.playout import ItemKey, Playout, Span

FLUSH_WAIT_MS = 500.0
"""How long the first echo of a flushed mark is waited for, at least."""
TOGETHER_MS = 5.0
"""No further apart than this do flushed marks come back on an even network."""


@dataclass(frozen=True, slots=True)
class Echo:
    """The echo of a mark, and when it left the provider."""

    ordinal: int
    date_ms: float


@dataclass(frozen=True, slots=True)
class Precision:
    """How well echoes can be dated just now."""

    slack_ms: float
    """How far a date may be off."""
    jitter_ms: float
    """Interarrival jitter of what the provider sends."""


@dataclass(slots=True)
class ClosedEpoch:
    """The queue as it was when the clear was sent, and what has come back since."""

    playout: Playout
    cleared_ms: float
    """When the clear was sent, on our clock."""
    keys: dict[ItemKey, None]
    """What may have to be cut: items with unheard audio, or of which more was to come."""
    round_trip_ms: float = 0.0
    """How long marks take to come back, as far as it is known."""
    _flushed: Echo | None = None
    """The first echo of a mark that the clear flushed."""
    _doubtful: Echo | None = None

    @property
    def deadline_ms(self) -> float:
        """When to stop waiting for a flushed echo."""
        return self.cleared_ms + max(FLUSH_WAIT_MS, 2 * self.round_trip_ms)

    def settled_by(self, now_ms: float) -> Settled | None:
        """What tells by now how far the queue was played; None while nothing does."""
        if self._flushed is not None:
            return "flushed_echo"
        if self.playout.empty:
            return "played"
        return "clock" if now_ms >= self.deadline_ms else None

    def echoed(self, echo: Echo, precision: Precision) -> list[Span]:
        """One of its marks came back; answers with the spans that turn out to have been played."""
        if self._doubtful is not None and echo.ordinal == self._doubtful.ordinal:
            return []
        return [*self._resolve(echo, precision), *self._judge(echo, precision)]

    def _judge(self, echo: Echo, precision: Precision) -> list[Span]:
        if self._flushed is not None or not self.playout.holds(echo.ordinal):
            return []
        early_ms = self.playout.ends_ms(echo.ordinal) - echo.date_ms
        if early_ms <= precision.slack_ms:
            return self._played(echo, precision)
        surely_early = early_ms > 4 * precision.slack_ms
        is_last = self.playout.is_last(echo.ordinal)
        if not self._clear_may_have_arrived(echo, precision):
            return self._played(echo, precision) if is_last else self._doubt(echo)
        if surely_early or is_last:
            self._flushed = echo
            return []
        return self._doubt(echo)

    def _doubt(self, echo: Echo) -> list[Span]:
        self._doubtful = echo
        return []

    def _clear_may_have_arrived(self, echo: Echo, precision: Precision) -> bool:
        unsure_ms = 4 * precision.jitter_ms + 2 * precision.slack_ms
        return echo.date_ms >= self.cleared_ms + self.playout.transit.usual_ms - unsure_ms

    def _resolve(self, echo: Echo, precision: Precision) -> list[Span]:
        """Settle the doubt about the echo before this one."""
        doubtful, self._doubtful = self._doubtful, None
        if doubtful is None or not self.playout.holds(echo.ordinal):
            return []
        apart_ms = self.playout.ends_ms(echo.ordinal) - self.playout.ends_ms(doubtful.ordinal)
        together_ms = TOGETHER_MS + 2 * precision.slack_ms + 2 * precision.jitter_ms
        if echo.date_ms - doubtful.date_ms < min(together_ms, apart_ms / 2):
            self._flushed = doubtful
            return []
        return self._played(doubtful, precision)

    def _played(self, echo: Echo, precision: Precision) -> list[Span]:
        return self.playout.acknowledge(echo.ordinal, date_ms=echo.date_ms, slack_ms=precision.slack_ms)

    def clock_byte(self) -> int:
        """How far the queue was played by the clock alone: when the clear should have arrived."""
        return self.playout.position_byte(self.cleared_ms + self.playout.transit.usual_ms)

    def heard_byte(self) -> int:
        """How far the queue was played when the clear took effect, by the best evidence there is."""
        if echo := self._flushed:
            return min(self.playout.position_byte(echo.date_ms), self.playout.end_byte(echo.ordinal))
        return self.clock_byte()
