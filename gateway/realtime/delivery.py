"""
Hands events to listeners: one event at a time, in the order in which they happened, and never in the socket's way.
"""

import asyncio
import logging
from collections.abc import Sequence

from gateway.protocol.model.events import RealtimeModelEvent
from gateway.realtime.model import RealtimeModelListener

logger = logging.getLogger(__name__)


class Delivery:
    """A queue of events, and the task that empties it."""

    def __init__(self, listeners: Sequence[RealtimeModelListener]) -> None:
        """*listeners* may change as time goes by."""
        self._listeners = listeners
        self._queue: asyncio.Queue[RealtimeModelEvent | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name="realtime events")
        self._stopped = False

    def put(self, event: RealtimeModelEvent) -> None:
        """Something happened."""
        self._queue.put_nowait(event)

    def finish(self) -> None:
        """Nothing more will happen."""
        self._queue.put_nowait(None)

    async def stop(self) -> None:
        """Tell nothing more, not even what has happened; may be called by a listener."""
        self._stopped = True
        if self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while not self._stopped and (event := await self._queue.get()) is not None:
            for listener in tuple(self._listeners):
                await self._tell(listener, event)

    async def _tell(self, listener: RealtimeModelListener, event: RealtimeModelEvent) -> None:
        if self._stopped:
            return
        try:
            await listener.on_event(event)
        except Exception:
            logger.exception("a listener failed at %s", event.type)
