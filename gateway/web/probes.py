"""What operators' machines ask."""

from aiohttp import web

from gateway.web.gateway import GATEWAY, json_response


async def healthz(_: web.Request) -> web.Response:
    """Whether the process is alive."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Whether new calls are taken."""
    calls = request.app[GATEWAY].calls
    state = "draining" if calls.draining else "ready"
    return json_response({"status": state, "calls": len(calls)}, status=503 if calls.draining else 200)


async def metrics(request: web.Request) -> web.Response:
    """The figures for Prometheus."""
    body = request.app[GATEWAY].metrics.render()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
