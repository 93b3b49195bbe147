"""How long marks take to come back, the time that audio plays not counted."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class RoundTrip:
    """Learned from every mark, as RFC 6298 learns it from every segment."""

    usual_ms: float = 0.0
    uneven_ms: float = 0.0
    """By how much it usually differs from that."""
    _untold_ms: list[float] = field(default_factory=list)

    def took(self, round_trip_ms: float) -> None:
        """A mark came back."""
        if not self.usual_ms:
            self.usual_ms = round_trip_ms
        off_ms = round_trip_ms - self.usual_ms
        self.uneven_ms += (abs(off_ms) - self.uneven_ms) / 8
        self.usual_ms += off_ms / 8
        self._untold_ms.append(round_trip_ms)

    def told_ms(self) -> list[float]:
        """Every round trip since this was asked last."""
        told_ms, self._untold_ms = self._untold_ms, []
        return told_ms
