"""Sends what an agent's run wants sent, in its order, beside everything else."""

import asyncio
import logging
from collections.abc import Callable

from gateway.errors import PeerError
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.realtime.model import RealtimeModel

logger = logging.getLogger(__name__)


class Sender:
    """A queue of what is to be sent, and the task that empties it."""

    def __init__(self, model: RealtimeModel, failed: Callable[[Exception], None]) -> None:
        """*failed* is told what could not be sent although the model is there."""
        self._model = model
        self._failed = failed
        self._queue: asyncio.Queue[RealtimeModelSendEvent] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Send from now on."""
        self._task = asyncio.create_task(self._run(), name="realtime session: sender")

    def put(self, event: RealtimeModelSendEvent) -> None:
        """Send this too."""
        self._queue.put_nowait(event)

    async def close(self) -> None:
        """Send nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await self._send(await self._queue.get())

    async def _send(self, event: RealtimeModelSendEvent) -> None:
        try:
            await self._model.send_event(event)
        except PeerError:
            logger.debug("%s came too late: the model is gone", type(event).__name__)
        except Exception as error:
            logger.exception("%s could not be sent", type(event).__name__)
            self._failed(error)
