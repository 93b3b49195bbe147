"""A session is opened for a model, or attached to for a call that came by SIP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.protocol.codec import RealtimeProtocol
from gateway.protocol.events import RealtimeEvent, SessionCreated, SessionUpdated
from gateway.protocol.inputs import ConfigureSession
from gateway.protocol.session import SessionConfig, session_url
from gateway.sessions.model import ModelRefused, open_model
from gateway.sessions.socket import TextSocket
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, RealtimeServer
from tests.e2e.exchange import NUMBER, Exchange, asked, exchange, fell_back, played_to, said_by_agent, saying, sound

CALL_ID = "rtc_0123456789"
MULAW = {"audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}}}


class Attached:
    """One socket, and the events that come by it."""

    def __init__(self, socket: TextSocket) -> None:
        self.protocol = RealtimeProtocol()
        self.socket = socket
        self.events: asyncio.Queue[RealtimeEvent] = asyncio.Queue()
        socket.attach(lambda text: self.events.put_nowait(self.protocol.receive(text)))

    async def next(self) -> RealtimeEvent:
        """The next event."""
        async with asyncio.timeout(5):
            return await self.events.get()


@asynccontextmanager
async def attached(server: RealtimeServer) -> AsyncIterator[Attached]:
    """Attach to the call."""
    socket = await open_model(session_url(server.url, call_id=CALL_ID), {})
    try:
        yield Attached(socket)
    finally:
        await socket.close()


async def test_attaching_configures_the_session_of_the_call_and_leaves_its_formats_alone() -> None:
    """
    The formats of a call that came by SIP were agreed on there: the configuration does not touch them.
    """
    async with RealtimeServer(Behaviour()) as server:
        server.add_call(CALL_ID, MULAW)
        async with attached(server) as line:
            assert isinstance(await line.next(), SessionCreated)
            config = SessionConfig(instructions="Be brief.", attached=True)
            line.socket.send(line.protocol.encode(ConfigureSession(config)))
            line.socket.flush()
            updated = await line.next()
            assert isinstance(updated, SessionUpdated)
            assert (updated.input_format, updated.output_format) == ("audio/pcmu", "audio/pcmu")
        session = server.sessions[0]
        (update,) = (received.event for received in session.received if received.type == "session.update")
        assert "format" not in update["session"]["audio"]["input"]
        assert "format" not in update["session"]["audio"]["output"]


async def test_a_call_that_is_over_cannot_be_attached_to() -> None:
    """
    The server answers 404, and says so before any session exists.
    """
    async with RealtimeServer(Behaviour()) as server:
        server.add_call(CALL_ID).hang_up()
        with pytest.raises(ModelRefused) as refused:
            await open_model(session_url(server.url, call_id=CALL_ID), {})
        assert refused.value.status == 404
        assert not server.sessions


async def test_a_call_that_ends_drops_whoever_is_attached() -> None:
    """
    The caller hangs up: the connection is gone without a close frame.
    """
    async with RealtimeServer(Behaviour()) as server:
        call = server.add_call(CALL_ID)
        async with attached(server) as line:
            assert isinstance(await line.next(), SessionCreated)
            call.hang_up()
            assert await line.socket.closed() == (1006, "")


@asynccontextmanager
async def attached_phone(ex: Exchange, call_id: str) -> AsyncIterator[Phone]:
    """A phone whose provider was told which session its stream belongs to."""
    async with Phone(f"{ex.address}/twilio/voice?call_id={call_id}", to=NUMBER) as phone:
        await phone.dial()
        yield phone


async def test_a_media_stream_attaches_to_the_session_that_it_names() -> None:
    """
    No session is created; the one that is there takes the line's instructions, and keeps its formats and its voice.
    """
    async with exchange(saying((sound(400),), lineless=True), greeting="Good morning.", voice="cedar") as ex:
        ex.server.add_call(CALL_ID, MULAW)
        async with attached_phone(ex, CALL_ID) as phone:
            session = await ex.server.next_session()
            await phone.hears(at_least_ms=400)
            await phone.hang_up()
    (update,) = asked(session, "session.update")
    assert update["session"]["audio"].keys() == {"input"}
    assert "format" not in update["session"]["audio"]["input"]
    assert played_to(phone) == said_by_agent(session)


async def test_a_session_that_is_not_there_ends_in_the_fallback() -> None:
    """
    The session is over, or was never there: the provider goes on with what the webhook answered.
    """
    async with exchange() as ex, attached_phone(ex, CALL_ID) as phone:
        assert await fell_back(phone)


async def test_a_call_id_that_is_none_is_refused_at_the_webhook() -> None:
    """
    With 400, before anything is opened.
    """
    async with exchange() as ex:
        form = {"CallSid": "CA1", "From": "+15550100", "To": NUMBER}
        async with ex.http.post(f"{ex.address}/twilio/voice?call_id=../etc", data=form) as answer:
            assert answer.status == 400
            assert "call_id" in await answer.text()
