"""The provider asks what to do with a call, and reports what became of it."""

import logging
from dataclasses import replace

from aiohttp import web

from gateway.errors import RemoteProtocolError
from gateway.lines import route
from gateway.lines.instead import NotAnswering
from gateway.providers import Dialect
from gateway.providers.openai_calls import SipStatus, checked_call_id
from gateway.web.gateway import GATEWAY
from gateway.web.requests import dialect_of, fields_of, forbidden, is_signed, xml_response
from gateway.web.rings import ring_of
from gateway.web.transfers import answer_of, caller_left

logger = logging.getLogger(__name__)

UNKNOWN_NUMBER = "We are sorry, nobody answers this number. Please check it and call again. Goodbye."
CALL_ID = "call_id"
"""Names, in the webhook's address and in the stream's start, a session that is there already."""
BUSY = "We are sorry, we cannot take your call right now. Please call again in a few minutes. Goodbye."


async def voice(request: web.Request) -> web.Response:
    """`/{provider}/voice`: a call rings."""
    gateway, dialect = request.app[GATEWAY], dialect_of(request)
    fields = await fields_of(request)
    if not is_signed(request, dialect, fields, scheme="http"):
        gateway.metrics.webhook("bad_signature")
        raise forbidden(request)
    try:
        call = dialect.incoming_call(fields)
        session = {CALL_ID: checked_call_id(call_id)} if (call_id := request.query.get(CALL_ID)) else {}
    except RemoteProtocolError as error:
        gateway.metrics.webhook("malformed")
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    line = route(gateway.lines, ring_of(call, request.match_info["provider"])).line
    if line is None:
        gateway.metrics.webhook("unknown_number")
        logger.warning("no line has the number that was called, ending in %s", call.called[-4:])
        return xml_response(dialect.refusal(UNKNOWN_NUMBER), status=404)
    if line.way is not None:
        gateway.metrics.webhook("rejected" if line.way == "reject" else "not_answered")
        return xml_response(_instead(dialect, line))
    if gateway.calls.draining:
        return xml_response(dialect.refusal(BUSY))
    token = gateway.calls.expect(call, line, gateway.configuration)
    if token is None:
        gateway.metrics.webhook("busy")
        return xml_response(_instead(dialect, line.busy))
    gateway.metrics.webhook("answered")
    answer = answer_of(gateway, f"/{request.match_info['provider']}", token)
    return xml_response(dialect.answer(replace(answer, parameters=session, fallback_uri=line.fallback_number)))


async def status(request: web.Request) -> web.Response:
    """`/{provider}/status`: what became of a call or its stream."""
    dialect = dialect_of(request)
    fields = await fields_of(request)
    if not is_signed(request, dialect, fields, scheme="http"):
        raise forbidden(request)
    report = dialect.call_status(fields)
    if report.is_over:
        request.app[GATEWAY].calls.give_up(report.call_sid)
        caller_left(request.app[GATEWAY], report.call_sid)
    level = logging.WARNING if report.detail else logging.INFO
    logger.log(level, "provider reports  call=%s status=%s %s", report.call_sid, report.status, report.detail)
    return web.Response(status=204)


def _instead(dialect: Dialect, told: NotAnswering) -> str:
    """What a caller is told who is not answered."""
    if told.message is not None:
        return dialect.refusal(told.message)
    if told.forward is not None:
        return dialect.forward(told.forward)
    return dialect.rejection(busy=told.reject == SipStatus.BUSY)
