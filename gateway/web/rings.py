"""A call that rings, as lines are asked about it, whoever tells of it."""

from datetime import UTC, datetime

from gateway.lines import Ring
from gateway.providers.dialect import IncomingCall
from gateway.providers.openai_webhook import IncomingSipCall
from gateway.providers.sip_address import users


def ring_of(call: IncomingCall, provider: str) -> Ring:
    """One that a provider tells of; a SIP address stands for its user."""
    called = dict.fromkeys((*users(call.called), call.called))
    caller = next(users(call.caller), call.caller)
    return Ring(tuple(called), caller, datetime.now(UTC), provider, call.stir, call.headers)


def ring_by_sip(call: IncomingSipCall) -> Ring:
    """
    One that comes by SIP.

    What its headers say of STIR/SHAKEN anybody may have written there, so it vouches for nothing.
    """
    return Ring(call.line_numbers, call.caller, datetime.now(UTC), "sip", headers=call.headers)
