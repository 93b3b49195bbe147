"""
Events on their way to whoever iterates over a session.

Nothing here makes the socket wait. Of events that are not read, the audio of an interrupted agent goes at once, for it
must not be played any more; and when too many wait, those go that nobody will miss: raw events, audio, and histories
that a later one repeats, the older half of them.
"""

import asyncio
import logging
from collections import deque
from itertools import islice

from gateway.errors import UserError
from gateway.protocol.model.events import RealtimeModelAudioEvent
from gateway.realtime.events import (
    RealtimeAudio,
    RealtimeHistoryUpdated,
    RealtimeRawModelEvent,
    RealtimeSessionEvent,
)

logger = logging.getLogger(__name__)

WAITING_MAX = 4096
"""Some minutes of a lively conversation."""


class EventQueue:
    """Events that were told and not read yet."""

    def __init__(self) -> None:
        self._events: deque[RealtimeSessionEvent] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._changed = asyncio.Event()
        self._is_read = False
        self._shed_at = WAITING_MAX
        self._has_warned = False

    def put(self, event: RealtimeSessionEvent) -> None:
        """Something happened; behind the end, nothing does."""
        if self._ended:
            return
        self._events.append(event)
        self._changed.set()
        if len(self._events) > self._shed_at:
            self._shed()

    def drop_audio(self) -> None:
        """What was not read of the agent's speech is not to be played."""
        self._events = deque(event for event in self._events if not _is_audio(event))

    def end(self, error: Exception | None = None) -> None:
        """Nothing follows what was told, or an error does."""
        if not self._ended:
            self._ended, self._error = True, error
            self._changed.set()

    async def get(self) -> RealtimeSessionEvent | None:
        """
        The next event, None behind the last; once, the error behind it.

        Raises `UserError` while somebody else waits for it.
        """
        if self._is_read:
            raise UserError("somebody iterates over this session already; events go to one reader")
        self._is_read = True
        try:
            while not self._events and not self._ended:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._is_read = False
        if self._events:
            return self._events.popleft()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    def _shed(self) -> None:
        before = len(self._events)
        older = [event for event in islice(self._events, before // 2) if not _can_be_missed(event)]
        self._events = deque([*older, *islice(self._events, before // 2, None)])
        self._shed_at = max(WAITING_MAX, len(self._events) + WAITING_MAX // 2)
        if not self._has_warned:
            self._has_warned = True
            logger.warning("events are not read; raw events, audio and histories are dropped, the oldest first")


def _is_audio(event: RealtimeSessionEvent) -> bool:
    if isinstance(event, RealtimeRawModelEvent):
        return isinstance(event.data, RealtimeModelAudioEvent)
    return isinstance(event, RealtimeAudio)


def _can_be_missed(event: RealtimeSessionEvent) -> bool:
    return isinstance(event, RealtimeRawModelEvent | RealtimeAudio | RealtimeHistoryUpdated)
