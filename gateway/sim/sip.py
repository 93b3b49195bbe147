"""
OpenAI as the far end of a SIP trunk.

    async with RealtimeServer() as server, SipProvider(server, api_key=KEY, webhook_secret=SECRET) as provider:
        call = provider.call("http://127.0.0.1:8080/openai/webhook", called="+15550199")
        await call.accepted()

A call is told of by webhook, and waits for what the calls API is asked about it. Once it is accepted it can be attached
to at the realtime server. There is no SIP in here: what is said on the line is known to its sessions, and what a
caller's telephone would be told is in the `SipCall`.

https://platform.openai.com/docs/guides/realtime-sip
"""

import asyncio
import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self
from uuid import uuid4

from aiohttp import web

from gateway.sim.calls_api import Asked, CallsApi, SipFaults
from gateway.sim.realtime import RealtimeServer
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.turn import Json
from gateway.sim.sip_call import SipCall, SipEnding
from gateway.sim.webhooks import Delivery, Webhook, WebhookHabits, WebhookSender

__all__ = ["Asked", "Delivery", "SipCall", "SipEnding", "SipFaults", "SipProvider", "WebhookHabits", "sip_headers"]

RING_S = 20.0
SHUTDOWN_TIMEOUT_S = 0.1
HEALTHY = SipFaults()
DILIGENT = WebhookHabits()


def sip_headers(called: str, caller: str) -> list[tuple[str, str]]:
    """The headers that a trunk puts on a call."""
    return [
        ("From", f'"{caller}" <sip:{caller}@trunk.example.com;user=phone>;tag={uuid4().hex[:8]}'),
        ("To", f"<sip:{called}@sip.api.openai.com;user=phone>"),
        ("Call-ID", str(uuid4())),
    ]


class SipProvider:
    """Takes the calls of a project, tells of them, and does what it is asked about them."""

    def __init__(
        self,
        server: RealtimeServer,
        *,
        api_key: str,
        webhook_secret: str,
        faults: SipFaults = HEALTHY,
        habits: WebhookHabits = DILIGENT,
        ring_s: float = RING_S,
    ) -> None:
        self._api = CallsApi(server, api_key, faults)
        self._sender = WebhookSender(webhook_secret, habits)
        self._live_twin = faults.live_twin
        self._ring_s = ring_s
        self._sending: list[asyncio.Task[bool]] = []
        self._runner = web.AppRunner(self._api.application(), shutdown_timeout=SHUTDOWN_TIMEOUT_S)

    @property
    def url(self) -> str:
        """What stands in for `https://api.openai.com/v1`."""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}/v1"

    @property
    def requests(self) -> list[Asked]:
        """Every request about a call that came, in order."""
        return self._api.requests

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver a webhook that is over, in order of its end."""
        return self._sender.deliveries

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def close(self) -> None:
        """End every call, and stop listening."""
        for call in self._api.calls.values():
            call.hang_up()
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._sender.close()
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def call(
        self,
        webhook_url: str,
        *,
        called: str = "+15550199",
        caller: str = "+15550100",
        headers: Sequence[tuple[str, str]] = (),
    ) -> SipCall:
        """Let a call ring, and tell *webhook_url* of it; *headers*, if any, take the place of the trunk's."""
        call = SipCall(new_id("rtc"), tuple(headers or sip_headers(called, caller)), ring_s=self._ring_s)
        self._api.calls[call.call_id] = call
        self.tell_of(call, webhook_url)
        if self._live_twin:
            self._tell(webhook_url, "live.call.incoming", {"session_id": new_id("live")}, call)
        return call

    def tell_of(self, call: SipCall, webhook_url: str) -> None:
        """Tell *webhook_url* of a call by a webhook of its own, be it the first or another."""
        self._tell(webhook_url, "realtime.call.incoming", {"call_id": call.call_id}, call)

    async def told(self) -> bool:
        """Wait until all has been told, or was told in vain; answers whether every webhook was taken."""
        return all(await asyncio.gather(*self._sending))

    async def replay(self, delivery: Delivery) -> Delivery:
        """Deliver a webhook once more, to the letter."""
        return await self._sender.replay(delivery)

    def _tell(self, url: str, kind: str, ids: Json, call: SipCall) -> None:
        headers = [{"name": name, "value": value} for name, value in call.headers]
        event = {"object": "event", "id": new_id("evt"), "type": kind, "created_at": int(time.time())}
        body = json.dumps({**event, "data": {**ids, "sip_headers": headers}}).encode()
        self._sending.append(asyncio.ensure_future(self._sender.send(url, Webhook(new_id("wh"), body))))
