"""The provider asks what to do with a call, and reports what became of it."""

import logging

from aiohttp import web

from gateway.errors import RemoteProtocolError
from gateway.providers.dialect import Answer
from gateway.web.gateway import GATEWAY
from gateway.web.requests import dialect_of, fields_of, is_signed

logger = logging.getLogger(__name__)

APOLOGY = "We are sorry, this call cannot be continued right now. Please call again in a few minutes. Goodbye."
UNKNOWN_NUMBER = "We are sorry, nobody answers this number. Please check it and call again. Goodbye."
BUSY = "We are sorry, we cannot take your call right now. Please call again in a few minutes. Goodbye."


async def voice(request: web.Request) -> web.Response:
    """`/{provider}/voice`: a call rings."""
    gateway, dialect = request.app[GATEWAY], dialect_of(request)
    fields = await fields_of(request)
    if not is_signed(request, dialect, fields, scheme="http"):
        gateway.metrics.webhook("bad_signature")
        raise _forbidden(request)
    try:
        call = dialect.incoming_call(fields)
    except RemoteProtocolError as error:
        gateway.metrics.webhook("malformed")
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    line = gateway.lines.find(call.called)
    if line is None:
        gateway.metrics.webhook("unknown_number")
        logger.warning("no line has the number that was called, ending in %s", call.called[-4:])
        return _xml(dialect.refusal(UNKNOWN_NUMBER), status=404)
    if gateway.calls.draining:
        return _xml(dialect.refusal(BUSY))
    gateway.metrics.webhook("answered")
    prefix = f"/{request.match_info['provider']}"
    answer = Answer(
        stream_url=f"{gateway.settings.stream_base}{prefix}/media",
        status_url=f"{gateway.settings.base_url}{prefix}/status",
        token=gateway.calls.expect(call, line),
        apology=APOLOGY,
    )
    return _xml(dialect.answer(answer))


async def status(request: web.Request) -> web.Response:
    """`/{provider}/status`: what became of a call or its stream."""
    dialect = dialect_of(request)
    fields = await fields_of(request)
    if not is_signed(request, dialect, fields, scheme="http"):
        raise _forbidden(request)
    report = dialect.call_status(fields)
    level = logging.WARNING if report.detail else logging.INFO
    logger.log(level, "provider reports  call=%s status=%s %s", report.call_sid, report.status, report.detail)
    return web.Response(status=204)


def _forbidden(request: web.Request) -> web.HTTPForbidden:
    base = request.app[GATEWAY].settings.base_url
    logger.warning(
        "bad signature on %s; GATEWAY_PUBLIC_URL is %s: is that what the provider calls?", request.path, base
    )
    return web.HTTPForbidden(text="the signature does not match\n")


def _xml(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/xml", charset="utf-8")
