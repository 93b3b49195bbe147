"""
The provider's REST side of one call, and what comes of a call that was passed on.

`/{provider}/transferred/{token}` is asked when the caller has talked to somebody else, or could not. A call that nobody
took comes back: it is answered with a stream again, and goes on where it was. One that is not under way any more, since
the gateway was restarted or has given it up, hears the fallback.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from gateway.bridge import Bridge
from gateway.call.events import CallerLeft, TransferEnded
from gateway.call.plan import Transfer
from gateway.errors import RemoteProtocolError
from gateway.providers import Dialect
from gateway.providers.dialect import Answer, Dial
from gateway.providers.events import StreamStarted
from gateway.providers.twilio_rest import TwilioApi
from gateway.web.gateway import GATEWAY, Gateway
from gateway.web.requests import dialect_of, fields_of, forbidden, is_signed, xml_response

APOLOGY = "We are sorry, this call cannot be continued right now. Please call again in a few minutes. Goodbye."


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """What can be asked of a provider about one call, beside its stream."""

    gateway: Gateway
    dialect: Dialect
    twilio: TwilioApi
    prefix: str
    """Of the provider's routes."""
    started: StreamStarted

    @classmethod
    def of(cls, gateway: Gateway, dialect: Dialect, provider: str, started: StreamStarted) -> Self | None:
        """None without the secret that opens the provider's REST side."""
        twilio = gateway.twilio
        return None if twilio is None else cls(gateway, dialect, twilio, f"/{provider}", started)

    async def hang_up(self) -> None:
        """End it; raises `GatewayError` when that fails."""
        await self.gateway.rest.settle(self.twilio.hang_up(self.started.account_sid, self.started.call_sid))

    async def pass_on(self, transfer: Transfer) -> None:
        """Put the caller through to somebody else; raises `GatewayError` when that fails."""
        token = self.gateway.passed_on.issue(self.started.call_sid)
        action_url = f"{self.gateway.settings.base_url}{self.prefix}/transferred/{token}"
        dial = Dial(transfer.target_uri, round(transfer.ring_ms / 1000), transfer.caller_id, action_url)
        update = self.twilio.update(self.started.account_sid, self.started.call_sid, self.dialect.dial(dial))
        await self.gateway.rest.settle(update)


async def transferred(request: web.Request) -> web.Response:
    """`/{provider}/transferred/{token}`: it is known what came of a transfer."""
    gateway, dialect = request.app[GATEWAY], dialect_of(request)
    fields = await fields_of(request)
    if not is_signed(request, dialect, fields, scheme="http"):
        gateway.metrics.webhook("bad_signature")
        raise forbidden(request)
    try:
        dialled = dialect.dialled(fields)
    except RemoteProtocolError as error:
        gateway.metrics.webhook("malformed")
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    bridge = _under_way(gateway, dialled.call_sid)
    if not gateway.passed_on.use(request.match_info["token"], dialled.call_sid):
        bridge = None
    if bridge is not None:
        bridge.dispatch(CallerLeft() if dialled.caller_left else TransferEnded(dialled.outcome))
    if dialled.caller_left or dialled.outcome == "transferred":
        return xml_response(dialect.hang_up())
    if bridge is None or not bridge.is_passed_on:
        return xml_response(dialect.refusal(APOLOGY))
    token = gateway.returning.issue(dialled.call_sid)
    return xml_response(dialect.answer(answer_of(gateway, f"/{request.match_info['provider']}", token)))


def answer_of(gateway: Gateway, prefix: str, token: str) -> Answer:
    """What has a call streamed to us, with *prefix* before the provider's routes."""
    return Answer(
        stream_url=f"{gateway.settings.stream_base}{prefix}/media",
        status_url=f"{gateway.settings.base_url}{prefix}/status",
        token=token,
        apology=APOLOGY,
    )


def coming_back(gateway: Gateway, token: str, call_sid: str) -> Bridge | None:
    """The call that a stream belongs to, if it is one that was passed on and comes back."""
    bridge = _under_way(gateway, call_sid) if gateway.returning.use(token, call_sid) else None
    return bridge if bridge is not None and bridge.is_passed_on else None


def caller_left(gateway: Gateway, call_sid: str) -> None:
    """The provider says that a call is over."""
    bridge = _under_way(gateway, call_sid)
    if bridge is not None:
        bridge.dispatch(CallerLeft())


@contextmanager
def tokens_of(gateway: Gateway, call_sid: str) -> Iterator[None]:
    """Tokens of a call are good for nothing any more when the block ends."""
    try:
        yield
    finally:
        gateway.passed_on.forget(call_sid)
        gateway.returning.forget(call_sid)


def _under_way(gateway: Gateway, call_sid: str) -> Bridge | None:
    call = gateway.calls.find(call_sid)
    return call if isinstance(call, Bridge) else None
