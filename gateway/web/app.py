"""The routes, and the server that serves them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.errors import ConfigError
from gateway.web import approvals, conversations, media, openai_webhook, probes, sip_calls, transfers, voice
from gateway.web.gateway import GATEWAY, Gateway

BODY_LIMIT_BYTES = 64 * 1024
BACKLOG = 2048
"""Connections that wait to be accepted; asyncio's own 100 costs a burst of callers a second each."""


def make_app(gateway: Gateway) -> web.Application:
    """The application: a provider's three routes, what operators may see and decide, and the probes."""
    app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    app[GATEWAY] = gateway
    app.add_routes(
        [
            web.get("/healthz", probes.healthz),
            web.get("/readyz", probes.readyz),
            web.get("/metrics", probes.metrics),
            web.get("/calls/{call_sid}/conversation", conversations.follow),
            web.post("/calls/{call_sid}/tools/{call_id}/{decision:approve|reject}", approvals.decide),
            web.post("/openai/webhook", openai_webhook.webhook),
            web.get("/{provider}/voice", voice.voice),
            web.post("/{provider}/voice", voice.voice),
            web.post("/{provider}/status", voice.status),
            web.post("/{provider}/transferred/{token}", transfers.transferred),
            web.get("/{provider}/media", media.media),
        ]
    )
    return app


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[str]:
    """Serve until the block ends, then end what is under way; gives the address that providers are told."""
    runner = web.AppRunner(make_app(gateway), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, gateway.settings.host, gateway.settings.port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            host, port = gateway.settings.host, gateway.settings.port
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; set GATEWAY_PORT") from error
        gateway.settings = gateway.settings.model_copy(update={"port": runner.addresses[0][1]})
        await sip_calls.take_up(gateway)
        yield gateway.settings.base_url
    finally:
        await gateway.calls.close()
        await gateway.registry.close()
        await gateway.rest.close()
        await gateway.services.close()
        await gateway.configuration.close()
        await runner.cleanup()
