"""Services for tools to ask, and what asks them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from gateway.agent import AgentEvent, RunTool, ToolAnswered, ToolCall
from gateway.agents import CallContext
from gateway.lines.tools.http import HttpTool
from gateway.lines.validation import validated
from gateway.lines.yaml_source import read_source
from gateway.realtime import AgentHands, FunctionTool, RealtimeAgent, RunContextWrapper
from gateway.tools.http import http_tool
from gateway.tools.http_client import HttpClient, Resolve
from gateway.tools.secrets import Secrets
from gateway.tools.variables import Variables

T = TypeVar("T")
PATIENCE_S = 5.0
CALL = CallContext(call_sid="CA1", caller="+15550123", called="+15550199", line="bookings")
HEAD = "type: http\nname: book_table\ndescription: Book a table.\n"
LOOPBACK = "allow_private: 127.0.0.0/8\n"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def soon(awaitable: Awaitable[T]) -> T:
    """The result, or a failed test."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


@dataclass
class Asked:
    """A request as a service got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass
class Service:
    """A server, and what it was asked."""

    host: str
    port: int
    asked: list[Asked] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    """By the ports that they came from."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"


@asynccontextmanager
async def serving(answer: Answering, host: str = "127.0.0.1", tls: Any = None) -> AsyncIterator[Service]:
    """A service that answers everything so."""

    async def keep(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        service.asked.append(Asked(request.method, request.raw_path, dict(request.headers), body))
        assert request.transport
        service.connections.add(request.transport.get_extra_info("peername")[1])
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, 0, ssl_context=tls).start()
    service = Service(host, runner.addresses[0][1])
    try:
        yield service
    finally:
        await runner.cleanup()


def text(body: str, content_type: str = "text/plain", status: int = 200) -> Answering:
    """Always the same text."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type=content_type, status=status)

    return answer


def raw(body: bytes, **headers: str) -> Answering:
    """Always the same bytes."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return answer


def saying(body: object, status: int = 200) -> Answering:
    """Always the same, as JSON."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


def leading_to(location: str, status: int = 302) -> Answering:
    """Leads elsewhere."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": location})

    return answer


def in_turn(*statuses: int, **headers: str) -> Answering:
    """One status after the other, and then 200."""
    left = list(statuses)

    async def answer(request: web.Request) -> web.Response:
        status = left.pop(0) if left else 200
        return web.json_response({"ok": True}, status=status, headers=headers if status != 200 else {})

    return answer


@asynccontextmanager
async def asking(**options: Any) -> AsyncIterator[HttpClient]:
    """A client that leaves no connection behind."""
    client = HttpClient(**options)
    try:
        yield client
    finally:
        await soon(client.close())


def resolving(*answers: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A name server that gives one answer after the other, the last for good; and what it was asked for."""
    looked_up: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return answers[min(len(looked_up), len(answers)) - 1]

    return resolve, looked_up


def spec_of(text: str, head: str = HEAD) -> HttpTool:
    """A tool as a line file has it."""
    return validated(HttpTool, read_source(Path("x.yaml"), head + text))


def tool_of(text: str, client: HttpClient, **environment: str) -> FunctionTool:
    """The same, as a model has it."""
    return http_tool(spec_of(text), client, Secrets(environment), Variables())


async def told(tool: FunctionTool, *, call_id: str = "call_1", context: object = CALL, **arguments: Any) -> Any:
    """What the model is told of a call."""
    events: asyncio.Queue[AgentEvent] = asyncio.Queue()
    hands = AgentHands(RealtimeAgent("A", tools=[tool]), events.put_nowait, context=RunContextWrapper(context))
    hands.carry_out(RunTool(ToolCall(call_id, tool.name, json.dumps(arguments))))
    event = await soon(events.get())
    await soon(hands.close())
    assert isinstance(event, ToolAnswered)
    return json.loads(event.output)


async def found(text: str, **arguments: Any) -> Any:
    """What a tool that may reach this machine finds."""
    async with asking() as client:
        return await told(tool_of(text + LOOPBACK, client), **arguments)
