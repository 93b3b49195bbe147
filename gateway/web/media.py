"""`/{provider}/media`: the provider brings the voice of a call."""

import asyncio
import logging
import time

from aiohttp import web

from gateway.bridge import Bridge
from gateway.call import Call
from gateway.call.commands import Command, NoteEnded
from gateway.call.events import Event
from gateway.calls import ExpectedCall, StreamRefused
from gateway.errors import RemoteProtocolError
from gateway.log import call_sid
from gateway.providers import Dialect
from gateway.providers.events import StreamStarted
from gateway.realtime.session import session_url
from gateway.sessions.model import ModelSocket, open_model
from gateway.sessions.provider import ProviderSocket
from gateway.web.gateway import GATEWAY, Gateway, plan
from gateway.web.requests import dialect_of, is_signed

logger = logging.getLogger(__name__)

START_WITHIN_S = 5.0
FRAMES_BEFORE_START = 50
POLICY_VIOLATION = 1008


async def media(request: web.Request) -> web.StreamResponse:
    """Accept the stream of a call that is expected, and carry the call; turn everything else away."""
    gateway, dialect = request.app[GATEWAY], dialect_of(request)
    if dialect.signature_present(request.headers) and not is_signed(request, dialect, {}, scheme="ws"):
        gateway.metrics.stream_refused("bad_signature")
        raise web.HTTPForbidden(text="the signature does not match\n")
    stream = await ProviderSocket.accept(request)
    try:
        started = await _started(stream, dialect)
        expected = gateway.calls.claim(started.parameters.get(dialect.token_parameter, ""), started.call_sid)
    except StreamRefused as refused:
        gateway.metrics.stream_refused(refused.reason)
        logger.warning("stream refused: %s", refused)
        await stream.close(POLICY_VIOLATION, str(refused))
    else:
        call_sid.set(started.call_sid)
        await _carry(gateway, dialect, stream, started, expected)
    return stream.response


async def _started(stream: ProviderSocket, dialect: Dialect) -> StreamStarted:
    """The start of the stream; nothing that costs anything happens before it."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            for _ in range(FRAMES_BEFORE_START):
                text = await stream.receive()
                if text is None:
                    raise StreamRefused("no_start", "the stream ended before it started")
                if isinstance(event := _parse(dialect, text), StreamStarted):
                    return event
    except TimeoutError:
        raise StreamRefused("no_start", f"no start within {START_WITHIN_S:g} s") from None
    raise StreamRefused("malformed", f"no start among the first {FRAMES_BEFORE_START} frames")


def _parse(dialect: Dialect, text: bytes) -> object:
    try:
        return dialect.parse(text)
    except RemoteProtocolError as error:
        logger.debug("malformed frame before the start: %s", error)
        return None


async def _carry(
    gateway: Gateway, dialect: Dialect, stream: ProviderSocket, started: StreamStarted, expected: ExpectedCall
) -> None:
    line = expected.line

    async def open_session() -> ModelSocket:
        url = session_url(gateway.realtime_url(line), model=line.model)
        return await open_model(url, gateway.realtime_headers(line))

    call = Call(plan(line), now_ms=asyncio.get_running_loop().time() * 1000)
    bridge = Bridge(
        call,
        stream=stream,
        stream_sid=started.stream_sid,
        dialect=dialect,
        open_model=open_session,
        observers=(gateway.metrics, gateway.conversations.begin(started.call_sid, call), _CallLog(call)),
    )
    logger.info("call began  line=%s", line.line)
    with gateway.metrics.active.track_inprogress():
        await gateway.calls.carry(started.call_sid, bridge)


class _CallLog:
    """Says in one line how a call ended."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._began_s = time.monotonic()

    def event(self, event: Event) -> None:
        """Events are not logged."""

    def command(self, command: Command) -> None:
        """Log the end."""
        if isinstance(command, NoteEnded):
            logger.info(
                "call ended  duration_ms=%d result=%s reason=%s barge_ins=%d",
                (time.monotonic() - self._began_s) * 1000,
                command.result,
                command.reason,
                self._call.barge_ins,
            )
