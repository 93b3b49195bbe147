"""An application for the simulated phone to call: its webhook, and its media sockets, in the test's hands."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

PATIENCE_S = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What the phone asked over HTTP, or at a handshake."""

    method: str
    url: str
    form: dict[str, str]
    signature: str


class Socket:
    """One media stream, seen from the application."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.received: list[dict[str, Any]] = []
        self._socket = socket
        self._news = asyncio.Condition()
        self._closed = False

    async def read(self) -> None:
        """Keep everything that comes, until the socket is closed."""
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                await self._keep(json.loads(message.data))
        self._closed = True
        async with self._news:
            self._news.notify_all()

    async def _keep(self, message: dict[str, Any]) -> None:
        async with self._news:
            self.received.append(message)
            self._news.notify_all()

    def all(self, event: str) -> list[dict[str, Any]]:
        """All messages of one kind so far."""
        return [message for message in self.received if message["event"] == event]

    async def expect(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages of one kind."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.all(event)) >= count)
        return self.all(event)

    async def closed(self) -> None:
        """Wait until the phone has closed the socket."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: self._closed)

    async def send(self, event: str, **content: Any) -> None:
        """Send one message for the stream that was started."""
        message = {"event": event, "streamSid": self.all("start")[0]["streamSid"], **content}
        await self._socket.send_str(json.dumps(message))

    async def play(self, audio: bytes) -> None:
        """Send audio."""
        await self.send("media", media={"payload": base64.b64encode(audio).decode()})

    async def mark(self, name: str) -> None:
        """Ask for a mark."""
        await self.send("mark", mark={"name": name})

    async def marks(self, count: int) -> list[str]:
        """Wait for so many marks; answers their names."""
        return [message["mark"]["name"] for message in await self.expect("mark", count)]

    async def send_raw(self, frame: str | bytes) -> None:
        """Send anything."""
        await (self._socket.send_str(frame) if isinstance(frame, str) else self._socket.send_bytes(frame))

    async def close(self, code: int = 1000) -> None:
        """Close the socket from the application's side."""
        await self._socket.close(code=code)


@dataclass
class Application:
    """A server on 127.0.0.1 that answers each path with what the test has put there."""

    host: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    refuse_streams: bool = False
    sockets: "asyncio.Queue[Socket]" = field(default_factory=asyncio.Queue)

    @property
    def voice_url(self) -> str:
        """Where calls are announced."""
        return f"http://{self.host}/voice"

    @property
    def stream_url(self) -> str:
        """Where media streams go."""
        return f"ws://{self.host}/stream"

    def connect(self, inner: str = "", after: str = "", **attributes: str) -> str:
        """TwiML that opens a stream here."""
        extra = " ".join(f'{name}="{value}"' for name, value in attributes.items())
        stream = f'<Stream url="{self.stream_url}" {extra}>{inner}</Stream>'
        return f"<Response><Connect>{stream}</Connect>{after}</Response>"

    def forms(self, path: str) -> list[dict[str, str]]:
        """The forms that were sent to *path*."""
        return [request.form for request in self.requests if request.url.endswith(path)]

    async def socket(self) -> Socket:
        """The next stream that is opened."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.sockets.get()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a webhook or a handshake."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        scheme = "ws" if request.headers.get("Upgrade") else "http"
        url = f"{scheme}://{self.host}{request.path_qs}"
        signature = request.headers.get("X-Twilio-Signature", "")
        self.requests.append(Request(request.method, url, form, signature))
        if scheme == "ws":
            return await self._stream(request)
        page = self.pages.get(request.path)
        return web.Response(text=page, content_type="text/xml") if page else web.Response(status=404)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_streams:
            return web.Response(status=403)
        response = web.WebSocketResponse()
        await response.prepare(request)
        socket = Socket(response)
        self.sockets.put_nowait(socket)
        await socket.read()
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[Application]:
    """An application that listens on a port of its own."""
    application = Application()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", application.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    application.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield application
    finally:
        await runner.cleanup()
