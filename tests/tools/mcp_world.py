"""Servers of tools that run, the gateway's connections to them, and a model that calls."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.agent import AgentEvent, RunTool, ToolAnswered, ToolCall
from gateway.lines.places import Place
from gateway.lines.tools.mcp import McpServer
from gateway.lines.validation import validated
from gateway.lines.yaml_source import read_source
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.hands import AgentHands
from gateway.realtime.tools import FunctionTool
from gateway.tools.mcp import McpServers
from gateway.tools.secrets import Secrets
from tests.realtime.ear import PATIENCE_S, soon
from tests.tools.kitchen import Kitchen
from tests.tools.old_kitchen import answer

HERE = Path(__file__).parent
SECRETS = Secrets({"KITCHEN_KEY": "s3cret"})


def run(program: str) -> str:
    """The beginning of a file that names a server in this folder."""
    return f"type: mcp\ncommand: [{sys.executable}, {HERE / program}]\n"


def entry(folder: Path, text: str, *, name: str = "kitchen") -> tuple[Place, McpServer]:
    """A server as a file names it, and where."""
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return Place(name, file, ()), validated(McpServer, read_source(file, text))


@asynccontextmanager
async def connected(folder: Path, *texts: str) -> AsyncIterator[tuple[McpServers, list[McpServer]]]:
    """The gateway's side of the servers that files name, and what the files say."""
    wanted = dict(entry(folder, text, name=f"kitchen_{index}") for index, text in enumerate(texts))
    servers = McpServers(wanted, SECRETS, folder)
    await servers.open()
    try:
        yield servers, [*wanted.values()]
    finally:
        await servers.close()


class _Web(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def listening(kitchen: Kitchen, *, port: int = 0, **options: Any) -> AsyncIterator[int]:
    """A kitchen that is reached over HTTP, at a port."""
    bound = socket.create_server(("127.0.0.1", port))
    app = kitchen.server.streamable_http_app(**options)
    server = _Web(uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=0))
    async with app.router.lifespan_context(app):
        serving = asyncio.create_task(server.serve([bound]))
        await soon(server.listening.wait())
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            await soon(serving)


class Gate:
    """A way to a port on this machine, which can be shut: as if whoever is there were killed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Let connections through, always at the same port."""
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Break all of them off, and refuse others."""
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends |= {writer, to}
        with suppress(ConnectionError):
            await asyncio.gather(_carry(reader, to), _carry(there, writer))
        self._ends -= {writer, to}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def through_a_gate(port: int) -> AsyncIterator[Gate]:
    """A way to a port, which is open."""
    gate = Gate(port)
    await gate.open()
    try:
        yield gate
    finally:
        gate.shut()


class OldHttpKitchen:
    """An old kitchen that is reached over HTTP, and knows its sessions."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.authorized: set[str | None] = set()
        """What requests said of who may make them."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """At a port."""
        app = web.Application()
        app.add_routes([web.post("/mcp", self._post), web.delete("/mcp", self._delete)])
        async with TestServer(app) as server:
            yield server.port or 0

    async def _post(self, request: web.Request) -> web.Response:
        self.authorized.add(request.headers.get("Authorization"))
        message = await request.json()
        session = request.headers.get("Mcp-Session-Id", "")
        if message["method"] == "initialize":
            session = uuid4().hex
            self.sessions.add(session)
        elif session not in self.sessions:
            raise web.HTTPNotFound
        if "id" not in message:
            return web.Response(status=202)
        result = answer(message["method"], message.get("params", {}))
        said = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return web.json_response(said, headers={"Mcp-Session-Id": session})

    async def _delete(self, request: web.Request) -> web.Response:
        self.sessions.discard(request.headers["Mcp-Session-Id"])
        return web.Response()


class Model:
    """Calls tools, as in one phone call, and keeps what it is told."""

    def __init__(self, *tools: FunctionTool) -> None:
        self._told: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self.hands = AgentHands(RealtimeAgent("cook", tools=[*tools]), self._told.put_nowait)

    def call(self, tool: str, **arguments: object) -> None:
        """Call a tool, and do not wait."""
        self.hands.carry_out(RunTool(ToolCall(tool, tool, json.dumps(arguments))))

    async def told(self) -> Any:
        """What it is told next."""
        event = await soon(self._told.get())
        assert isinstance(event, ToolAnswered)
        return json.loads(event.output)

    async def ask(self, tool: str, **arguments: object) -> Any:
        """Call a tool, and wait for what it finds."""
        self.call(tool, **arguments)
        told: Mapping[str, Any] = await self.told()
        return told


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so, which nobody says."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - there is nothing to wait for
            await asyncio.sleep(0.005)
