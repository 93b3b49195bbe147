"""Everything that a call passes through, on loopback: a realtime server, a gateway before it, and phones."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from gateway.agents import Configuration, Workshop, assembled
from gateway.calls import Calls
from gateway.lines import Line, Lines, ServerVad
from gateway.prices import PriceTable
from gateway.realtime.agent import RealtimeAgent
from gateway.settings import TWILIO_API_URL, load_settings
from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, RealtimeServer, Reply, Say, Session, Turn
from gateway.sim.twiml import Connect, Verb, read_twiml
from gateway.tools.http_client import HttpClient
from gateway.web.app import listening
from gateway.web.gateway import Gateway
from gateway.web.operators import SIGNATURE_HEADER, signature
from tests.e2e.heartbeat import Heartbeat

TOKEN = "tok_example_0123456789"
NUMBER = "+15550199"
PATIENCE_S = 30
FRAME_BYTES = 160
SHORT_TURNS = ServerVad(silence_duration_ms=200, prefix_padding_ms=10_000)
"""Turns that end soon, and keep all that was heard before them."""


def noise(length_ms: int, seed: int = 0) -> bytes:
    """Mu-law that is loud, and like no other."""
    return Random(seed).randbytes(8 * length_ms)


def saying(*replies: Reply, **knobs: Any) -> Behaviour:
    """A hurried server whose agent gives these replies in turn, and the last one again and again."""
    replies = replies or ((sound(200),),)

    def reply(turn: Turn) -> Reply:
        return replies[min(turn.ordinal, len(replies) - 1)]

    return Behaviour(**{"reply": reply, "first_audio_ms": 20, "speed": 20, **knobs})


def sound(length_ms: int, seed: int = 0) -> Say:
    """An item of the agent that has a length and no meaning."""
    return Say("Good morning.", noise(length_ms, seed))


def said_by_agent(session: Session) -> bytes:
    """All audio that the server has sent, in order."""
    return b"".join(bytes(part.generated) for item in session.items if item.response_id for part in item.parts)


def said_by_caller(session: Session) -> list[bytes]:
    """The audio of every turn of the caller, as the server has it."""
    return [bytes(item.parts[0].audio) for item in session.items if item.role == "user"]


def played_to(phone: Phone) -> bytes:
    """All audio that reached a phone, in order."""
    return b"".join(chunk.audio for chunk in phone.earpiece.chunks)


def heard_by(phone: Phone, from_chunk: int = 0) -> bytes:
    """All audio that a phone has played, or still will, in order; silence between left out."""
    return b"".join(chunk.audio[: chunk.kept_bytes] for chunk in phone.earpiece.chunks[from_chunk:])


async def received(phone: Phone, length_ms: float) -> None:
    """Wait until so much audio has reached a phone since the call began."""
    condition = phone.stream.conditions
    await condition.until(lambda: 0 if len(played_to(phone)) >= 8 * length_ms else None, f"{length_ms:g} ms have come")


def asked(session: Session, kind: str) -> list[dict[str, Any]]:
    """What the gateway has sent of one kind."""
    return [received.event for received in session.received if received.type == kind]


async def entries(ex: Exchange, phone: Phone, kind: str) -> list[dict[str, Any]]:
    """What is told of one kind about a call that is over."""
    path = f"/calls/{phone.call_sid}/conversation"
    token = ex.gateway.auth_token
    headers = {SIGNATURE_HEADER: signature(token, path)} if token else {}
    async with ex.http.get(ex.address + path, headers=headers) as answer:
        told = [json.loads(line) async for line in answer.content]
    return [entry for entry in told if entry["kind"] == kind]


async def fell_back(phone: Phone) -> bool:
    """Whether a call ended in the words of the fallback, and nothing else."""
    ending = await phone.ended()
    return ending is Ending.AGENT_HUNG_UP and [type(verb).__name__ for verb in phone.fallback] == ["Say", "Hangup"]


@dataclass(frozen=True)
class Exchange:
    """One gateway, and both of its sides."""

    server: RealtimeServer
    gateway: Gateway
    http: aiohttp.ClientSession
    heartbeat: Heartbeat
    dialling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from dialling to the session, so that it is known whose session it is."""

    @property
    def address(self) -> str:
        """Where the gateway listens, whatever it tells providers."""
        return f"http://127.0.0.1:{self.gateway.settings.port}"

    def phone(self, **options: Any) -> Phone:
        """A phone that will call the gateway."""
        return Phone(f"{self.address}/twilio/voice", **{"to": NUMBER, **options})

    @asynccontextmanager
    async def call(self, **options: Any) -> AsyncIterator[tuple[Phone, Session]]:
        """A call whose session is open."""
        async with self.phone(**options) as phone:
            async with self.dialling:
                await phone.dial()
                session = await self.server.next_session()
            yield phone, session

    async def ring(self, call_sid: str, **fields: str) -> list[Verb]:
        """Announce a call, and read the answer."""
        form = {"CallSid": call_sid, "From": "+15550100", "To": NUMBER, **fields}
        async with self.http.post(f"{self.address}/twilio/voice", data=form) as answer:
            return read_twiml(await answer.text(), self.address)

    async def invited(self, call_sid: str) -> Connect:
        """Announce a call; answers where its stream has to go, and with what."""
        connect = (await self.ring(call_sid))[0]
        assert isinstance(connect, Connect)
        return connect

    async def counts(self) -> dict[str, float]:
        """Every counter and gauge, as `name` or `name{label}`, without those that are zero."""
        async with self.http.get(f"{self.address}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        return {
            sample.name.removeprefix("gateway_") + "".join(f"{{{value}}}" for value in sample.labels.values()): (
                sample.value
            )
            for family in families
            if family.type in {"counter", "gauge"}
            for sample in family.samples
            if sample.value
        }


def configured(
    *lines: Line,
    answered_by: RealtimeAgent[Any] | None = None,
    prices: PriceTable | None = None,
    services: HttpClient | None = None,
) -> Configuration:
    """What a gateway with these lines has; the line called `test` is answered by an agent in Python if there is one."""
    agents = {"test": answered_by} if answered_by else {}
    return assembled(Lines(lines), Workshop(services or HttpClient(), os.environ, Path()), prices=prices, agents=agents)


@asynccontextmanager
async def exchange(
    behaviour: Behaviour | None = None,
    *,
    auth_token: str | None = None,
    public_url: str | None = None,
    twilio_api_url: str = TWILIO_API_URL,
    clock_s: Callable[[], float] | None = None,
    answered_by: RealtimeAgent[Any] | None = None,
    prices: PriceTable | None = None,
    **line: Any,
) -> AsyncIterator[Exchange]:
    """A gateway with one line, which answers `NUMBER`, by an agent in Python if there is one, and a realtime server."""
    async with (
        asyncio.timeout(PATIENCE_S),
        RealtimeServer(behaviour or saying()) as server,
        aiohttp.ClientSession() as http,
    ):
        secrets = {"twilio_auth_token": auth_token, "twilio_api_url": twilio_api_url}
        settings = load_settings(None, port=0, public_url=public_url, **secrets)
        fields = {"line": "test", "numbers": NUMBER, "url": server.url, "turn_detection": SHORT_TURNS, **line}
        calls = Calls(clock_s=clock_s) if clock_s else Calls()
        services = HttpClient()
        configuration = configured(Line(**fields), answered_by=answered_by, prices=prices, services=services)
        gateway = Gateway(settings, configuration, calls=calls)
        async with listening(gateway):
            with Heartbeat() as heartbeat:
                yield Exchange(server, gateway, http, heartbeat)
        await services.close()
