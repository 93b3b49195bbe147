"""A session is opened with what was asked for, and ends in one way or another."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers

from gateway.errors import PeerError
from gateway.realtime import (
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelConfig,
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelListener,
    RealtimeModelOtherEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
    UserError,
)
from gateway.sim.realtime import NEVER, Behaviour, Leave, RealtimeServer, Say
from tests.realtime.ear import Ear, connected, soon
from tests.sim.realtime_script import tone

QUIET = Behaviour()


@asynccontextmanager
async def doorman() -> AsyncIterator[tuple[str, asyncio.Queue[Headers], asyncio.Queue[str]]]:
    """A server that opens sessions and notes who came with what, and asked for what."""
    headers: asyncio.Queue[Headers] = asyncio.Queue()
    paths: asyncio.Queue[str] = asyncio.Queue()

    async def open_session(socket: ServerConnection) -> None:
        assert socket.request is not None
        headers.put_nowait(socket.request.headers)
        paths.put_nowait(socket.request.path)
        await socket.send('{"type":"session.created","session":{"type":"realtime","audio":{}}}')
        await socket.wait_closed()

    async with serve(open_session, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/v1/realtime", headers, paths


async def asked_with(options: Mapping[str, object]) -> tuple[Headers, str]:
    """The headers and the path that a server sees."""
    async with doorman() as (url, headers, paths):
        given = {"api_key": "sk-test", **options, "url": url + str(options.get("url", ""))}
        model = OpenAIRealtimeWebSocketModel()
        await soon(model.connect(cast("RealtimeModelConfig", given)))
        await soon(model.close())
        return await soon(headers.get()), await soon(paths.get())


async def later_key() -> str:
    """A key that takes its time."""
    await asyncio.sleep(0)
    return "sk-later"


@pytest.mark.parametrize(
    ("key", "shown"),
    [("sk-1", "sk-1"), (lambda: "sk-2", "sk-2"), (later_key, "sk-later")],
    ids=["str", "sync", "async"],
)
async def test_a_key_is_given_or_asked_for(key: object, shown: str) -> None:
    """
    At once or later.
    """
    headers, _ = await asked_with({"api_key": key})
    assert headers["Authorization"] == f"Bearer {shown}"


async def test_headers_are_sent_as_they_are() -> None:
    """
    No Authorization is added to those of whoever knows better.
    """
    headers, _ = await asked_with({"headers": {"api-key": "azure"}})
    assert headers["api-key"] == "azure"
    assert "Authorization" not in headers
    assert "OpenAI-Beta" not in headers


async def test_the_betas_header_is_shown_where_the_beta_was_chosen() -> None:
    """
    And nowhere else, since GA's servers turn away whoever shows it.
    """
    headers, _ = await asked_with({"dialect": "beta"})
    assert headers["OpenAI-Beta"] == "realtime=v1"
    assert "OpenAI-Beta" not in (await asked_with({}))[0]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "?model=gpt-realtime"),
        ({"initial_model_settings": {"model_name": "gpt-realtime-mini"}}, "?model=gpt-realtime-mini"),
        ({"url": "?model=mine"}, "?model=mine"),
        ({"url": "?model=mine", "initial_model_settings": {"model_name": "other"}}, "?model=other"),
        ({"url": "?api-version=p&deployment=mine"}, "?api-version=p&deployment=mine&model=mine"),
        ({"call_id": "rtc_1"}, "?call_id=rtc_1"),
        ({"url": "?call_id=rtc_2"}, "?call_id=rtc_2"),
    ],
)
async def test_the_address_names_the_model_or_the_call(options: Mapping[str, object], path: str) -> None:
    """
    Never both; what an address says already is kept.
    """
    assert (await asked_with(options))[1] == f"/v1/realtime{path}"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"api_key": ""}, "OPENAI_API_KEY"),
        ({"api_key": lambda: ""}, "OPENAI_API_KEY"),
        ({"api_key": "k", "call_id": "rtc_1", "initial_model_settings": {"model_name": "gpt-realtime"}}, "rtc_1"),
        ({"api_key": "k", "url": "nowhere"}, "nowhere"),
        ({"api_key": "k", "initial_model_settings": {"voise": "marin"}}, "voise"),
    ],
)
async def test_what_cannot_work_is_said_before_anybody_is_asked(options: Mapping[str, object], named: str) -> None:
    """
    The message names what was given; nobody is told of a connection that was never tried.
    """
    model, ear = OpenAIRealtimeWebSocketModel(), Ear()
    model.add_listener(ear)
    with pytest.raises(UserError, match=named):
        await soon(model.connect(cast("RealtimeModelConfig", options)))
    assert ear.events == []


async def test_a_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without one there, none is made up.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        await soon(OpenAIRealtimeWebSocketModel().connect({}))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    headers, _ = await asked_with({"api_key": None})
    assert headers["Authorization"] == "Bearer sk-env"


async def test_a_sip_model_needs_a_call() -> None:
    """
    It opens no session of its own.
    """
    with pytest.raises(UserError, match="call_id"):
        await soon(OpenAIRealtimeSIPModel().connect({"api_key": "k"}))


async def test_a_model_has_one_session() -> None:
    """
    Connecting twice is a mistake, also while the first is on its way; closed, it may be connected again.
    """
    async with RealtimeServer(QUIET) as server:
        model = OpenAIRealtimeWebSocketModel()
        options: RealtimeModelConfig = {"api_key": "k", "url": server.url}
        first = asyncio.ensure_future(model.connect(options))
        await asyncio.sleep(0)
        with pytest.raises(UserError, match="already"):
            await model.connect(options)
        await soon(first)
        with pytest.raises(UserError, match="already"):
            await model.connect(options)
        await soon(model.close())
        await soon(model.close())
        await soon(model.connect(options))
        await soon(model.close())
        assert len(server.sessions) == 2


async def test_nothing_is_sent_without_a_session() -> None:
    """
    Before connecting and after closing that is a mistake.
    """
    model = OpenAIRealtimeWebSocketModel()
    with pytest.raises(UserError, match="connect first"):
        await model.send_event(RealtimeModelSendInterrupt())
    async with RealtimeServer(QUIET) as server:
        async with connected(server, model=model):
            pass
        with pytest.raises(UserError, match="connect first"):
            await model.send_event(RealtimeModelSendInterrupt())


async def test_a_session_is_set_up_before_it_is_used() -> None:
    """
    Audio that came before would be heard in the wrong format.
    """
    slow = Behaviour(session_updated_delay_ms=150)
    async with (
        RealtimeServer(slow) as server,
        connected(server, {"input_audio_format": "g711_ulaw"}) as (model, _, session),
    ):
        assert session.config["audio"]["input"]["format"] == {"type": "audio/pcmu"}
        await model.send_event(RealtimeModelSendAudio(b"\xff" * 160))
        await session.happened(lambda session: session.appended_bytes == 160)


async def test_a_session_that_is_set_to_nothing_is_left_alone() -> None:
    """
    No update is sent, and none is waited for.
    """
    mute = Behaviour(session_updated_delay_ms=NEVER, reply=lambda turn: (Say("Hello.", tone(20)),))
    async with RealtimeServer(mute) as server, connected(server) as (model, _, session):
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        await session.happened(lambda session: len(session.received) == 2)
        assert [event.type for event in session.received] == ["conversation.item.create", "response.create"]


async def test_settings_that_are_refused_are_told() -> None:
    """
    The session is open all the same.
    """
    async with RealtimeServer(QUIET) as server, connected(server, {"reasoning": {"effort": "low"}}) as (_, ear, _):
        refused = await ear.until(RealtimeModelErrorEvent)
        assert refused.error.code == "unknown_parameter"
        assert refused.error.param == "session.reasoning"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(api_key="right"), "3000 invalid_request_error.invalid_api_key"),
        (Behaviour(session_created_delay_ms=NEVER, leave=Leave(after_ms=20, code=1013)), "1013"),
        (Behaviour(session_created_delay_ms=NEVER, leave=Leave(after_ms=20)), "1006"),
    ],
)
async def test_a_session_that_is_not_opened_is_the_servers_fault(behaviour: Behaviour, reason: str) -> None:
    """
    It is said why, and listeners are told that nothing is connected.
    """
    async with RealtimeServer(behaviour) as server:
        model, ear = OpenAIRealtimeWebSocketModel(), Ear()
        model.add_listener(ear)
        with pytest.raises(PeerError, match=reason):
            await soon(model.connect({"api_key": "wrong", "url": server.url}))
        await ear.until(RealtimeModelConnectionStatusEvent, lambda event: event.status == "disconnected")
        server.behaviour = QUIET
        await soon(model.connect({"api_key": "k", "url": server.url}))
        await soon(model.close())


async def test_a_call_that_is_over_cannot_be_attached_to() -> None:
    """
    The server knows it no more.
    """
    async with RealtimeServer(QUIET) as server:
        with pytest.raises(PeerError, match="404"):
            await soon(OpenAIRealtimeSIPModel().connect({"api_key": "k", "url": server.url, "call_id": "rtc_gone"}))


def statuses(ear: Ear) -> list[str]:
    """How the connection went."""
    return [event.status for event in ear.all(RealtimeModelConnectionStatusEvent)]


async def test_a_server_that_closes_in_good_order_ends_the_stream() -> None:
    """
    Nothing follows, and whoever waits for more need not.
    """
    async with RealtimeServer(QUIET) as server, connected(server) as (model, ear, session):
        session.close(1000)
        await ear.until(RealtimeModelEndOfStreamEvent)
        assert ear.kinds == ["connection_status", "end_of_stream"]
        assert statuses(ear) == ["connecting", "connected", "disconnected"]
        with pytest.raises(PeerError, match="1000"):
            await model.send_event(RealtimeModelSendUserInput("Hello."))


@pytest.mark.parametrize(("code", "said"), [(1001, "1001 too old"), (1011, "1011"), (None, "1006")])
async def test_a_connection_that_is_lost_is_an_exception(code: int | None, said: str) -> None:
    """
    It says how, and comes in front of the end.
    """
    async with RealtimeServer(QUIET) as server, connected(server) as (_, ear, session):
        session.close(code, "too old" if code == 1001 else "") if code else session.drop()
        lost = await ear.until(RealtimeModelExceptionEvent)
        assert said in str(lost.exception)
        assert lost.context
        await ear.until(RealtimeModelConnectionStatusEvent, lambda event: event.status == "disconnected")
        assert ear.all(RealtimeModelEndOfStreamEvent) == []


async def test_a_call_that_came_by_sip_ends_without_a_word() -> None:
    """
    The service drops whoever is attached when the caller hangs up: that is the end, and no fault.
    """
    async with RealtimeServer(QUIET) as server:
        call = server.add_call("rtc_1")
        async with connected(server, model=OpenAIRealtimeSIPModel(), call_id="rtc_1") as (_, ear, _):
            call.hang_up()
            await ear.until(RealtimeModelEndOfStreamEvent)
            assert ear.all(RealtimeModelExceptionEvent) == []


async def test_who_closes_is_not_told_of_it() -> None:
    """
    Nothing is told after closing, and the server sees a close in good order.
    """
    async with RealtimeServer(QUIET) as server:
        async with connected(server) as (_, ear, session):
            await ear.until(RealtimeModelRawServerEvent)
        await session.happened(lambda session: session.closed)
        assert session.closed is not None
        assert session.closed.code == 1000
        assert statuses(ear) == ["connecting", "connected"]


class Quitter(RealtimeModelListener):
    """Closes the model at the first event of the server."""

    def __init__(self, model: OpenAIRealtimeWebSocketModel) -> None:
        self.model = model
        self.closed = asyncio.Event()

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Close."""
        if isinstance(event, RealtimeModelErrorEvent):
            await self.model.close()
            self.closed.set()


async def test_a_listener_may_close_the_model() -> None:
    """
    It does not wait for itself.
    """
    async with RealtimeServer(QUIET) as server, connected(server) as (model, _, session):
        quitter = Quitter(model)
        model.add_listener(quitter)
        session.send({"type": "error", "error": {"message": "No."}})
        await soon(quitter.closed.wait())


class Greeter(RealtimeModelListener):
    """Asks for something as soon as there is a connection."""

    def __init__(self, model: OpenAIRealtimeWebSocketModel) -> None:
        self.model = model

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Ask."""
        if event == RealtimeModelConnectionStatusEvent("connected"):
            await self.model.send_event(RealtimeModelSendRawMessage({"type": "input_audio_buffer.clear"}))


async def test_what_is_asked_for_at_once_comes_behind_the_settings() -> None:
    """
    Before them, nothing would be understood as it is meant.
    """
    async with RealtimeServer(Behaviour(session_created_delay_ms=50, session_updated_delay_ms=50)) as server:
        model = OpenAIRealtimeWebSocketModel()
        model.add_listener(Greeter(model))
        async with connected(server, {"input_audio_format": "g711_ulaw"}, model=model) as (_, _, session):
            await session.happened(lambda session: len(session.received) == 2)
            assert [event.type for event in session.received] == ["session.update", "input_audio_buffer.clear"]


async def test_a_model_can_be_closed_while_it_connects() -> None:
    """
    Whoever waits for the connection is told, and may try again.
    """
    async with RealtimeServer(Behaviour(session_created_delay_ms=NEVER)) as server:
        model, ear = OpenAIRealtimeWebSocketModel(), Ear()
        model.add_listener(ear)
        options: RealtimeModelConfig = {"api_key": "k", "url": server.url}
        for moment in (
            RealtimeModelConnectionStatusEvent("connecting"),
            RealtimeModelConnectionStatusEvent("connected"),
        ):
            connecting = asyncio.ensure_future(model.connect(options))
            await ear.until(RealtimeModelConnectionStatusEvent, moment.__eq__)
            await soon(model.close())
            with pytest.raises(UserError, match="closed while"):
                await soon(connecting)
        server.behaviour = QUIET
        await soon(model.connect(options))
        await soon(model.close())


class Clumsy(RealtimeModelListener):
    """Fails at everything."""

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Fail."""
        raise ZeroDivisionError


async def test_a_listener_that_fails_keeps_nothing_from_others(caplog: pytest.LogCaptureFixture) -> None:
    """
    Its traceback is logged; added twice, a listener is told once, and removed, not at all.
    """
    async with RealtimeServer(QUIET) as server, connected(server) as (model, ear, session):
        clumsy, gone = Clumsy(), Ear()
        for listener in (clumsy, gone, ear):
            model.add_listener(listener)
        model.remove_listener(gone)
        model.remove_listener(gone)
        session.send({"type": "error", "error": {"message": "No."}})
        session.send({"type": "error", "error": {"message": "Really not."}})
        await ear.until(RealtimeModelErrorEvent, lambda event: event.error.message == "Really not.")
        assert len(ear.all(RealtimeModelErrorEvent)) == 2
        assert gone.events == []
    assert "ZeroDivisionError" in caplog.text


async def test_a_huge_event_comes_through() -> None:
    """
    Items hold minutes of audio.
    """
    thought = "x" * 12 * 1024 * 1024
    async with RealtimeServer(QUIET) as server, connected(server) as (_, ear, session):
        session.send({"type": "telepathy", "thought": thought})
        assert (await ear.until(RealtimeModelOtherEvent)).data["thought"] == thought


async def test_a_name_of_the_betas_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """
    However often it comes.
    """
    caplog.set_level(logging.WARNING)
    async with RealtimeServer(QUIET) as server, connected(server) as (_, ear, session):
        for _ in range(3):
            session.send({"type": "response.audio.done", "response_id": "r", "item_id": "i", "content_index": 0})
        session.send({"type": "error", "error": {"message": "No."}})
        await ear.until(RealtimeModelErrorEvent)
    assert ear.all(RealtimeModelAudioInterruptedEvent) == []
    assert [record.levelname for record in caplog.records if "response.audio.done" in record.message] == ["WARNING"]
