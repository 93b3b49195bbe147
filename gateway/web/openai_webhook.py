"""
`/openai/webhook`: OpenAI tells of a call that rings.

The caller waits, and so does OpenAI, which sends again what is not answered well. So nothing is waited for here: the
call is a job of its own, and a webhook that comes again is answered as it was before.
"""

import logging
import time

from aiohttp import web

from gateway.errors import RemoteProtocolError
from gateway.lines import route
from gateway.providers.openai_calls import SipStatus
from gateway.providers.openai_webhook import IncomingSipCall, WebhookRefused, incoming, verify
from gateway.web import sip_calls
from gateway.web.gateway import GATEWAY, Gateway
from gateway.web.rings import ring_by_sip

logger = logging.getLogger(__name__)


async def webhook(request: web.Request) -> web.Response:
    """Answer at once, whatever becomes of the call."""
    gateway = request.app[GATEWAY]
    secret = gateway.settings.openai_webhook_secret
    if secret is None:
        raise web.HTTPNotFound(text="calls by SIP are not taken: OPENAI_WEBHOOK_SECRET is not set\n")
    call = _told(gateway, secret.get_secret_value(), request, await request.read())
    if call is None:
        gateway.metrics.webhook("ignored")
    elif gateway.calls.draining:
        gateway.metrics.webhook("draining")
        raise web.HTTPServiceUnavailable(text="no more calls are taken here\n")
    elif not gateway.seen.is_first(call, now_s=time.monotonic()):
        gateway.metrics.webhook("duplicate")
    else:
        gateway.metrics.webhook(_decided(gateway, call))
    return web.Response()


def _told(gateway: Gateway, secret: str, request: web.Request, body: bytes) -> IncomingSipCall | None:
    """What the webhook tells of; 403 for one that OpenAI did not send, 400 for one that cannot be read."""
    try:
        verify(secret, request.headers, body, time.time())
        return incoming(request.headers, body)
    except WebhookRefused as error:
        gateway.metrics.webhook("bad_signature")
        logger.warning("webhook refused: %s", error)
        refusal = web.HTTPBadRequest if error.reason in {"missing_header", "malformed_time"} else web.HTTPForbidden
        raise refusal(text=f"{error}\n") from error
    except RemoteProtocolError as error:
        gateway.metrics.webhook("malformed")
        logger.warning("webhook cannot be read: %s", error)
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _decided(gateway: Gateway, call: IncomingSipCall) -> str:
    """Have the call taken or turned away."""
    line = route(gateway.lines, ring_by_sip(call)).line
    if line is None:
        logger.warning("no line has the number that was called, ending in %s", call.called[-4:])
        sip_calls.turn_away(gateway, call.call_id, SipStatus.NOT_FOUND)
        return "unknown_number"
    if line.way is not None:
        sip_calls.turn_away(gateway, call.call_id, line.reject or SipStatus.UNAVAILABLE)
        return "rejected" if line.way == "reject" else "not_answered"
    place = gateway.calls.admit(call.call_id, line, gateway.configuration)
    if place is None:
        sip_calls.turn_away(gateway, call.call_id, line.busy.reject or SipStatus.BUSY)
        return "busy"
    sip_calls.take(gateway, call, line, place)
    return "answered"
