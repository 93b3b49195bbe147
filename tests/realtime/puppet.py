"""A model that tells what it is made to tell, for what no server would do."""

import asyncio
from typing import TypeVar

from gateway.realtime import (
    RealtimeModel,
    RealtimeModelAudioEvent,
    RealtimeModelConfig,
    RealtimeModelEvent,
    RealtimeModelListener,
    RealtimeModelSendEvent,
)
from tests.realtime.ear import soon

T = TypeVar("T")


class Puppet(RealtimeModel):
    """Tells its listeners whatever it is made to, and keeps what it is asked."""

    def __init__(self) -> None:
        self.options: RealtimeModelConfig = {}
        self.sent: list[RealtimeModelSendEvent] = []
        self.listeners: list[RealtimeModelListener] = []
        self.is_closed = False
        self._unseen: asyncio.Queue[RealtimeModelSendEvent] = asyncio.Queue()

    async def connect(self, options: RealtimeModelConfig) -> None:
        """Keep the options."""
        self.options = options

    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Tell it too."""
        self.listeners.append(listener)

    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Tell it no more."""
        self.listeners.remove(listener)

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """Keep it."""
        self.sent.append(event)
        self._unseen.put_nowait(event)

    async def next_sent(self, kind: type[T]) -> T:
        """What it is asked next."""
        event = await soon(self._unseen.get())
        assert isinstance(event, kind)
        return event

    async def close(self) -> None:
        """Be gone."""
        self.is_closed = True

    async def tell(self, *events: RealtimeModelEvent) -> None:
        """All this happens."""
        for event in events:
            for listener in self.listeners:
                await listener.on_event(event)


def audio(item_id: str, data: bytes = b"\xff", *, response_id: str = "resp_1") -> RealtimeModelAudioEvent:
    """A piece of the agent's speech."""
    return RealtimeModelAudioEvent(data, response_id, item_id, 0)
