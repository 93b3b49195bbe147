"""A session from its beginning to its end, and what is told in between."""

import asyncio
import logging
from typing import Any

import pytest

from gateway.errors import PeerError
from gateway.realtime import (
    AssistantMessageItem,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeError,
    RealtimeHistoryAdded,
    RealtimeHistoryUpdated,
    RealtimeInputAudioTimeoutTriggered,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelErrorEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelSendToolOutput,
    RealtimeModelToolCallEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimePlaybackTracker,
    RealtimeRawModelEvent,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionModelSettings,
    RealtimeToolEnd,
    RealtimeToolStart,
    ScriptedRealtimeModel,
    UserError,
    UserMessageItem,
    function_tool,
)
from gateway.realtime.event_queue import WAITING_MAX
from gateway.realtime.scripted import calls as script_calls
from gateway.realtime.scripted import says as script_says
from gateway.realtime.scripted import turn
from gateway.sim.realtime import NEVER, Behaviour, RealtimeServer
from tests.realtime.ear import soon
from tests.realtime.puppet import Puppet, audio
from tests.realtime.talk import PHONE, Diary, acts, calls, is_raw, says, sent, talk
from tests.sim.realtime_script import silence, tone

ADA = RealtimeAgent[Any]("Ada", "You are Ada.")
FRAME_BYTES = 160


async def speak(session: RealtimeSession, sound: bytes) -> None:
    """The caller is heard, frame by frame."""
    for start in range(0, len(sound), FRAME_BYTES):
        await session.send_audio(sound[start : start + FRAME_BYTES])


def words(session: RealtimeSession) -> list[tuple[str, str | None]]:
    """Who said what."""
    messages = [item for item in session.history if isinstance(item, UserMessageItem | AssistantMessageItem)]
    return [(item.role, getattr(part, "transcript", None)) for item in messages for part in item.content]


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_spoken_turn_is_told_from_its_beginning_to_its_end(dialect: str) -> None:
    """
    The agent begins, is heard, and ends; who said what is in the history, in its order.
    """
    async with (
        RealtimeServer(acts((says("Good morning."),), dialect=dialect)) as server,
        talk(server, ADA) as (session, diary, _),
    ):
        await speak(session, tone(600) + silence(600))
        await diary.until(RealtimeAgentEndEvent)
        assert diary.kinds == ["agent_start", "audio", "audio_end", "agent_end"]
        assert b"".join(event.audio.data for event in diary.all(RealtimeAudio)) == tone(200)
        await diary.until(RealtimeHistoryUpdated, lambda event: "(caller, turn 1)" in str(event.history))
        assert words(session) == [("user", "(caller, turn 1)"), ("assistant", "Good morning.")]
        assert [event.item.item_id for event in diary.all(RealtimeHistoryAdded)] == [
            item.item_id for item in session.history
        ]
        assert diary.all(RealtimeHistoryUpdated)[-1].history == session.history


async def test_a_caller_who_cuts_in_leaves_the_history_cut() -> None:
    """
    The audible item is incomplete, with its words; of what was behind it no word is left.
    """
    tracker = RealtimePlaybackTracker()
    turn = (says("First of all.", 3000), says("Then again.", 3000))
    async with (
        RealtimeServer(acts(turn, speed=50)) as server,
        talk(server, ADA, playback_tracker=tracker) as (session, diary, far),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAgentEndEvent)
        first = diary.all(RealtimeAudio)[0]
        tracker.on_play_ms(first.item_id, first.content_index, 200)
        await speak(session, tone(400))
        cut = await diary.until(RealtimeAudioInterrupted)
        assert cut.item_id == first.item_id
        await diary.until(RealtimeRawModelEvent, is_raw("conversation.item.truncated"), times=2)
        agents = [item for item in session.history if isinstance(item, AssistantMessageItem)]
        assert [item.status for item in agents] == ["incomplete", "incomplete"]
        assert words(session)[1:3] == [("assistant", "First of all."), ("assistant", None)]
        assert [cut.audio_end_ms for cut in far.truncations] == [200, 0]


async def test_a_user_may_interrupt() -> None:
    """
    The response is cancelled, whoever else would do so, and the agent answers the next turn.
    """
    async with (
        RealtimeServer(acts((says("Let me tell you everything.", 8000),), (says("Yes?"),), speed=2)) as server,
        talk(server, ADA) as (session, diary, far),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAudio)
        await session.interrupt()
        await diary.until(RealtimeAudioInterrupted)
        await session.send_message("Stop.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert sent(far).count("response.cancel") == 1
        assert ("assistant", "Yes?") in words(session)


async def test_a_turn_may_be_ended_by_hand() -> None:
    """
    Where the server is told not to.
    """
    manual: RealtimeSessionModelSettings = {"turn_detection": None}
    async with (
        RealtimeServer(acts((says("Good morning."),))) as server,
        talk(server, ADA, initial_model_settings=manual) as (session, _, far),
    ):
        await session.send_audio(tone(400), commit=True)
        await far.happened(lambda session: "input_audio_buffer.commit" in sent(session))
        assert far.config["audio"]["input"]["turn_detection"] is None


async def test_settings_come_from_the_run_the_agent_and_the_connection() -> None:
    """
    Each before the other; what is asked for by nobody is left to the server.
    """
    puppet = Puppet()
    agent = RealtimeAgent[Any]("Ada", "You are Ada.")
    settings: RealtimeSessionModelSettings = {"voice": "ash", "instructions": "You are nobody.", "speed": 1.5}
    runner = RealtimeRunner(agent, model=puppet, config={"model_settings": settings, "tracing_disabled": True})
    async with await runner.run(model_config={"api_key": "k", "initial_model_settings": {"voice": "marin"}}):
        assert puppet.options == {
            "api_key": "k",
            "initial_model_settings": {
                "voice": "marin",
                "instructions": "You are Ada.",
                "speed": 1.5,
                "tracing": None,
            },
        }


async def test_tokens_are_counted_through_the_session() -> None:
    """
    Every response adds to what the context knows.
    """
    async with (
        RealtimeServer(acts((says("Good morning."),))) as server,
        talk(server, ADA) as (session, diary, _),
    ):
        for times in (1, 2):
            await session.send_message("Hello.")
            ended = await diary.until(RealtimeAgentEndEvent, times=times)
        usage = ended.info.context.usage
        assert usage.requests == 2
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0


@pytest.mark.parametrize("code", [1000, None])
async def test_when_the_server_leaves_the_iteration_ends(code: int | None) -> None:
    """
    In good order it ends, after all that was told; otherwise with an error behind it.
    """
    async with RealtimeServer(acts((says("Good morning."),))) as server, talk(server, ADA) as (session, diary, far):
        await session.send_message("Hello.")
        await diary.until(RealtimeAgentEndEvent)
        if code:
            far.close(code)
            await soon(diary.reading)
        else:
            far.drop()
            with pytest.raises(PeerError, match="ended the session"):
                await soon(diary.reading)
        with pytest.raises(PeerError):
            await session.send_message("Are you there?")


async def test_what_was_told_before_an_error_is_read_before_it() -> None:
    """
    The error comes once; behind it there is nothing.
    """
    puppet = Puppet()
    async with RealtimeSession(puppet, ADA) as session:
        await puppet.tell(audio("item_1"), RealtimeModelExceptionEvent(PeerError("lost")), audio("item_2"))
        assert [(await soon(anext(session))).type for _ in range(3)] == ["raw_model_event", "audio", "raw_model_event"]
        with pytest.raises(PeerError, match="lost"):
            await soon(anext(session))
        with pytest.raises(StopAsyncIteration):
            await soon(anext(session))


async def test_a_model_that_goes_without_a_word_is_gone() -> None:
    """
    One that says why it is disconnected has a second to do so.
    """
    gone = RealtimeModelConnectionStatusEvent("disconnected")
    for explanation, ends in [((), PeerError), ((RealtimeModelEndOfStreamEvent(),), type(None))]:
        puppet = Puppet()
        async with RealtimeSession(puppet, ADA) as session:
            diary = Diary(session)
            await puppet.tell(gone, *explanation)
            await soon(asyncio.wait([diary.reading]))
            assert isinstance(diary.reading.exception(), ends)


async def test_closing_ends_everything_whatever_is_under_way() -> None:
    """
    The iteration, a tool that runs, the model and its connection; a second time does nothing, nothing can be sent.
    """
    stopped = asyncio.Event()

    @function_tool
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    agent = RealtimeAgent[Any]("Ada", tools=[wait])
    async with RealtimeServer(acts((calls("wait"),))) as server, talk(server, agent) as (session, diary, far):
        await session.send_message("Wait.")
        await diary.until(RealtimeToolStart)
        await soon(session.close())
        await soon(session.close())
        await soon(diary.reading)
        assert stopped.is_set()
        await far.happened(lambda session: session.closed)
        with pytest.raises(UserError, match="closed"):
            await session.send_message("Hello?")


async def test_a_tool_may_close_the_session_that_runs_it() -> None:
    """
    As an agent does who hangs up.
    """
    sessions: list[RealtimeSession] = []

    @function_tool
    async def hang_up() -> None:
        await sessions[0].close()

    agent = RealtimeAgent[Any]("Ada", tools=[hang_up])
    async with RealtimeServer(acts((calls("hang_up"),))) as server, talk(server, agent) as (session, diary, far):
        sessions.append(session)
        await session.send_message("Bye.")
        await soon(diary.reading)
        await far.happened(lambda session: session.closed)


async def test_a_session_that_cannot_be_opened_leaves_nothing_behind() -> None:
    """
    Whoever enters is told why, and the agent's hands are closed.
    """
    async with RealtimeServer(Behaviour(api_key="sk-right", session_created_delay_ms=NEVER)) as server:
        session = await RealtimeRunner(ADA).run(model_config={"api_key": "sk-wrong", "url": server.url})
        with pytest.raises(PeerError):
            await soon(session.enter())
        with pytest.raises(UserError, match="once"):
            await session.enter()


async def test_one_runner_runs_many_sessions_at_once() -> None:
    """
    Each with a model and a history of its own.
    """
    async with RealtimeServer(acts((says("Good morning."),))) as server:
        runner = RealtimeRunner(ADA)
        config: Any = {"api_key": "k", "url": server.url}
        async with await runner.run(model_config=config) as one, await runner.run(model_config=config) as other:
            diary = Diary(one)
            await one.send_message("Hello.")
            await diary.until(RealtimeAgentEndEvent)
            assert words(one)
            assert not words(other)
        await soon(diary.reading)


async def test_a_session_is_entered_before_it_is_used_and_once() -> None:
    """
    Whoever forgets is told so.
    """
    session = RealtimeSession(Puppet(), ADA)
    with pytest.raises(UserError, match="async with"):
        await anext(session)
    with pytest.raises(UserError, match="async with"):
        await session.send_message("Hello.")
    async with session:
        with pytest.raises(UserError, match="once"):
            await session.enter()


async def test_events_go_to_one_reader() -> None:
    """
    A second one at the same time is told so; one after the other is fine, and nothing is lost in between.
    """
    puppet = Puppet()
    async with RealtimeSession(puppet, ADA) as session:
        first = asyncio.ensure_future(anext(session))
        await asyncio.sleep(0)
        with pytest.raises(UserError, match="one reader"):
            await anext(session)
        first.cancel()
        await asyncio.wait([first])
        await puppet.tell(RealtimeModelTurnStartedEvent("resp_1"))
        assert (await soon(anext(session))).type == "raw_model_event"
        assert (await soon(anext(session))).type == "agent_start"


async def test_audio_that_was_not_read_before_the_caller_cut_in_never_is() -> None:
    """
    All else is.
    """
    puppet = Puppet()
    cut = RealtimeModelAudioInterruptedEvent("item_1", 0)
    async with RealtimeSession(puppet, ADA) as session:
        await puppet.tell(RealtimeModelTurnStartedEvent("resp_1"), audio("item_1"), audio("item_2"), cut)
        await puppet.tell(audio("item_3"), RealtimeModelEndOfStreamEvent())
        told = [event async for event in session if not isinstance(event, RealtimeRawModelEvent)]
        assert [event.type for event in told] == ["agent_start", "audio_interrupted", "audio"]


async def test_a_reader_who_sleeps_costs_no_more_than_so_much(caplog: pytest.LogCaptureFixture) -> None:
    """
    The oldest of what can be missed goes; what happened to the agent is still told, and the operator knows.
    """
    puppet = Puppet()
    async with RealtimeSession(puppet, ADA) as session:
        with caplog.at_level(logging.WARNING):
            await puppet.tell(RealtimeModelTurnStartedEvent("resp_1"), *[audio("item_1")] * WAITING_MAX)
            await puppet.tell(RealtimeModelTurnEndedEvent("resp_1"), RealtimeModelEndOfStreamEvent())
        told = [event.type async for event in session]
        assert len(told) <= WAITING_MAX
        assert [kind for kind in told if kind.startswith("agent")] == ["agent_start", "agent_end"]
        assert len(caplog.records) == 1


async def test_silence_and_errors_are_told() -> None:
    """
    The session goes on after both.
    """
    puppet = Puppet()
    async with RealtimeSession(puppet, ADA) as session:
        diary = Diary(session)
        await puppet.tell(RealtimeModelInputAudioTimeoutTriggeredEvent("item_1", 0, 10), RealtimeModelErrorEvent("odd"))
        await diary.until(RealtimeInputAudioTimeoutTriggered)
        assert (await diary.until(RealtimeError)).error == "odd"
    await soon(diary.reading)


async def test_a_model_that_names_no_responses_is_served_like_any_other() -> None:
    """
    Outputs wait for the end of the response; then the last one asks for the next.
    """

    @function_tool
    async def look_up(q: int) -> str:
        return f"found {q}"

    puppet, agent = Puppet(), RealtimeAgent[Any]("Ada", tools=[look_up])
    both = [RealtimeModelToolCallEvent("look_up", f"call_{q}", f'{{"q": {q}}}') for q in (1, 2)]
    async with RealtimeSession(puppet, agent) as session:
        diary = Diary(session)
        for turn in (1, 2):
            puppet.sent.clear()
            calls_made = [RealtimeModelToolCallEvent(one.name, f"{one.call_id}_{turn}", one.arguments) for one in both]
            await puppet.tell(RealtimeModelTurnStartedEvent(), *calls_made)
            await diary.until(RealtimeToolEnd, times=2 * turn)
            assert puppet.sent == []
            await puppet.tell(RealtimeModelTurnEndedEvent())
            told = [await puppet.next_sent(RealtimeModelSendToolOutput) for _ in both]
            assert [(event.output, event.start_response) for event in told] == [("found 1", False), ("found 2", True)]
    await soon(diary.reading)


async def test_an_agent_can_be_tried_on_a_script() -> None:
    """
    Without a server: its tools run, the caller cuts in, and the history is that of a real conversation.
    """

    @function_tool
    async def book(people: int) -> str:
        return f"booked for {people}"

    long = "Let me tell you about our kitchen, our tables and our opening hours, all of them."
    model = ScriptedRealtimeModel(
        [turn(script_calls("book", {"people": 4})), turn(script_says(long)), turn(script_says("Bye."))]
    )
    runner = RealtimeRunner(RealtimeAgent[Any]("Ada", tools=[book]), model=model, config={"model_settings": PHONE})
    async with await runner.run() as session:
        diary = Diary(session)
        model.hears("A table for four.")
        model.interrupts("Thank you, that will do.", heard_ms=300)
        await diary.until(RealtimeAudioInterrupted)
        assert model.outputs == {"call_1": "booked for 4"}
        await model.settled()
        assert words(session) == [
            ("user", "A table for four."),
            ("assistant", long),
            ("user", "Thank you, that will do."),
            ("assistant", "Bye."),
        ]
    await soon(diary.reading)
