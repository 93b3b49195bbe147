"""The simulated SIP provider, with an application to tell of calls and the official package to ask about them."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from gateway.sim.realtime import Behaviour, RealtimeServer
from gateway.sim.sip import SipCall, SipFaults, SipProvider, WebhookHabits
from tests.sim.webhook_ear import Ear, listening

KEY = "sk-example-0123456789"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
SESSION: dict[str, Any] = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
QUICK = (0.01, 0.02, 0.03)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A provider and all that belongs to it."""

    provider: SipProvider
    server: RealtimeServer
    ear: Ear
    client: AsyncOpenAI

    @property
    def calls(self) -> Any:
        """The official way to ask about calls; not every test has arguments that its types allow."""
        return self.client.realtime.calls

    def ring(self, **details: Any) -> SipCall:
        """Let a call ring."""
        return self.provider.call(self.ear.url, **details)

    async def accepted(self) -> SipCall:
        """A call that was accepted."""
        call = self.ring()
        await self.calls.accept(call.call_id, **SESSION)
        return call

    @asynccontextmanager
    async def attached(self, call: SipCall) -> AsyncIterator[ClientConnection]:
        """Somebody who follows the session of a call, and has seen it begin."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with connect(f"{self.server.url}?call_id={call.call_id}", additional_headers=headers) as socket:
            yield socket

    async def is_attachable(self, call: SipCall) -> bool:
        """Whether there is a session."""
        try:
            async with self.attached(call):
                return True
        except InvalidStatus as error:
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            return False

    async def refusal(self, asked: Any) -> tuple[int, str | None]:
        """Status and code of what the API says no with."""
        with pytest.raises(openai.APIStatusError) as caught:
            await asked
        return caught.value.status_code, caught.value.code


@asynccontextmanager
async def trunk(*statuses: int, key: str = KEY, ring_s: float = 20.0, **knobs: Any) -> AsyncIterator[Trunk]:
    """A provider, and an application that answers its webhooks so; knobs are those of faults and of habits."""
    habits = {name: knobs.pop(name) for name in list(knobs) if name in WebhookHabits.__slots__}
    async with (
        asyncio.timeout(10),
        RealtimeServer(Behaviour(api_key=KEY)) as server,
        SipProvider(
            server,
            api_key=KEY,
            webhook_secret=SECRET,
            faults=SipFaults(**knobs),
            habits=WebhookHabits(**{"retry_pauses_s": QUICK, **habits}),
            ring_s=ring_s,
        ) as provider,
        listening(*statuses) as ear,
        AsyncOpenAI(api_key=key, base_url=provider.url, webhook_secret=SECRET, max_retries=0) as client,
    ):
        yield Trunk(provider, server, ear, client)
