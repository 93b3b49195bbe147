"""What operators' machines ask."""

from aiohttp import web

from gateway.web.gateway import GATEWAY, json_response


async def healthz(_: web.Request) -> web.Response:
    """Whether the process is alive."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Whether new calls are taken."""
    gateway = request.app[GATEWAY]
    calls = gateway.calls
    state = {"status": "draining" if calls.draining else "ready", "calls": len(calls)}
    config = {"config": gateway.configuration.sha, "config_refused": gateway.config_refused}
    told = {name: value for name, value in config.items() if value}
    return json_response(state | told, status=503 if calls.draining else 200)


async def metrics(request: web.Request) -> web.Response:
    """The figures for Prometheus."""
    body = request.app[GATEWAY].metrics.render()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
