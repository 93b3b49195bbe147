"""A scripted model is what its users would meet, and their tests can count on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from gateway.errors import PeerError
from gateway.realtime import (
    GuardrailFunctionOutput,
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelConfig,
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelListener,
    RealtimeModelRawServerEvent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimePlaybackTracker,
    RealtimeRunConfig,
    RealtimeRunner,
    RealtimeSessionModelSettings,
    UserError,
    function_tool,
    output_guardrail,
)
from gateway.realtime.scripted import ScriptedRealtimeModel, ScriptedTurn, ScriptError, calls, fails, says, turn
from gateway.sim.realtime import Behaviour, RealtimeServer
from tests.realtime.ear import Ear, connected
from tests.realtime.test_conversations import PHONE, speak
from tests.sim.realtime_script import silence, tone

GREETING, LONG = "Good morning.", "Let me tell you all about our opening hours, our tables and our kitchen."
BOOKING = calls("book_table", {"people": 4})
HELLO = RealtimeModelSendUserInput("Hello.")


class Waiter(RealtimeModelListener):
    """Runs the tool, in a task of its own, as whoever runs agents does."""

    def __init__(self, model: ScriptedRealtimeModel | OpenAIRealtimeWebSocketModel) -> None:
        self._model = model
        self._tasks: set[asyncio.Task[None]] = set()

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Answer a call."""
        if isinstance(event, RealtimeModelToolCallEvent):
            self._tasks.add(asyncio.create_task(self._answer(event)))

    async def _answer(self, call: RealtimeModelToolCallEvent) -> None:
        await asyncio.to_thread(json.loads, call.arguments)
        await self._model.send_event(RealtimeModelSendToolOutput(call, '{"booked": true}', start_response=True))


@asynccontextmanager
async def rehearsed(
    turns: Iterable[ScriptedTurn],
    settings: RealtimeSessionModelSettings | None = None,
    *,
    speed: float = 1000.0,
    **options: object,
) -> AsyncIterator[tuple[ScriptedRealtimeModel, Ear]]:
    """A scripted model that is connected, and who listens to it."""
    model, ear = ScriptedRealtimeModel(turns, speed=speed), Ear()
    model.add_listener(ear)
    await model.connect(cast("RealtimeModelConfig", {"initial_model_settings": settings or {}, **options}))
    try:
        yield model, ear
    finally:
        await model.close()


def words(ear: Ear) -> str:
    """All that the agent said."""
    return "".join(event.delta for event in ear.all(RealtimeModelTranscriptDeltaEvent))


PIECES = {"audio", "transcript_delta", "response.output_audio.delta", "response.output_audio_transcript.delta"}


def in_order(kinds: Iterable[str]) -> list[str]:
    """What was told, however many pieces speech came in."""
    told: list[str] = []
    since: set[str] = set()
    for kind in kinds:
        since = since if kind in PIECES else set()
        told += [] if kind in since else [kind]
        since.add(kind)
    return told


def events_in_order(ear: Ear) -> list[str]:
    """The events that a model told."""
    return in_order(event.type for event in ear.events if event.type != "raw_server_event")


def messages_in_order(ear: Ear) -> list[str]:
    """The messages that a server sent."""
    return in_order(event.data["type"] for event in ear.all(RealtimeModelRawServerEvent))


async def test_a_conversation_runs_by_itself() -> None:
    """
    The agent speaks, the caller answers, a tool is run and told of: nothing is waited for but `settled`.
    """
    script = [turn(says(GREETING)), turn(BOOKING), turn(says("Booked."))]
    async with rehearsed(script, PHONE) as (model, ear):
        model.add_listener(Waiter(model))
        await model.send_event(HELLO)
        model.hears("A table for four, please.")
        await model.settled()
        assert words(ear) == f"{GREETING}Booked."
        assert json.loads(model.outputs["call_1"]) == {"booked": True}
        said = ear.all(RealtimeModelInputAudioTranscriptionCompletedEvent)
        assert [event.transcript for event in said] == ["A table for four, please."]
        assert [type(event) for event in model.sent] == [RealtimeModelSendUserInput, RealtimeModelSendToolOutput]
        assert model.turns_left == 0
        assert model.truncations == []
        assert ear.all(RealtimeModelErrorEvent) == []


TOLD_BY_A_SERVER = [turn(says(LONG)), turn(BOOKING), turn(says("Booked."))]


async def scripted_conversation(*, speed: float, cuts_in_early: bool) -> Ear:
    """What is told of it by a scripted model."""
    async with rehearsed(TOLD_BY_A_SERVER, PHONE, speed=speed) as (model, ear):
        model.add_listener(Waiter(model))
        await model.send_event(HELLO)
        if not cuts_in_early:
            await model.settled()
        model.interrupts("A table.", heard_ms=100)
        await model.settled()
        return ear


async def conversation_with_a_server(*, speed: float, cuts_in_early: bool) -> Ear:
    """What is told of the same by a model with a server behind a socket."""
    behaviour = Behaviour(reply=lambda asked: TOLD_BY_A_SERVER[asked.ordinal], speed=speed)
    async with RealtimeServer(behaviour) as server, connected(server, PHONE) as (model, ear, session):
        model.add_listener(Waiter(model))
        await model.send_event(HELLO)
        await (ear.until(RealtimeModelAudioEvent) if cuts_in_early else ear.until(RealtimeModelTurnEndedEvent))
        await speak(model, tone(600))
        await session.happened(lambda session: session.truncations)
        await speak(model, silence(600))
        await ear.until(RealtimeModelTranscriptDeltaEvent, lambda event: event.delta == "Booked.")
        last = ear.all(RealtimeModelTranscriptDeltaEvent)[-1].response_id
        await ear.until(RealtimeModelTurnEndedEvent, lambda ended: ended.response_id == last)
        return ear


@pytest.mark.parametrize(("speed", "cuts_in_early"), [(50, False), (3, True)], ids=["made", "being made"])
async def test_what_is_told_is_what_a_server_would_have_told(speed: float, cuts_in_early: bool) -> None:
    """
    An answer that is cut off, made whole or not, a tool and another answer: the same events, raw ones too, in order.
    """
    scripted = await scripted_conversation(speed=speed, cuts_in_early=cuts_in_early)
    served = await conversation_with_a_server(speed=speed, cuts_in_early=cuts_in_early)
    assert events_in_order(scripted) == events_in_order(served)
    assert messages_in_order(scripted) == messages_in_order(served)


async def test_the_memory_is_cut_at_what_was_heard() -> None:
    """
    At that very ms, whether the answer was made already or was not asked for yet.
    """
    async with rehearsed([turn(says(LONG)), turn(says(LONG)), turn()], PHONE) as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        model.interrupts(heard_ms=750)
        model.interrupts("No.", heard_ms=320)
        await model.settled()
        cuts = [(cut.audio_end_ms, cut.outcome) for cut in model.truncations]
        assert cuts == [(750, "accepted"), (320, "accepted")]
        assert len(ear.all(RealtimeModelAudioInterruptedEvent)) == 2


async def test_a_tracker_knows_better_what_was_heard() -> None:
    """
    It is asked instead of the clock.
    """
    tracker = RealtimePlaybackTracker()
    async with rehearsed([turn(says(LONG)), turn()], PHONE, playback_tracker=tracker) as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        tracker.on_play_ms(ear.all(RealtimeModelAudioEvent)[0].item_id, 0, 440)
        model.interrupts(heard_ms=1000)
        await model.settled()
        assert [cut.audio_end_ms for cut in model.truncations] == [440]


async def test_an_answer_that_is_being_made_is_cancelled() -> None:
    """
    Where it is made not much faster than it is spoken; the words behind it were never said.
    """
    async with rehearsed([turn(says(LONG)), turn()], PHONE, speed=1.5) as (model, ear):
        await model.send_event(HELLO)
        model.interrupts(heard_ms=500)
        await model.settled()
        done = [event.data for event in ear.all(RealtimeModelRawServerEvent) if event.data["type"] == "response.done"]
        assert done[0]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert LONG.startswith(words(ear))
        assert words(ear) != LONG


class Guard(RealtimeModelListener):
    """Cuts the agent off at a word, after a thought."""

    def __init__(self, model: ScriptedRealtimeModel, word: str) -> None:
        self._model, self._word = model, word
        self._task: asyncio.Task[None] | None = None

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """Listen for the word."""
        if isinstance(event, RealtimeModelTranscriptDeltaEvent) and self._word in event.delta:
            self._task = asyncio.create_task(self._cut())

    async def _cut(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        await self._model.send_event(RealtimeModelSendInterrupt(force_response_cancel=True))


async def test_time_waits_for_listeners_and_what_they_set_going() -> None:
    """
    Nothing is told in between: whoever cuts the agent off at a word does so at that word.
    """
    async with rehearsed([turn(says(LONG))], PHONE, speed=1.0) as (model, ear):
        model.add_listener(Guard(model, "opening"))
        await model.send_event(HELLO)
        await model.settled()
        assert words(ear).split()[-1] == "opening"


async def test_a_polite_caller_waits() -> None:
    """
    Each turn is begun when the one before was answered and heard: nothing is cut.
    """
    async with rehearsed([turn(says(LONG)), turn(says(LONG)), turn(says(GREETING))], PHONE) as (model, ear):
        for said in ("One.", "Two.", "Three."):
            model.hears(said)
        await model.settled()
        heard = ear.all(RealtimeModelInputAudioTranscriptionCompletedEvent)
        assert [event.transcript for event in heard] == ["One.", "Two.", "Three."]
        assert words(ear) == LONG + LONG + GREETING
        assert model.truncations == []


async def test_a_caller_is_written_down_only_where_that_was_asked_for() -> None:
    """
    As with a server; the turn is answered all the same.
    """
    async with rehearsed([turn(says(GREETING))]) as (model, ear):
        model.hears("Hello?")
        await model.settled()
        assert ear.all(RealtimeModelInputAudioTranscriptionCompletedEvent) == []
        assert words(ear) == GREETING


async def test_a_turn_that_nobody_ends_is_committed_by_the_agent() -> None:
    """
    Without turn detection the server does nothing by itself.
    """
    manual: RealtimeSessionModelSettings = {**PHONE, "turn_detection": None}
    async with rehearsed([], manual) as (model, ear):
        model.hears("Press and hold")
        model.hears("to talk.")
        await model.settled()
        await model.send_event(RealtimeModelSendAudio(b"", commit=True))
        await model.settled()
        said = ear.all(RealtimeModelInputAudioTranscriptionCompletedEvent)
        assert [event.transcript for event in said] == ["Press and hold to talk."]


async def test_the_settings_are_those_that_are_in_force() -> None:
    """
    What was changed has changed, and nothing else; what a server would refuse is refused.
    """
    async with rehearsed([], {"instructions": "Be brief.", "model_name": "gpt-realtime-2"}) as (model, ear):
        await model.send_event(RealtimeModelSendSessionUpdate({"tools": [{"type": "function", "name": "book_table"}]}))
        assert model.settings["model"] == "gpt-realtime-2"
        assert model.settings["instructions"] == "Be brief."
        assert [tool["name"] for tool in model.settings["tools"]] == ["book_table"]
        await model.send_event(RealtimeModelSendSessionUpdate({"speed": 9.0}))
        await model.settled()
        assert ear.all(RealtimeModelErrorEvent)[0].error.param == "session.audio.output.speed"
        assert model.settings["audio"]["output"]["speed"] == 1.0


@pytest.mark.parametrize(("name", "bytes_per_ms"), [("g711_ulaw", 8), ("g711_alaw", 8), ("pcm16", 48)])
async def test_speech_comes_in_the_format_of_the_session(name: str, bytes_per_ms: int) -> None:
    """
    However it was given; in the phone's own format it is the same to the byte.
    """
    async with rehearsed([turn(says("Beep.", tone(300)))], {"output_audio_format": name}) as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        audio = b"".join(event.data for event in ear.all(RealtimeModelAudioEvent))
        assert len(audio) == 300 * bytes_per_ms
        assert (audio == tone(300)) == (name == "g711_ulaw")


async def test_an_answer_may_depend_on_what_was_asked() -> None:
    """
    On what the tools have said, for one.
    """
    script: list[ScriptedTurn] = [
        turn(calls("count")),
        lambda asked: turn(says(f"It is {asked.tool_outputs['call_1']}.")),
    ]
    async with rehearsed(script) as (model, ear):
        await model.send_event(HELLO)
        await model.settled(answered=False)
        call = ear.all(RealtimeModelToolCallEvent)[0]
        await model.send_event(RealtimeModelSendToolOutput(call, "seven", start_response=True))
        await model.settled()
        assert words(ear) == "It is seven."


async def test_a_response_may_fail() -> None:
    """
    The agent is told, and may ask again.
    """
    async with rehearsed([turn(fails("No quota.", code="insufficient_quota")), turn(says(GREETING))]) as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        assert ear.all(RealtimeModelErrorEvent)[0].error.code == "insufficient_quota"
        await model.send_event(HELLO)
        await model.settled()
        assert words(ear) == GREETING


async def test_a_script_that_has_run_out_fails_the_test() -> None:
    """
    It says at which turn, to whoever waits and to whoever listens; the session goes on.
    """
    async with rehearsed([turn(says(GREETING))]) as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        await model.send_event(HELLO)
        with pytest.raises(AssertionError, match="turn 2, and its script has 1"):
            await model.settled()
        told = await ear.until(RealtimeModelExceptionEvent)
        assert isinstance(told.exception, ScriptError)
        assert isinstance(told.exception, UserError)


async def test_a_mistake_in_a_script_fails_the_test(caplog: pytest.LogCaptureFixture) -> None:
    """
    Whoever sends what leads to it is told, or whoever waits.
    """

    def broken(asked: object) -> tuple[()]:
        raise LookupError("no such line")

    async with rehearsed([broken]) as (model, _):
        model.hears("Hello?")
        with pytest.raises(LookupError, match="no such line"):
            await model.settled()
    assert "broke off" in caplog.text


async def test_a_caller_cannot_cut_in_on_what_is_not_said() -> None:
    """
    The test is told, rather than left waiting.
    """
    async with rehearsed([turn(says("Yes."))]) as (model, _):
        await model.send_event(HELLO)
        model.interrupts(heard_ms=5000)
        with pytest.raises(ScriptError, match="cut in after 5000 ms"):
            await model.settled()


async def test_a_call_that_nobody_answers_is_named() -> None:
    """
    With its tool.
    """
    async with rehearsed([turn(BOOKING)]) as (model, _):
        await model.send_event(HELLO)
        with pytest.raises(ScriptError, match="call_1 of book_table"):
            await model.settled(timeout_s=0.05)


@pytest.mark.parametrize(
    ("error", "kinds"),
    [(None, ["connection_status", "end_of_stream"]), (OSError("cable"), ["connection_status", "exception"])],
)
async def test_a_session_may_end(error: Exception | None, kinds: list[str]) -> None:
    """
    In good order or not, and then nothing can be asked for until the model is connected again.
    """
    async with rehearsed([turn(says(GREETING))]) as (model, ear):
        model.ends(error)
        await model.settled()
        assert list(dict.fromkeys(ear.kinds)) == kinds
        with pytest.raises(PeerError, match="ended the session"):
            await model.send_event(HELLO)
        await model.connect({})
        await model.send_event(HELLO)
        await model.settled()
        assert words(ear) == GREETING
        assert len(ear.all(RealtimeModelEndOfStreamEvent)) == (error is None)


async def test_an_end_is_told_although_another_session_follows_at_once() -> None:
    """
    First the end of the one, then the beginning of the other.
    """
    async with rehearsed([turn(says(GREETING))]) as (model, ear):
        model.ends()
        await model.connect({})
        await model.send_event(HELLO)
        await model.settled()
        statuses = [event.status for event in ear.all(RealtimeModelConnectionStatusEvent)]
        assert statuses == ["connecting", "connected", "disconnected", "connecting", "connected"]
        assert words(ear) == GREETING


async def test_a_model_that_was_closed_goes_on_with_its_next_turn() -> None:
    """
    In a session that knows nothing of the first; nothing is told in between.
    """
    async with rehearsed([turn(says(LONG)), turn(says(GREETING))]) as (model, ear):
        await model.send_event(HELLO)
        await model.close()
        await model.close()
        assert ear.events == []
        with pytest.raises(UserError, match="connect first"):
            await model.send_event(HELLO)
        await model.connect({})
        with pytest.raises(UserError, match="already"):
            await model.connect({})
        model.remove_listener(ear)
        await model.send_event(HELLO)
        await model.settled()
        assert (ear.events, model.turns_left) == ([], 0)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"call_id": "rtc_1"}, "call_id"), ({"initial_model_settings": {"voise": "marin"}}, "voise")],
)
async def test_what_cannot_work_is_said(options: dict[str, object], named: str) -> None:
    """
    Before anything is told.
    """
    model = ScriptedRealtimeModel([])
    with pytest.raises(UserError, match="connect first"):
        await model.settled()
    with pytest.raises(UserError, match=named):
        await model.connect(cast("RealtimeModelConfig", options))


async def test_the_older_dialect_is_spoken_too() -> None:
    """
    Where it was chosen.
    """
    async with rehearsed([turn(says(GREETING))], PHONE, dialect="beta") as (model, ear):
        await model.send_event(HELLO)
        await model.settled()
        assert words(ear) == GREETING
        assert "response.audio.delta" in [event.data["type"] for event in ear.all(RealtimeModelRawServerEvent)]


@function_tool
def book_table(people: int) -> str:
    """Book a table."""
    return f"booked for {people}"


@output_guardrail
async def no_discounts(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
    """Nobody has anything to give away."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="discount" in output)


KITCHEN = RealtimeAgent[None](name="kitchen", instructions="You know the menu.", output_guardrails=[no_discounts])
WAITER = RealtimeAgent[None](
    name="waiter", instructions="You take bookings.", tools=[book_table], handoffs=[KITCHEN.clone()]
)


async def test_agents_are_tested_with_it() -> None:
    """
    A tool, a handoff and a guardrail, in one conversation that takes no time.
    """
    model = ScriptedRealtimeModel(
        [
            turn(calls("book_table", {"people": 4})),
            turn(says("Booked.")),
            turn(calls("transfer_to_kitchen")),
            turn(says("I can give you a discount on every single dish that we have on our menu today.")),
            turn(says("I am sorry, I cannot.")),
        ],
        speed=1.0,
    )
    run_config: RealtimeRunConfig = {"guardrails_settings": {"debounce_text_length": 1}}
    runner = RealtimeRunner(WAITER, model=model, config=run_config)
    async with await runner.run() as session:
        await session.send_message("A table for four.")
        await model.settled()
        assert model.outputs["call_1"] == "booked for 4"
        assert {tool["name"] for tool in model.settings["tools"]} == {"book_table", "transfer_to_kitchen"}
        model.hears("What is there to eat?")
        await model.settled()
        assert session.agent.name == "kitchen"
        assert model.settings["instructions"] == "You know the menu."
        assert [type(event) for event in model.sent].count(RealtimeModelSendInterrupt) == 1
        assert model.truncations != []
        assert model.turns_left == 0
