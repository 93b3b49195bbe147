"""The emulated realtime server on its sockets."""

import asyncio
import base64
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from gateway.sim.realtime import Behaviour, Leave, RealtimeServer, Say, Session
from tests.sim.realtime_script import PHONE, Json, silence, tone

BRIEF = Behaviour(reply=lambda turn: (Say("Good morning.", tone(600)),), first_audio_ms=20, keep_events=True)
MODEL = "?model=gpt-realtime"


def dial(server: RealtimeServer, query: str = MODEL, **options: Any) -> connect:
    """Connect to *server*."""
    return connect(server.url + query, compression=None, max_queue=None, **options)


async def heard(socket: ClientConnection) -> Json:
    """The next event."""
    async with asyncio.timeout(5):
        event: Json = json.loads(await socket.recv())
        return event


async def tell(socket: ClientConnection, kind: str, **fields: object) -> None:
    """Send an event."""
    await socket.send(json.dumps({"type": kind, **fields}))


def done(session: Session) -> bool:
    """Whether a response is over."""
    return any(event["type"] == "response.done" for event in session.sent)


async def test_a_session_from_the_first_word_to_the_last() -> None:
    """
    A client is greeted, configures, is answered, truncates and leaves; the truth about all of it is there.
    """
    async with RealtimeServer(BRIEF) as server:
        async with dial(server) as socket:
            session = await server.next_session()
            assert (await heard(socket))["type"] == "session.created"
            await tell(socket, "session.update", session={"type": "realtime", "audio": PHONE})
            await tell(socket, "response.create")
            await session.happened(done)
            item = session.items[0]
            await tell(socket, "conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=250)
            await session.happened(lambda session: session.truncations)
        await session.happened(lambda session: session.closed)
    assert [truncation.outcome for truncation in session.truncations] == ["accepted"]
    assert (item.parts[0].generated_ms, item.parts[0].audio_ms) == (600, 250)
    assert session.closed is not None
    assert session.closed.code == 1000
    assert server.sessions == [session]


async def test_speech_is_answered_in_time() -> None:
    """
    The caller's turn is found on the wire, and the audio of the answer comes at its pace.
    """
    async with RealtimeServer(BRIEF) as server, dial(server) as socket:
        session = await server.next_session()
        await tell(socket, "session.update", session={"type": "realtime", "audio": PHONE})
        audio = tone(400) + silence(600)
        for offset in range(0, len(audio), 160):
            encoded = base64.b64encode(audio[offset : offset + 160]).decode()
            await tell(socket, "input_audio_buffer.append", audio=encoded)
        await session.happened(done)
        assert session.appended_bytes == len(audio)
        caller, agent = session.items
        assert (caller.role, agent.role) == ("user", "assistant")
        first, second, third = agent.parts[0].deltas
        assert third.at_s - first.at_s == pytest.approx(0.1, abs=0.08)
        assert second.length_bytes == 2_000


REFUSED = {
    "neither model nor call": ("", 400),
    "both model and call": ("?model=m&call_id=rtc_1", 400),
    "unknown call": ("?call_id=rtc_1", 404),
}


@pytest.mark.parametrize(("query", "status"), REFUSED.values(), ids=REFUSED)
async def test_upgrades_are_refused_with_a_reason(query: str, status: int) -> None:
    """
    A refused upgrade is an HTTP status with an error as JSON.
    """
    async with RealtimeServer(BRIEF) as server:
        with pytest.raises(InvalidStatus) as refused:
            await dial(server, query)
        response = refused.value.response
        assert response.status_code == status
        assert response.headers["Content-Type"] == "application/json"
        error = json.loads(response.body or b"")["error"]
        assert error["type"] == "invalid_request_error"
        assert status != 404 or error["code"] == "call_id_not_found"
        assert not server.sessions


async def test_other_paths_lead_nowhere() -> None:
    """
    Only the path of the API is served.
    """
    async with RealtimeServer(BRIEF) as server:
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url.replace("realtime", "chat") + MODEL)
        assert refused.value.response.status_code == 404


async def test_keys_open_the_door() -> None:
    """
    No key is refused before the upgrade, a wrong one after it; the right one opens, wherever it is shown.
    """
    async with RealtimeServer(Behaviour(api_key="secret")) as server:
        with pytest.raises(InvalidStatus) as refused:
            await dial(server)
        assert refused.value.response.status_code == 401
        async with dial(server, additional_headers={"Authorization": "Bearer wrong"}) as socket:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (3000, "invalid_request_error.invalid_api_key")
        shown = ({"Authorization": "Bearer secret"}, {"api-key": "secret"})
        for headers in shown:
            async with dial(server, additional_headers=headers) as socket:
                assert (await heard(socket))["type"] == "session.created"
        offered = ["realtime", "openai-insecure-api-key.secret"]
        async with dial(server, subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert (await heard(socket))["type"] == "session.created"


async def test_the_beta_is_over() -> None:
    """
    The beta header gets one error and a close with 4000; a beta server welcomes it.
    """
    header = {"OpenAI-Beta": "realtime=v1"}
    async with RealtimeServer(BRIEF) as server, dial(server, additional_headers=header) as socket:
        assert (await heard(socket))["error"]["code"] == "beta_api_shape_disabled"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4000
    beta = RealtimeServer(Behaviour(dialect="beta"))
    async with beta as server, dial(server, additional_headers=header) as socket:
        assert "modalities" in (await heard(socket))["session"]


async def test_calls_can_be_attached_to_until_they_end() -> None:
    """
    A call shows the session it was accepted with; its end drops the socket without a close frame.
    """
    async with RealtimeServer(BRIEF) as server:
        call = server.add_call("rtc_1", {"model": "gpt-realtime-2", "audio": PHONE})
        async with dial(server, "?call_id=rtc_1") as socket:
            created = (await heard(socket))["session"]
            assert (created["model"], created["audio"]["input"]["format"]) == (
                "gpt-realtime-2",
                {"type": "audio/pcmu"},
            )
            call.hang_up()
            with pytest.raises(ConnectionClosed) as dropped:
                await socket.recv()
            assert dropped.value.rcvd is None
        with pytest.raises(InvalidStatus) as refused:
            await dial(server, "?call_id=rtc_1")
        assert refused.value.response.status_code == 404


async def test_the_server_can_cut_the_line_in_mid_item() -> None:
    """
    An abrupt end comes without a close frame, after exactly the deltas it was to come after.
    """
    behaviour = Behaviour(reply=BRIEF.reply, first_audio_ms=0, leave=Leave(after_deltas=2))
    async with RealtimeServer(behaviour) as server, dial(server) as socket:
        await tell(socket, "response.create")
        deltas = 0
        with suppress(ConnectionClosedError):
            while True:
                deltas += (await heard(socket))["type"] == "response.output_audio.delta"
        assert socket.close_code == 1006
        session = await server.next_session()
        await session.happened(lambda session: session.closed)
        assert session.closed is not None
        assert (deltas, session.closed.code) == (2, 1006)


async def test_expiry_closes_with_its_reason() -> None:
    """
    A session that is too old gets an error, and then a close with 1001 and the same sentence.
    """
    async with RealtimeServer(Behaviour(max_age_s=0.05)) as server, dial(server) as socket:
        assert (await heard(socket))["type"] == "session.created"
        error = (await heard(socket))["error"]
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (error["code"], socket.close_code) == ("session_expired", 1001)
        assert socket.close_reason == error["message"]


async def test_nothing_is_left_behind() -> None:
    """
    When a socket ends in mid-response, and when the server ends, no task of theirs goes on.
    """
    before = asyncio.all_tasks()
    never = asyncio.Event()

    async def endless(text: str) -> bytes:
        await never.wait()
        return b""

    async with RealtimeServer(Behaviour(voice=endless)) as server:
        gone = await dial(server)
        stays = await dial(server)
        for socket in (gone, stays):
            await tell(socket, "response.create")
            await heard(socket)
            await heard(socket)
        gone.transport.abort()
        session = await server.next_session()
        await session.happened(lambda session: session.closed)
    await stays.wait_closed()
    await gone.wait_closed()
    assert asyncio.all_tasks() == before


async def test_a_test_can_step_in() -> None:
    """
    Any event can be sent, the behaviour exchanged, and the connection closed, in mid-session.
    """
    async with RealtimeServer(BRIEF) as server, dial(server) as socket:
        session = await server.next_session()
        await heard(socket)
        session.send({"type": "response.weather.updated", "sky": "blue"})
        assert (await heard(socket))["sky"] == "blue"
        session.behaviour = Behaviour(reply=lambda turn: (), rate_limits=False)
        await tell(socket, "response.create")
        assert [(await heard(socket))["type"] for _ in range(2)] == ["response.created", "response.done"]
        session.close(1012, "restart")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert (socket.close_code, socket.close_reason) == (1012, "restart")


async def test_a_server_can_forget() -> None:
    """
    A server that serves for long remembers only the last sessions.
    """
    async with RealtimeServer(BRIEF, remembered_sessions=2) as server:
        for _ in range(3):
            async with dial(server) as socket:
                last_id = (await heard(socket))["session"]["id"]
        assert len(server.sessions) == 2
        assert server.sessions[-1].id == last_id
        assert [await server.next_session(), await server.next_session()] == server.sessions


async def test_waiting_ends() -> None:
    """
    What does not happen in time is an error, and not a test that hangs.
    """
    async with RealtimeServer(BRIEF) as server, dial(server):
        session = await server.next_session()
        with pytest.raises(TimeoutError):
            await session.happened(lambda session: session.truncations, timeout_s=0.01)
        with pytest.raises(TimeoutError):
            await server.next_session(timeout_s=0.01)


async def test_listening_costs_next_to_nothing() -> None:
    """
    A second of audio of fifty callers takes far less than a second to listen to.
    """
    async with RealtimeServer(BRIEF) as server, dial(server) as socket:
        session = await server.next_session()
        await tell(socket, "session.update", session={"type": "realtime", "audio": PHONE})
        encoded = base64.b64encode(silence(20)).decode()
        frame = json.dumps({"type": "input_audio_buffer.append", "audio": encoded})
        began_s = time.process_time()
        for _ in range(2_500):
            await socket.send(frame)
        await session.happened(lambda session: session.appended_bytes == 2_500 * 160)
        assert time.process_time() - began_s < 1.0
