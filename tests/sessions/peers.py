"""Whom the gateway's sockets meet here: other libraries, and peers made by hand that write what no library would."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame
from websockets.frames import Opcode as Kind
from websockets.utils import accept_key

from gateway.sessions.model import MESSAGE_LIMIT_BYTES, open_model
from gateway.sessions.provider import FRAME_LIMIT_BYTES, accept
from gateway.sessions.socket import TextSocket

T = TypeVar("T")

PATIENCE_S = 5.0
GOODBYE = (4321, "auf Wiederhören ☎")
UVLOOP = pytest.mark.asyncio(loop_factories=["uvloop"])
"""For what takes seconds: on the loop that answers calls, and no other."""


async def soon(awaitable: Awaitable[T], within_s: float = PATIENCE_S) -> T:
    """The result, or a failed test."""
    return await asyncio.wait_for(awaitable, within_s)


class Received:
    """What is handed on, in order."""

    def __init__(self, socket: TextSocket) -> None:
        self.texts: list[bytes] = []
        self._socket = socket
        self._came = asyncio.Event()
        socket.attach(self._take)

    def _take(self, text: bytes) -> None:
        self.texts.append(text)
        self._came.set()

    async def up_to(self, count: int) -> list[bytes]:
        """All texts, once there are so many."""
        while len(self.texts) < count:
            self._came.clear()
            await soon(self._came.wait())
        return self.texts


Streams = asyncio.Queue[TextSocket]


@asynccontextmanager
async def provider_side() -> AsyncIterator[tuple[str, Streams]]:
    """An aiohttp application that takes media streams; its address without the scheme, and the streams as they come."""
    streams: Streams = asyncio.Queue()

    async def media(request: web.Request) -> web.Response:
        stream = accept(request)
        streams.put_nowait(stream)
        await stream.closed()
        return web.Response()

    app = web.Application()
    app.router.add_get("/media", media)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0]
        yield f"{host}:{port}/media", streams
    finally:
        await runner.cleanup()


class Peer(Protocol):
    """Whoever is at the other end."""

    async def send(self, message: str | bytes) -> None:
        """Send a text, or bytes."""

    async def receive(self) -> str:
        """The next text."""

    async def ping(self) -> None:
        """Ask for a sign of life, and wait for it."""

    async def close(self, code: int, reason: str) -> None:
        """Close."""

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; answers with what the gateway said."""

    async def cut(self) -> None:
        """Go without a word."""


class Library:
    """Either end of a connection of websockets."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def send(self, message: str | bytes) -> None:
        """Send a text, or bytes."""
        await self.connection.send(message)

    async def receive(self) -> str:
        """The next text."""
        return await soon(self.connection.recv(decode=True))

    async def ping(self) -> None:
        """Ask for a sign of life, and wait for it."""
        await soon(await self.connection.ping(b"anyone there?"))

    async def close(self, code: int, reason: str) -> None:
        """Close."""
        await soon(self.connection.close(code, reason))

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; answers with what the gateway said."""
        await soon(self.connection.wait_closed())
        return self.connection.close_code or 0, self.connection.close_reason or ""

    async def cut(self) -> None:
        """Go without a word."""
        self.connection.transport.abort()


class Aiohttp:
    """The client of aiohttp."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._socket = socket

    async def send(self, message: str | bytes) -> None:
        """Send a text, or bytes."""
        await (self._socket.send_str(message) if isinstance(message, str) else self._socket.send_bytes(message))

    async def receive(self) -> str:
        """The next text."""
        return await self._socket.receive_str(timeout=PATIENCE_S)

    async def ping(self) -> None:
        """Ask for a sign of life, and wait for it."""
        await self._socket.ping(b"anyone there?")
        sign = await self._socket.receive(PATIENCE_S)
        assert (sign.type, sign.data) == (WSMsgType.PONG, b"anyone there?")

    async def close(self, code: int, reason: str) -> None:
        """Close."""
        await soon(self._socket.close(code=code, message=reason.encode()))

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; answers with what the gateway said."""
        while True:
            message = await self._socket.receive(PATIENCE_S)
            if message.type is WSMsgType.CLOSE:
                return message.data, message.extra or ""
            if message.type in {WSMsgType.CLOSED, WSMsgType.ERROR}:
                return 1006, ""

    async def cut(self) -> None:
        """Go without a word."""
        await self._http.close()
        await self._socket.close()


@dataclass(frozen=True)
class Link:
    """A connection, and both of its ends."""

    ours: TextSocket
    peer: Peer
    limit_bytes: int


@asynccontextmanager
async def aiohttp_client() -> AsyncIterator[Link]:
    """The provider is aiohttp."""
    async with provider_side() as (address, streams), aiohttp.ClientSession() as http:
        options: dict[str, Any] = {"autoping": False, "max_msg_size": 0, "compress": 15}
        socket = await http.ws_connect(f"ws://{address}", **options)
        yield Link(await soon(streams.get()), Aiohttp(http, socket), FRAME_LIMIT_BYTES)


@asynccontextmanager
async def websockets_client() -> AsyncIterator[Link]:
    """The provider is websockets."""
    options: dict[str, Any] = {"max_queue": None, "max_size": None, "ping_interval": None, "proxy": None}
    async with provider_side() as (address, streams), connect(f"ws://{address}", **options) as connection:
        assert connection.protocol.extensions == []
        yield Link(await soon(streams.get()), Library(connection), FRAME_LIMIT_BYTES)


@asynccontextmanager
async def websockets_server() -> AsyncIterator[Link]:
    """The model is websockets."""
    sessions: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def session(connection: ServerConnection) -> None:
        sessions.put_nowait(connection)
        await connection.wait_closed()

    async with serve(session, "127.0.0.1", 0, max_queue=None, max_size=None, ping_interval=None) as server:
        ours = await open_model(f"ws://127.0.0.1:{port_of(server.sockets)}", {})
        yield Link(ours, Library(await soon(sessions.get())), MESSAGE_LIMIT_BYTES)


def port_of(sockets: Iterable[socket.socket]) -> int:
    """Where a server listens."""
    return int(next(iter(sockets)).getsockname()[1])


@dataclass(frozen=True)
class Hand:
    """A peer that writes what no library would."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    client: bool

    def write(self, kind: int, payload: bytes = b"") -> None:
        """Send a frame."""
        self.writer.write(self.frame(kind, payload))

    def frame(self, kind: int, payload: bytes = b"") -> bytes:
        """A frame of ours."""
        return Frame(Kind(kind), payload).serialize(mask=self.client)

    def head(self, length_bytes: int) -> bytes:
        """The beginning of a text that is longer than it is short."""
        masked = 0x80 if self.client else 0
        return bytes([0x81, masked | 127]) + length_bytes.to_bytes(8, "big") + bytes(4 if self.client else 0)

    async def read(self, within_s: float = PATIENCE_S) -> tuple[int, bytes]:
        """The next frame, a short one."""
        first, second = await soon(self.reader.readexactly(2), within_s)
        assert bool(second & 0x80) is not self.client
        key = bytes(4) if self.client else await soon(self.reader.readexactly(4))
        payload = await soon(self.reader.readexactly(second & 0x7F))
        return first & 0x0F, bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))

    async def gone(self) -> None:
        """Wait until the gateway has ended the connection, whatever it still says."""
        with suppress(ConnectionError):
            while await soon(self.reader.read(65_536)):
                pass


REQUEST = (
    b"GET /media HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def switching(key: str) -> bytes:
    """What a server answers to the handshake of a client that sent *key*; it is as long for every key."""
    lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept_key(key)}", "", ""]).encode()


async def answer_to(reader: asyncio.StreamReader) -> bytes:
    """Read a handshake; answers with the answer."""
    request = (await soon(reader.readuntil(b"\r\n\r\n"))).decode()
    headers = dict(line.split(": ", 1) for line in request.split("\r\n") if ": " in line)
    return switching(headers["Sec-WebSocket-Key"])


Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serving) -> AsyncIterator[str]:
    """A server made by hand; its address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{port_of(server.sockets)}/v1/realtime?model=m"


@asynccontextmanager
async def hand_client() -> AsyncIterator[tuple[TextSocket, Hand]]:
    """The provider is made by hand."""
    async with provider_side() as (address, streams):
        host, _, port = address.removesuffix("/media").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(REQUEST)
        await soon(reader.readuntil(b"\r\n\r\n"))
        yield await soon(streams.get()), Hand(reader, writer, client=True)
        writer.close()


@asynccontextmanager
async def hand_server() -> AsyncIterator[tuple[TextSocket, Hand]]:
    """The model is made by hand."""
    hands: asyncio.Queue[Hand] = asyncio.Queue()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await answer_to(reader))
        hands.put_nowait(Hand(reader, writer, client=False))
        await over.wait()

    async with serving(serve) as url:
        try:
            yield await soon(open_model(url, {})), await soon(hands.get())
        finally:
            over.set()


def close_of(code: int, reason: str = "") -> bytes:
    """What a close frame carries."""
    return code.to_bytes(2, "big") + reason.encode()
