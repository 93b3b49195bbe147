"""Marks on their way back to the application, and whatever may go wrong with them."""

from collections.abc import Callable, Iterable

from gateway.sim.faults import PhoneFaults
from gateway.sim.network import Network, Wire


class MarkEchoes:
    """Sends marks back in the order in which they were played or flushed, as far as faults allow."""

    def __init__(self, faults: PhoneFaults, send: Callable[[str], None]) -> None:
        self._faults = faults
        self._wire = Wire(Network(faults.mark_delay_ms), send)
        self._count = 0

    def played(self, names: Iterable[str]) -> None:
        """Everything before these marks was played."""
        for name in names:
            self._send(name)

    def flushed(self, names: Iterable[str]) -> None:
        """A clear threw away the audio before these marks."""
        if not self._faults.drop_flushed_marks:
            self.played(names)

    def cut(self) -> None:
        """Lose what is under way."""
        self._wire.cut()

    def _send(self, name: str) -> None:
        self._count += 1
        lose_every = self._faults.lose_mark_every
        if self._faults.no_marks or (lose_every and self._count % lose_every == 0):
            return
        for _ in range(2 if self._faults.double_marks else 1):
            self._wire.send(name)
