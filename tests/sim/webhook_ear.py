"""An application that webhooks are sent to, and answers them as the test wants."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Heard:
    """A webhook that came."""

    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        """The same, however often it is sent."""
        return self.headers["webhook-id"]


class Ear:
    """Keeps every webhook; answers with one status after the other, the last of them for ever, and 0 is silence."""

    def __init__(self, statuses: Sequence[int]) -> None:
        self.heard: list[Heard] = []
        self.url = ""
        self._statuses = list(statuses)

    async def answer(self, request: web.Request) -> web.Response:
        """Take one in."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append(Heard(headers, await request.read()))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if not status:
            await asyncio.Event().wait()
        return web.Response(status=status)


@asynccontextmanager
async def listening(*statuses: int) -> AsyncIterator[Ear]:
    """An application on a port of its own."""
    ear = Ear(statuses or (200,))
    app = web.Application()
    app.router.add_post("/openai/webhook", ear.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}/openai/webhook"
    try:
        yield ear
    finally:
        await runner.cleanup()
