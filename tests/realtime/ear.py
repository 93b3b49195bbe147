"""Who listens to a model here, and what it hears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, cast

from gateway.realtime import (
    OpenAIRealtimeWebSocketModel,
    RealtimeModelConfig,
    RealtimeModelEvent,
    RealtimeModelListener,
    RealtimeSessionModelSettings,
)
from gateway.sim.realtime import RealtimeServer, Session

T = TypeVar("T")

PATIENCE_S = 5.0


async def soon(awaitable: Awaitable[T]) -> T:
    """The result, or a failed test."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


class Ear(RealtimeModelListener):
    """Keeps everything it is told."""

    def __init__(self) -> None:
        self.events: list[RealtimeModelEvent] = []
        self._came = asyncio.Event()

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Keep it."""
        self.events.append(event)
        self._came.set()

    def all(self, kind: type[T]) -> list[T]:
        """Every event of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """What was told but for raw events, a run of the same counted once."""
        told = [event.type for event in self.events if event.type != "raw_server_event"]
        return [kind for at, kind in enumerate(told) if not at or told[at - 1] != kind]

    async def until(self, kind: type[T], where: Callable[[T], bool] = lambda event: True) -> T:
        """The first event of a kind that is *where* it should be, as soon as it has come."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = [event for event in self.all(kind) if where(event)]
                if found:
                    return found[0]
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def connected(
    server: RealtimeServer,
    settings: RealtimeSessionModelSettings | None = None,
    *,
    model: OpenAIRealtimeWebSocketModel | None = None,
    **options: object,
) -> AsyncIterator[tuple[OpenAIRealtimeWebSocketModel, Ear, Session]]:
    """A model with a session, who listens to it, and the server's side of the session."""
    model, ear = model or OpenAIRealtimeWebSocketModel(), Ear()
    model.add_listener(ear)
    given = {"api_key": "sk-test", "url": server.url, "initial_model_settings": settings or {}, **options}
    await soon(model.connect(cast("RealtimeModelConfig", given)))
    try:
        yield model, ear, await server.next_session()
    finally:
        await soon(model.close())
