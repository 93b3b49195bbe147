"""`/{provider}/media`: the provider brings the voice of a call."""

import asyncio
import logging
import time
from functools import partial

from aiohttp import web

from gateway.bridge import Bridge
from gateway.call import Call
from gateway.call.commands import Command, NoteEnded
from gateway.call.events import Event
from gateway.calls import ExpectedCall, StreamRefused
from gateway.errors import RemoteProtocolError
from gateway.log import call_sid
from gateway.protocol.session import session_url
from gateway.providers import Dialect
from gateway.providers.events import StreamStarted
from gateway.providers.twilio_rest import TwilioApi
from gateway.sessions.model import open_model
from gateway.sessions.provider import accept
from gateway.sessions.socket import TextSocket
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
    stream = accept(request)
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
    gateway: Gateway, dialect: Dialect, stream: TextSocket, started: StreamStarted, expected: ExpectedCall
) -> None:
    line = expected.line

    async def open_session() -> TextSocket:
        url = session_url(gateway.realtime_url(line), model=line.model)
        return await open_model(url, gateway.realtime_headers(line))

    async def hang_up(twilio: TwilioApi) -> None:
        await gateway.rest.settle(twilio.hang_up(started.account_sid, started.call_sid))

    call = Call(plan(line), now_ms=asyncio.get_running_loop().time() * 1000)
    bridge = Bridge(
        call,
        stream=stream,
        stream_sid=started.stream_sid,
        dialect=dialect,
        open_model=open_session,
        hang_up=partial(hang_up, gateway.twilio) if gateway.twilio else None,
        frames=gateway.metrics.frames,
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
