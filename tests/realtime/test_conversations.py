"""A conversation without a phone, with a server of either dialect."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.realtime import (
    AssistantAudio,
    AssistantMessageItem,
    OpenAIRealtimeSIPModel,
    OpenAIRealtimeWebSocketModel,
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelSendAudio,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelUsageEvent,
    RealtimePlaybackTracker,
    RealtimeSessionModelSettings,
)
from gateway.sim.realtime import Behaviour, Call, RealtimeServer, Reply, Say, Turn
from tests.realtime.ear import connected
from tests.sim.realtime_script import silence, tone

WORDS = "Good morning to you."
PHONE: RealtimeSessionModelSettings = {
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": True},
}
PCMU = {"format": {"type": "audio/pcmu"}}
FRAME_BYTES = 160


def says(*lengths_ms: int, **knobs: object) -> Behaviour:
    """A server whose agent says one item of each length."""
    reply = tuple(Say(WORDS, tone(length_ms)) for length_ms in lengths_ms)
    return Behaviour(reply=lambda turn: reply, first_audio_ms=20, **knobs)  # type: ignore[arg-type]  # any knob


def frames(audio: bytes) -> Iterator[bytes]:
    """Audio as it comes from a phone."""
    return (audio[start : start + FRAME_BYTES] for start in range(0, len(audio), FRAME_BYTES))


async def speak(model: OpenAIRealtimeWebSocketModel, audio: bytes) -> None:
    """The caller is heard."""
    for frame in frames(audio):
        await model.send_event(RealtimeModelSendAudio(frame))


@pytest.mark.parametrize(
    ("dialect", "chosen"),
    [("ga", {}), ("ga", {"dialect": "ga"}), ("beta", {}), ("beta", {"dialect": "beta"})],
)
async def test_a_written_turn_is_answered_aloud(dialect: str, chosen: dict[str, Any]) -> None:
    """
    Words, sound and the item come, in either dialect, chosen or found out; the turn has a beginning, a cost and an end.
    """
    async with (
        RealtimeServer(says(600, dialect=dialect)) as server,
        connected(server, PHONE, **chosen) as (model, ear, session),
    ):
        assert session.config["audio"]["output"]["format"] == {"type": "audio/pcmu"}
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        await ear.until(RealtimeModelTurnEndedEvent)
        assert ear.kinds.count("turn_started") == 1
        assert "".join(event.delta for event in ear.all(RealtimeModelTranscriptDeltaEvent)) == WORDS
        assert b"".join(event.data for event in ear.all(RealtimeModelAudioEvent)) == tone(600)
        assert len(ear.all(RealtimeModelAudioDoneEvent)) == len(ear.all(RealtimeModelUsageEvent)) == 1
        item = ear.all(RealtimeModelItemUpdatedEvent)[-1].item
        assert isinstance(item, AssistantMessageItem)
        assert (item.status, item.content) == ("completed", (AssistantAudio(None, WORDS),))
        assert ear.all(RealtimeModelErrorEvent) == []


async def test_an_answer_may_be_written() -> None:
    """
    Where that was asked for.
    """
    async with RealtimeServer(says(100)) as server, connected(server, {"modalities": ["text"]}) as (model, ear, _):
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        await ear.until(RealtimeModelTurnEndedEvent)
        assert "".join(event.delta for event in ear.all(RealtimeModelOutputTextDeltaEvent)) == WORDS


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_spoken_turn_is_written_down_and_answered(dialect: str) -> None:
    """
    Nobody asks for the answer: the server ends the turn.
    """
    async with RealtimeServer(says(200, dialect=dialect)) as server, connected(server, PHONE) as (model, ear, session):
        await speak(model, tone(600) + silence(600))
        await ear.until(RealtimeModelTurnEndedEvent)
        said = await ear.until(RealtimeModelInputAudioTranscriptionCompletedEvent)
        assert said.transcript == "(caller, turn 1)"
        assert "response.create" not in [event.type for event in session.received]


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_caller_who_cuts_in_is_not_talked_over(dialect: str) -> None:
    """
    The agent's memory is cut at what was played, items behind it at nothing, and the server takes it.
    """
    tracker = RealtimePlaybackTracker()
    behaviour = says(3000, 3000, dialect=dialect, speed=50)
    async with (
        RealtimeServer(behaviour) as server,
        connected(server, PHONE, playback_tracker=tracker) as (model, ear, session),
    ):
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        await ear.until(RealtimeModelTurnEndedEvent)
        first = ear.all(RealtimeModelAudioEvent)[0]
        tracker.on_play_bytes(first.item_id, first.content_index, first.data[:1600])
        await speak(model, tone(400))
        await ear.until(RealtimeModelAudioInterruptedEvent)
        await session.happened(lambda session: len(session.truncations) == 2)
        cuts = [(cut.audio_end_ms, cut.outcome) for cut in session.truncations]
        assert cuts == [(200, "accepted"), (0, "accepted")]
        assert ear.all(RealtimeModelErrorEvent) == []
        assert "response.cancel" not in [event.type for event in session.received]


async def test_a_user_who_interrupts_by_force_stops_the_answer() -> None:
    """
    It is cancelled and cut; the session goes on, and the next turn is answered.
    """
    async with RealtimeServer(says(8000, speed=2)) as server, connected(server, PHONE) as (model, ear, session):
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        await ear.until(RealtimeModelAudioEvent)
        await model.send_event(RealtimeModelSendInterrupt(force_response_cancel=True))
        ended = await ear.until(RealtimeModelTurnEndedEvent)
        await session.happened(lambda session: session.truncations)
        assert session.truncations[0].outcome == "accepted"
        await model.send_event(RealtimeModelSendUserInput("Go on."))
        await ear.until(RealtimeModelAudioEvent, lambda event: event.response_id != ended.response_id)


async def test_tools_are_run_and_answered_once() -> None:
    """
    Two calls of one turn, two outputs, one answer.
    """

    def reply(turn: Turn) -> Reply:
        if turn.tool_outputs:
            return (Say(" and ".join(turn.tool_outputs.values()), tone(100)),)
        return Call("lookup", {"q": 1}, "call_1"), Call("lookup", {"q": 2}, "call_2")

    behaviour = Behaviour(reply=reply, first_audio_ms=20)
    async with RealtimeServer(behaviour) as server, connected(server, PHONE) as (model, ear, session):
        await model.send_event(RealtimeModelSendUserInput("Look it up."))
        await ear.until(RealtimeModelToolCallEvent, lambda call: call.call_id == "call_2")
        first, last = ear.all(RealtimeModelToolCallEvent)
        await model.send_event(RealtimeModelSendToolOutput(first, "this", start_response=False))
        await model.send_event(RealtimeModelSendToolOutput(last, "that", start_response=True))
        await ear.until(RealtimeModelAudioDoneEvent)
        assert "".join(event.delta for event in ear.all(RealtimeModelTranscriptDeltaEvent)) == "this and that"
        assert [event.type for event in session.received].count("response.create") == 2
        assert ear.all(RealtimeModelErrorEvent) == []


async def test_a_session_can_be_changed_and_an_item_deleted() -> None:
    """
    An update leaves the formats alone; whatever the API offers can be sent raw.
    """
    async with RealtimeServer(says(100)) as server, connected(server, PHONE) as (model, ear, session):
        await model.send_event(RealtimeModelSendSessionUpdate({"instructions": "Be brief."}))
        await session.happened(lambda session: session.config["instructions"] == "Be brief.")
        assert session.config["audio"]["input"]["format"] == {"type": "audio/pcmu"}
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        updated = await ear.until(RealtimeModelItemUpdatedEvent)
        delete = {"item_id": updated.item.item_id}
        await model.send_event(RealtimeModelSendRawMessage({"type": "conversation.item.delete", "other_data": delete}))
        assert await ear.until(RealtimeModelItemDeletedEvent) == RealtimeModelItemDeletedEvent(updated.item.item_id)


async def test_a_call_that_came_by_sip_keeps_its_formats_and_is_cut_by_its_server() -> None:
    """
    Attached, the model says what it says without a format, and truncates nothing.
    """
    async with RealtimeServer(says(3000)) as server:
        server.add_call("rtc_1", {"audio": {"input": PCMU, "output": {"format": {"type": "audio/pcma"}}}})
        async with connected(server, PHONE, model=OpenAIRealtimeSIPModel(), call_id="rtc_1") as (model, ear, session):
            assert session.config["audio"]["output"]["format"] == {"type": "audio/pcma"}
            await model.send_event(RealtimeModelSendRawMessage({"type": "response.create"}))
            await ear.until(RealtimeModelRawServerEvent, lambda raw: raw.data["type"] == "output_audio_buffer.started")
            session.hear(tone(400))
            await ear.until(RealtimeModelAudioInterruptedEvent)
            assert "conversation.item.truncate" not in [event.type for event in session.received]
            assert ear.all(RealtimeModelErrorEvent) == []


async def test_much_audio_is_sent_as_fast_as_the_server_takes_it() -> None:
    """
    Ten minutes at once: no byte is lost, and nobody is let go for being slow.
    """
    audio = bytes(8 * 600_000)
    manual: RealtimeSessionModelSettings = {"input_audio_format": "g711_ulaw", "turn_detection": None}
    async with RealtimeServer(says(100)) as server, connected(server, manual) as (model, _, session):
        await model.send_event(RealtimeModelSendAudio(audio, commit=True))
        await session.happened(lambda session: session.appended_bytes == len(audio))


@pytest.mark.parametrize(
    "knobs",
    [
        {"unknown_events": True},
        {"malformed_once": True},
        {"duplicate_every": 2},
        {"late_deltas": 2},
        {"response_created": False},
    ],
)
async def test_a_server_that_misbehaves_is_survived(knobs: dict[str, object]) -> None:
    """
    What is strange, broken, double, late or missing costs no turn.
    """
    async with RealtimeServer(says(1000, **knobs)) as server, connected(server, PHONE) as (model, ear, _):
        await model.send_event(RealtimeModelSendUserInput("Hello."))
        first = await ear.until(RealtimeModelTurnEndedEvent)
        await model.send_event(RealtimeModelSendUserInput("Go on."))
        await ear.until(RealtimeModelTurnEndedEvent, lambda ended: ended.response_id != first.response_id)
