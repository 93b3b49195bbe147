"""Knows when everybody has dealt with what was told, without asking a clock."""

import asyncio

from gateway.protocol.model.events import RealtimeModelEvent
from gateway.realtime.model import RealtimeModelListener

PASSES = 25
"""How often whatever a listener has set going may wait for what is there already, and still count as at once."""


class Attention(RealtimeModelListener):
    """The last listener of a model."""

    def __init__(self) -> None:
        self._untold = 0
        self._all_told = asyncio.Event()
        self.forget()

    def forget(self) -> None:
        """What was not told yet will not be."""
        self._untold = 0
        self._all_told.set()

    def claim(self) -> None:
        """One event more will be told."""
        self._untold += 1
        self._all_told.clear()

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Everybody else has dealt with it."""
        self._untold -= 1
        if not self._untold:
            self._all_told.set()

    async def paid(self) -> None:
        """Wait until everything was told, and nobody has anything left to do at once."""
        passes = 0
        while passes < PASSES:
            await self._all_told.wait()
            await asyncio.sleep(0)
            passes = passes + 1 if self._all_told.is_set() else 0
