"""
What the parts of one session share: its settings, its memory, its clock and its way out.

Time is handed in by whoever drives the session and stands still in between. What is to happen later is put
on the agenda; the agenda says when it wants to be looked at.
"""

import heapq
import math
from collections.abc import Callable
from itertools import count

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Conversation
from gateway.sim.realtime.outlet import Outlet
from gateway.sim.realtime.shapes import RefusalError


class Context:
    """The common ground of a session."""

    def __init__(self, behaviour: Behaviour, config: SessionConfig, *, now_s: float) -> None:
        self.config = config
        self.conversation = Conversation()
        self.outlet = Outlet(behaviour)
        self.now_s = now_s
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    @property
    def behaviour(self) -> Behaviour:
        """How the server behaves at present."""
        return self.outlet.behaviour

    def emit(self, kind: str, **fields: object) -> None:
        """Send the event *kind*."""
        self.outlet.put({"type": kind, "event_id": new_id("event"), **fields})

    def refuse(self, refusal: RefusalError, *, event_id: str | None = None) -> None:
        """Tell the client that something is not done, and that *event_id* had asked for it."""
        error = {"type": refusal.kind, "code": refusal.code, "message": refusal.message}
        self.emit("error", error={**error, "param": refusal.param, "event_id": event_id})

    def at(self, due_s: float, action: Callable[[], None]) -> None:
        """Do *action* at *due_s*; at infinity, never."""
        if due_s < math.inf:
            heapq.heappush(self._agenda, (due_s, next(self._numbers), action))

    def after(self, delay_ms: float, action: Callable[[], None]) -> None:
        """Do *action* in *delay_ms*, and at once if that is nothing."""
        if delay_ms <= 0:
            action()
        else:
            self.at(self.now_s + delay_ms / 1000, action)

    def next_deadline_s(self) -> float | None:
        """When the agenda has to be looked at."""
        return self._agenda[0][0] if self._agenda else None

    def run_due(self) -> None:
        """Do everything that is due."""
        while self._agenda and self._agenda[0][0] <= self.now_s:
            heapq.heappop(self._agenda)[2]()
