"""
Calls that come by SIP, from the moment at which they are known: taken, turned away, or taken up again.

Nothing here waits for anybody else: each call is a job of its own, so that whoever tells of it is answered at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from gateway.agent import AgentProfile
from gateway.agents import CallContext, Configuration
from gateway.call import CallPlan
from gateway.call.commands import NoteEnded
from gateway.call.errands import tools_of
from gateway.call.sip_call import SipCall, SipTerms
from gateway.calls import Place
from gateway.errors import GatewayError
from gateway.lines import Line
from gateway.log import call_sid
from gateway.providers.openai_calls import SipStatus
from gateway.providers.openai_webhook import IncomingSipCall
from gateway.sip import SipBridge
from gateway.sip_registry import KeptCall
from gateway.web.call_log import CallLog
from gateway.web.gateway import Gateway, introduced
from gateway.web.plans import plan

logger = logging.getLogger(__name__)


def take(gateway: Gateway, incoming: IncomingSipCall, line: Line, place: Place) -> None:
    """Answer a call that rings."""
    kept = KeptCall(incoming.call_id, line.line, time.time(), incoming.caller, incoming.called)
    gateway.calls.begin(_carry(gateway, kept, line, place, rings=True))


def turn_away(gateway: Gateway, call_id: str, status_code: int) -> None:
    """Reject a call that rings."""
    gateway.calls.begin(_settle(call_id, lambda: gateway.sip_line(call_id).reject(status_code)))


async def take_up(gateway: Gateway) -> None:
    """Go on with the calls of a gateway that is gone, and end those with which nobody can."""
    for kept in await gateway.registry.orphans():
        line = next((line for line in gateway.lines if line.line == kept.line), None)
        if gateway.openai_calls is None:
            logger.warning("call %s of a gateway that is gone is left alone: OPENAI_API_KEY is not set", kept.call_id)
        elif line is None or not 0 <= time.time() - kept.accepted_unix_s < line.sip.longest_s:
            gateway.calls.begin(_end(gateway, kept))
        elif place := gateway.calls.admit(kept.call_id, line, gateway.configuration, even_if_full=True):
            gateway.calls.begin(_carry(gateway, kept, line, place, rings=False))


async def _end(gateway: Gateway, kept: KeptCall) -> None:
    """End a call, and keep it in mind if that cannot be done."""
    if await _settle(kept.call_id, gateway.sip_line(kept.call_id).hang_up):
        await gateway.registry.forget(kept.call_id)


async def _settle(call_id: str, ask: Callable[[], Awaitable[object]]) -> bool:
    """Ask something about a call that nobody carries; a caller who has left is as good."""
    call_sid.set(call_id)
    try:
        await ask()
    except GatewayError as error:
        logger.warning("%s", error)
        return False
    except Exception:
        logger.exception("a request about a call failed")
        return False
    return True


async def _carry(gateway: Gateway, kept: KeptCall, line: Line, place: Place, *, rings: bool) -> None:
    call_sid.set(kept.call_id)
    try:
        with place:
            await _carried(gateway, kept, line, place.configuration, rings=rings)
    except Exception:
        logger.exception("call failed, and ends")


async def _carried(gateway: Gateway, kept: KeptCall, line: Line, configuration: Configuration, *, rings: bool) -> None:
    sip_line = gateway.sip_line(kept.call_id, line)
    context = CallContext.of(line, kept.call_id, kept.caller, kept.called)
    hands = gateway.hands(line, context, lambda event: bridge.dispatch(event), configuration)
    agent = await introduced(hands)
    if agent is None or (rings and gateway.calls.draining):
        gateway.metrics.command(NoteEnded("failed", "agent_failed") if agent is None else _STOPPED)
        ask = (lambda: sip_line.reject(SipStatus.UNAVAILABLE)) if rings else sip_line.hang_up
        if await _settle(kept.call_id, ask):
            await gateway.registry.forget(kept.call_id)
        return
    wanted = sip_plan(line, agent, heard=None if rings else kept.heard)
    accepted_for_ms = None if rings else (time.time() - kept.accepted_unix_s) * 1000
    now_ms = asyncio.get_running_loop().time() * 1000
    call = SipCall(wanted, _terms(gateway, line), now_ms=now_ms, accepted_for_ms=accepted_for_ms)
    cost = gateway.cost(line, wanted, configuration, lambda event: bridge.dispatch(event))
    conversation = gateway.conversations.begin(kept.call_id, None, cost, configuration.sha)
    bridge = SipBridge(
        call,
        line=sip_line,
        hands=hands,
        registry=gateway.registry,
        kept=kept,
        observers=(cost, gateway.metrics, conversation, CallLog(call, cost, configuration.sha)),
    )
    logger.info("call %s  line=%s", "rings" if rings else "is taken up again", line.line)
    with gateway.metrics.active.track_inprogress():
        await gateway.calls.carry(kept.call_id, bridge)


_STOPPED = NoteEnded("rejected", "gateway_stopped")


def _terms(gateway: Gateway, line: Line) -> SipTerms:
    return replace(gateway.sip_terms, silent_ms=line.sip.silent_s * 1000, longest_ms=line.sip.longest_s * 1000)


def sip_plan(line: Line, agent: AgentProfile, *, heard: tuple[str, ...] | None = None) -> CallPlan:
    """
    What a line wants of a call that comes by SIP.

    Turns are the server's as far as they can be. Of a call that is taken up again, *heard* says which of the words
    that must be heard need not be said any more; a greeting is not said twice.
    """
    wanted = plan(line, agent, attached=True)
    turns = line.turn_detection.model_dump(exclude_none=True)
    if line.barge_in == "off":
        turns |= {"create_response": False, "interrupt_response": False}
    opening = wanted.opening
    if heard is not None:
        opening = tuple(segment for segment in opening if segment.must_hear and segment.id not in heard)
    wanted = replace(wanted, opening=opening, self_echo_guard=False, takes_turns=False)
    wanted = replace(wanted, presses_keys=False)
    session = replace(wanted.session, turn_detection=turns, tools=(*agent.tools, *tools_of(wanted)))
    return replace(wanted, session=session)


def at_a_loss(lines: Iterable[Line]) -> list[str]:
    """Lines that ask for what cannot be done where the service itself plays to the caller."""
    return [line.line for line in lines if line.way is None and (line.self_echo_guard or _confirms(line))]


def _confirms(line: Line) -> bool:
    opening = plan(line, AgentProfile()).opening
    return "confirmed" in {line.barge_in, *(segment.barge_in for segment in opening)}
