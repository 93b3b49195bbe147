"""Conversations of agents with the simulated server, and who writes down what happens in them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast

from gateway.realtime import (
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeModelRawServerEvent,
    RealtimeRawModelEvent,
    RealtimeRunConfig,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
    RealtimeSessionModelSettings,
)
from gateway.sim.realtime import Behaviour, Call, RealtimeServer, Reply, Say, Session, Turn
from tests.realtime.ear import PATIENCE_S, soon
from tests.sim.realtime_script import tone

T = TypeVar("T")

PHONE: RealtimeSessionModelSettings = {
    "voice": "ash",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
}


class Diary:
    """Iterates over a session, and keeps everything it tells."""

    def __init__(self, session: RealtimeSession) -> None:
        self.events: list[RealtimeSessionEvent] = []
        self._came = asyncio.Event()
        self.reading = asyncio.create_task(self._read(session))

    def all(self, kind: type[T]) -> list[T]:
        """Every event of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        """What was told but for raw events and histories, a run of the same counted once."""
        passed_over = {"raw_model_event", "history_added", "history_updated"}
        told = [event.type for event in self.events if event.type not in passed_over]
        return [kind for at, kind in enumerate(told) if not at or told[at - 1] != kind]

    async def until(self, kind: type[T], where: Callable[[T], bool] = lambda event: True, *, times: int = 1) -> T:
        """The first event of a kind that is *where* it should be, or a later one, as soon as it has come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [event for event in self.all(kind) if where(event)]) < times:
                self._came.clear()
                await self._came.wait()
        return found[times - 1]

    async def _read(self, session: RealtimeSession) -> None:
        async for event in session:
            self.events.append(event)
            self._came.set()


@asynccontextmanager
async def talk(
    server: RealtimeServer,
    agent: RealtimeAgent[Any],
    config: RealtimeRunConfig | None = None,
    *,
    context: object = None,
    **options: object,
) -> AsyncIterator[tuple[RealtimeSession, Diary, Session]]:
    """A conversation with an agent, its diary, and the server's side of it."""
    runner = RealtimeRunner(agent, config={"model_settings": PHONE, **(config or {})})
    given = {"api_key": "sk-test", "url": server.url, **options}
    session = await runner.run(context=context, model_config=cast("RealtimeModelConfig", given))
    async with session:
        diary = Diary(session)
        try:
            yield session, diary, await server.next_session()
        finally:
            await soon(session.close())
            with suppress(Exception):
                await soon(diary.reading)


def acts(*turns: Reply, **knobs: object) -> Behaviour:
    """A server whose agent takes these turns, one a response, the last one ever after."""

    def reply(turn: Turn) -> Reply:
        return turns[min(turn.ordinal, len(turns) - 1)]

    return Behaviour(reply=reply, first_audio_ms=20, **knobs)  # type: ignore[arg-type]  # any knob


def says(text: str, length_ms: int = 200) -> Say:
    """The agent says something that lasts so long."""
    return Say(text, tone(length_ms))


def calls(name: str, arguments: Mapping[str, object] | str = "{}", call_id: str | None = None) -> Call:
    """The agent wants a tool run."""
    return Call(name, arguments, call_id)


def sent(session: Session) -> list[str]:
    """What the server was asked for, but for the caller's audio."""
    return [event.type or "" for event in session.received if event.type != "input_audio_buffer.append"]


def outputs(session: Session) -> dict[str, str]:
    """What the server was told of tools, by call id."""
    items = [event.event["item"] for event in session.received if event.type == "conversation.item.create"]
    return {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}


def is_raw(name: str) -> Callable[[RealtimeRawModelEvent], bool]:
    """Whether an event is the server's of that name."""

    def found(event: RealtimeRawModelEvent) -> bool:
        return isinstance(event.data, RealtimeModelRawServerEvent) and event.data.data["type"] == name

    return found
