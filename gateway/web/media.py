"""`/{provider}/media`: the provider brings the voice of a call."""

import asyncio
import logging
from dataclasses import replace

from aiohttp import web

from gateway.agent import AgentProfile
from gateway.agents import CallContext
from gateway.bridge import Bridge
from gateway.call import Call, CallPlan
from gateway.call.commands import NoteEnded
from gateway.calls import ExpectedCall, StreamRefused
from gateway.errors import RemoteProtocolError
from gateway.lines import Line
from gateway.log import call_sid
from gateway.protocol.session import session_url
from gateway.providers import Dialect
from gateway.providers.events import StreamStarted
from gateway.sessions.model import open_model
from gateway.sessions.provider import accept
from gateway.sessions.socket import TextSocket
from gateway.web.call_log import CallLog
from gateway.web.gateway import GATEWAY, Gateway, introduced
from gateway.web.plans import plan
from gateway.web.requests import dialect_of, is_signed
from gateway.web.transfers import ProviderCall, coming_back, tokens_of
from gateway.web.voice import CALL_ID

logger = logging.getLogger(__name__)

START_WITHIN_S = 5.0
FRAMES_BEFORE_START = 50
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


async def media(request: web.Request) -> web.StreamResponse:
    """Accept the stream of a call that is expected, and carry the call; turn everything else away."""
    gateway, dialect = request.app[GATEWAY], dialect_of(request)
    if dialect.signature_present(request.headers) and not is_signed(request, dialect, {}, scheme="ws"):
        gateway.metrics.stream_refused("bad_signature")
        raise web.HTTPForbidden(text="the signature does not match\n")
    stream = accept(request)
    try:
        started = await _started(stream, dialect)
        token = started.parameters.get(dialect.token_parameter, "")
        back = coming_back(gateway, token, started.call_sid)
        expected = gateway.calls.claim(token, started.call_sid) if back is None else None
    except StreamRefused as refused:
        gateway.metrics.stream_refused(refused.reason)
        logger.warning("stream refused: %s", refused)
        await stream.close(POLICY_VIOLATION, str(refused))
    else:
        call_sid.set(started.call_sid)
        if back is not None:
            await back.come_back(stream, started.stream_sid)
        elif expected is not None:
            with expected.place:
                await _carry(gateway, dialect, request.match_info["provider"], stream, started, expected)
    return web.Response()


async def _started(stream: TextSocket, dialect: Dialect) -> StreamStarted:
    """The start of the stream; nothing that costs anything happens before it."""
    opening = _Opening(stream, dialect)
    closed = asyncio.ensure_future(stream.closed())
    try:
        await asyncio.wait((opening.started, closed), timeout=START_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if opening.started.done():
            return opening.started.result()
        why = "the stream ended before it started" if closed.done() else f"no start within {START_WITHIN_S:g} s"
        raise StreamRefused("no_start", why)
    finally:
        closed.cancel()


class _Opening:
    """Reads a stream up to its start, and leaves what comes behind it to the call."""

    def __init__(self, stream: TextSocket, dialect: Dialect) -> None:
        self.started: asyncio.Future[StreamStarted] = asyncio.get_running_loop().create_future()
        self._stream = stream
        self._dialect = dialect
        self._frames = 0
        stream.attach(self._text)

    def _text(self, text: bytes) -> None:
        self._frames += 1
        try:
            event = self._dialect.parse(text)
        except RemoteProtocolError as error:
            logger.debug("malformed frame before the start: %s", error)
        else:
            if isinstance(event, StreamStarted):
                self._stream.detach()
                self.started.set_result(event)
        if self._frames == FRAMES_BEFORE_START and not self.started.done():
            self._stream.detach()
            why = f"no start among the first {FRAMES_BEFORE_START} frames"
            self.started.set_exception(StreamRefused("malformed", why))


async def _carry(
    gateway: Gateway,
    dialect: Dialect,
    provider: str,
    stream: TextSocket,
    started: StreamStarted,
    expected: ExpectedCall,
) -> None:
    line, call_id = expected.line, started.parameters.get(CALL_ID)
    configuration = expected.place.configuration

    async def open_session() -> TextSocket:
        session = {"call_id": call_id} if call_id else {"model": line.model}
        url = session_url(gateway.realtime_url(line), **session)
        return await open_model(url, gateway.realtime_headers(line))

    rest_side = ProviderCall.of(gateway, dialect, provider, started)
    context = CallContext.of(line, started.call_sid, expected.call.caller, expected.call.called)
    hands = gateway.hands(line, context, lambda event: bridge.dispatch(event), configuration)
    agent = await introduced(hands)
    if agent is None:
        gateway.metrics.command(NoteEnded("failed", "agent_failed"))
        await stream.close(INTERNAL_ERROR, "the agent failed")
        return
    wanted = _wanted(line, agent, attached=bool(call_id))
    call = Call(wanted, now_ms=asyncio.get_running_loop().time() * 1000)
    cost = gateway.cost(line, wanted, configuration, lambda event: bridge.dispatch(event))
    bridge = Bridge(
        call,
        stream=stream,
        stream_sid=started.stream_sid,
        dialect=dialect,
        open_model=open_session,
        hang_up=rest_side.hang_up if rest_side else None,
        pass_on=rest_side.pass_on if rest_side else None,
        hands=hands,
        frames=gateway.metrics.frames,
        observers=(
            cost,
            gateway.metrics,
            gateway.conversations.begin(started.call_sid, call, cost, configuration.sha),
            CallLog(call, cost, configuration.sha),
        ),
    )
    logger.info("call began  line=%s", line.line)
    with gateway.metrics.active.track_inprogress(), tokens_of(gateway, started.call_sid):
        await gateway.calls.carry(started.call_sid, bridge)


def _wanted(line: Line, agent: AgentProfile, *, attached: bool) -> CallPlan:
    """What is wanted of the call; a session that is there already keeps its voice, in which it may have spoken."""
    wanted = plan(line, agent, attached=attached)
    return replace(wanted, session=replace(wanted.session, voice=None)) if attached else wanted
