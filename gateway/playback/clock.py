"""
The provider's clock, read off the caller's own frames.

A provider stamps every frame of caller audio with its own time, fifty times a second, and sends frames and
mark echoes down one ordered connection. So an echo that arrives between the frames stamped 1,240 and 1,260 left
the provider between these two moments, however late all three arrive. Delay cancels out, and of jitter no more
is left than half the space between two frames.

Dates are in ms on the provider's clock. Before the first frame, or when frames stop, an echo is dated by its
arrival less the usual gap between arrival and stamp.
"""

from dataclasses import dataclass

_WIDEST_BRACKET_MS = 100.0
"""Frames further apart than this say too little of what lies between them."""
_STEADY_JITTER_MS = 6.0
"""From this interarrival jitter on, the moment of arrival says nothing within the bracket."""
_MEMORY_FRAMES = 1024
"""How many frames the usual gap remembers: 20 s, so that it follows drift but not jitter."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An arrival that waits to be dated by the frame after it."""

    arrived_ms: float
    """When it arrived, on our clock."""
    after_stamp_ms: float | None
    """Stamp of the last frame before it; None when there was none yet."""
    after_arrived_ms: float
    """When that frame arrived, on our clock."""


class ProviderClock:
    """Dates arrivals on the provider's clock."""

    __slots__ = ("_arrived_ms", "_frames", "_gap_ms", "_jitter_ms", "_stamp_ms")

    def __init__(self) -> None:
        self._frames = 0
        self._stamp_ms = 0.0
        self._arrived_ms = 0.0
        self._gap_ms = 0.0
        self._jitter_ms = 0.0

    @property
    def running(self) -> bool:
        """Whether a frame has come in."""
        return self._frames > 0

    @property
    def latest_ms(self) -> float:
        """Stamp of the latest frame."""
        return self._stamp_ms

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter of the caller's frames, smoothed as RFC 3550, section 6.4.1, has it."""
        return self._jitter_ms

    def frame_received(self, stamp_ms: float, *, now_ms: float) -> None:
        """Take note of a frame of caller audio; a stamp that runs backwards starts the clock anew."""
        gap_ms = now_ms - stamp_ms
        if self._frames == 0 or stamp_ms < self._stamp_ms:
            self._frames = 1
            self._gap_ms = gap_ms
        else:
            unevenness_ms = abs(gap_ms - (self._arrived_ms - self._stamp_ms))
            self._jitter_ms += (unevenness_ms - self._jitter_ms) / 16
            self._frames = min(self._frames + 1, _MEMORY_FRAMES)
            self._gap_ms += (gap_ms - self._gap_ms) / self._frames
        self._stamp_ms = stamp_ms
        self._arrived_ms = now_ms

    def sight(self, now_ms: float) -> Sighting:
        """Something other than a frame arrived."""
        return Sighting(now_ms, self._stamp_ms if self._frames else None, self._arrived_ms)

    def rough_date_ms(self, arrived_ms: float) -> float:
        """The date of an arrival by the usual gap alone."""
        return arrived_ms - self._gap_ms

    def bracketed(self, sighting: Sighting) -> bool:
        """Whether a frame has come in since *sighting*."""
        return self._frames > 0 and sighting.after_stamp_ms != self._stamp_ms

    def date_ms(self, sighting: Sighting) -> float:
        """
        The date of *sighting*, given the frames on both sides of it.

        >>> clock = ProviderClock()
        >>> clock.frame_received(1240, now_ms=5000)
        >>> echo = clock.sight(5015)
        >>> clock.frame_received(1260, now_ms=5020)
        >>> clock.date_ms(echo)
        1255.0
        """
        rough_ms = self.rough_date_ms(sighting.arrived_ms)
        earliest_ms, latest_ms = sighting.after_stamp_ms, self._stamp_ms
        if earliest_ms is None:
            return rough_ms
        if not earliest_ms < latest_ms:
            return max(rough_ms, earliest_ms)
        if latest_ms - earliest_ms > _WIDEST_BRACKET_MS:
            return min(max(rough_ms, earliest_ms), latest_ms)
        waited_ms = self._arrived_ms - sighting.after_arrived_ms
        share = (sighting.arrived_ms - sighting.after_arrived_ms) / waited_ms if waited_ms > 0 else 0.5
        trust = max(0.0, 1.0 - self._jitter_ms / _STEADY_JITTER_MS)
        return earliest_ms + (latest_ms - earliest_ms) * (0.5 + trust * (share - 0.5))
