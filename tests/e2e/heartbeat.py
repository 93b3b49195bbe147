"""
How late a loop runs on a busy machine.

The two ends and the gateway of a test share one loop, and their clocks are real. What holds that loop up holds up the
telephone too, which then plays, hears and echoes at moments that no telephone would choose. So a test that judges
milliseconds allows for what the machine took, and for nothing else; precision as such is proved in virtual time.
"""

import asyncio
from typing import Self

EVERY_S = 0.005


class Heartbeat:
    """Beats as long as it is entered, and knows by how much its worst beat was late."""

    def __init__(self) -> None:
        self.late_ms = 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._arm()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        due_s = self._loop.time() + EVERY_S
        self._timer = self._loop.call_at(due_s, self._beat, due_s)

    def _beat(self, due_s: float) -> None:
        self.late_ms = max(self.late_ms, (self._loop.time() - due_s) * 1000)
        self._arm()
