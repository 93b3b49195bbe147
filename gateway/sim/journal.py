"""What happened to a simulated call, for whoever prints it or checks it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.sim.conditions import Conditions


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something that happened to the call."""

    at_ms: float
    """Time since the phone was dialled."""
    kind: str
    detail: str = ""


class Journal:
    """Keeps the events of a call in order, and counts the warnings by Twilio's numbers."""

    def __init__(self, on_event: Callable[[PhoneEvent], None] | None = None) -> None:
        self.events: list[PhoneEvent] = []
        self.warnings: Counter[int] = Counter()
        self.conditions = Conditions()
        self.began_s = 0.0
        self._on_event = on_event

    def begin(self) -> None:
        """The phone is dialled: time runs from here."""
        self.began_s = asyncio.get_running_loop().time()

    def now_ms(self) -> float:
        """Time since the phone was dialled."""
        return (asyncio.get_running_loop().time() - self.began_s) * 1000

    def report(self, kind: str, detail: str = "") -> None:
        """Something happened."""
        event = PhoneEvent(self.now_ms(), kind, detail)
        self.events.append(event)
        if self._on_event:
            self._on_event(event)
        self.conditions.changed()
        if kind == "ended":
            self.conditions.over("the call ended")

    def warn(self, code: int, why: str) -> None:
        """Something happened that Twilio would have logged under *code*."""
        self.warnings[code] += 1
        self.report("warning", f"{code}: {why}")
