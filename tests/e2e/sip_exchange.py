"""Everything that a call by SIP passes through, on loopback: a caller at the service, and a gateway that follows."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.call.sip_call import TERMS, SipTerms
from gateway.lines import Line
from gateway.realtime import RealtimeAgent
from gateway.settings import load_settings
from gateway.sim.realtime import Behaviour, RealtimeServer, Session
from gateway.sim.sip import SipCall, SipFaults, SipProvider, WebhookHabits
from gateway.web.app import listening
from gateway.web.gateway import Gateway
from tests.e2e.exchange import NUMBER, PATIENCE_S, SHORT_TURNS, Exchange, configured, noise, saying
from tests.e2e.heartbeat import Heartbeat

KEY = "sk-example-0123456789"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
SILENCE = b"\xff"
TURN_ENDS_BYTES = 8 * 400


@dataclass(frozen=True, kw_only=True)
class SipExchange(Exchange):
    """One gateway, and the service that tells it of calls."""

    provider: SipProvider

    @property
    def webhook_url(self) -> str:
        """Where the service tells of calls."""
        return f"{self.address}/openai/webhook"

    def rings(self, **details: Any) -> SipCall:
        """A call that rings."""
        return self.provider.call(self.webhook_url, **{"called": NUMBER, **details})

    async def followed(self, **details: Any) -> tuple[SipCall, Session]:
        """A call whose session is followed."""
        call = self.rings(**details)
        await call.accepted()
        return call, await self.server.next_session()

    def asked(self, verb: str) -> list[bytes]:
        """What was asked about calls in that way."""
        return [asked.body for asked in self.provider.requests if asked.verb == verb]


def says(call: SipCall, length_ms: int = 300) -> None:
    """The caller says something, and then nothing, faster than anyone could."""
    call.hear(noise(length_ms) + SILENCE * TURN_ENDS_BYTES)


async def told_of(ex: SipExchange, call_id: str) -> list[dict[str, Any]]:
    """What is told about a call, to its end."""
    async with ex.http.get(f"{ex.address}/calls/{call_id}/conversation") as answer:
        return [json.loads(line) async for line in answer.content]


def kept(state: Path) -> list[str]:
    """The calls that a restart would know of."""
    return sorted(file.stem for file in state.glob("*"))


def count(session: Session, kind: str) -> int:
    """How often the server has told that."""
    return len([event for event in session.sent if event["type"] == kind])


def is_played(session: Session, times: int = 1) -> bool:
    """Whether the server has played so many responses to their end."""
    return count(session, "output_audio_buffer.stopped") >= times


@asynccontextmanager
async def sip_exchange(
    behaviour: Behaviour | None = None,
    *,
    state: Path,
    terms: SipTerms = TERMS,
    faults: SipFaults | None = None,
    habits: WebhookHabits | None = None,
    ring_s: float = 20.0,
    realtime_url: str | None = None,
    lines: tuple[Line, ...] = (),
    answered_by: RealtimeAgent[Any] | None = None,
    **line: Any,
) -> AsyncIterator[SipExchange]:
    """A service, and a gateway with one line that answers `NUMBER`, unless there are *lines*."""
    async with (
        asyncio.timeout(PATIENCE_S),
        RealtimeServer(behaviour or saying(api_key=KEY, keep_events=True)) as server,
        SipProvider(
            server,
            api_key=KEY,
            webhook_secret=SECRET,
            faults=faults or SipFaults(),
            habits=habits or WebhookHabits(),
            ring_s=ring_s,
        ) as provider,
        aiohttp.ClientSession() as http,
        gateway_beside(provider.url, realtime_url or server.url, state, terms, lines, answered_by, **line) as gateway,
    ):
        with Heartbeat() as heartbeat:
            yield SipExchange(server, gateway, http, heartbeat, provider=provider)


@asynccontextmanager
async def gateway_beside(
    api_url: str,
    realtime_url: str,
    state: Path,
    terms: SipTerms = TERMS,
    lines: tuple[Line, ...] = (),
    answered_by: RealtimeAgent[Any] | None = None,
    **line: Any,
) -> AsyncIterator[Gateway]:
    """A gateway that the service tells of calls."""
    settings = load_settings(
        None,
        port=0,
        state=state,
        realtime_url=realtime_url,
        openai_api_key=KEY,
        openai_api_url=api_url,
        openai_webhook_secret=SECRET,
    )
    fields = {"line": "test", "numbers": NUMBER, "turn_detection": SHORT_TURNS, **line}
    gateway = Gateway(settings, configured(*lines or [Line(**fields)], answered_by=answered_by), sip_terms=terms)
    async with listening(gateway):
        yield gateway
