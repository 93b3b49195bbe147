"""Responses: their ladder of events, their pace, and every way in which they end."""

import base64

import pytest

from gateway.sim.realtime import Behaviour, Call, Fail, Reply, Say, Stall, Stop, Turn
from gateway.sim.realtime.formats import PCM24, PCMA, PCMU, AudioFormat
from tests.sim.realtime_script import Json, Script, kinds, only_error, says, silence, tone

SPOKEN_ITEM = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
BEGIN = ["response.created", "rate_limits.updated"]


def in_order(events: list[Json]) -> list[str]:
    """The types of *events* in order of their first appearance."""
    return list(dict.fromkeys(kinds(events)))


def audio_of(events: list[Json], item_id: str) -> bytes:
    """All audio of an item, put together."""
    deltas = (e["delta"] for e in events if e["type"] == "response.output_audio.delta" and e["item_id"] == item_id)
    return b"".join(map(base64.b64decode, deltas))


def replies(*outputs: Say | Call | Fail | Stop, **knobs: object) -> Behaviour:
    """A server whose agent always gives the same reply."""
    knobs = {"first_audio_ms": 500, "keep_events": True, **knobs}
    return Behaviour(reply=lambda turn: outputs, **knobs)  # type: ignore[arg-type]  # any knob at all


def test_ladder_of_a_spoken_answer() -> None:
    """
    An answer climbs its ladder rung by rung, and the sum of its deltas is its audio.
    """
    script = Script(says(1_100)).phone()
    events = script.respond()
    assert in_order(events) == [*BEGIN, *SPOKEN_ITEM, "response.done"]
    item = script.engine.items[0]
    assert audio_of(events, item.id) == tone(1_100) == item.parts[0].generated == item.parts[0].audio
    assert script.of_type("response.output_audio_transcript.done")[0]["transcript"] == "Good morning to you."
    done = script.of_type("response.done")[0]["response"]
    assert (done["status"], done["status_details"], done["output"][0]["id"]) == ("completed", None, item.id)
    assert "audio" not in done["output"][0]["content"][0]


def test_audio_is_paced_by_absolute_deadlines() -> None:
    """
    The first delta comes after the delay, the others follow at five times real time without drift.
    """
    script = Script(says(1_100)).phone()
    script.respond()
    assert script.when("response.output_audio.delta") == pytest.approx([500, 550, 600, 650, 700])
    assert script.when("response.done") == pytest.approx([720])


def test_words_run_ahead_of_the_audio() -> None:
    """
    All words are out before half of the audio is, and the first before any of it.
    """
    script = Script(says(4_000)).phone()
    script.respond()
    words_ms = script.when("response.output_audio_transcript.delta")
    assert words_ms[0] < 500
    assert words_ms[-1] < 500 + 4_000 / 5 / 2
    deltas = script.of_type("response.output_audio_transcript.delta")
    assert "".join(event["delta"] for event in deltas) == "Good morning to you."


def test_a_stall_holds_up_what_lies_behind_it() -> None:
    """
    A stall delays the deltas that begin at its offset or later, and none before.
    """
    script = Script(replies(Say("x", tone(1_000)), stalls=(Stall(at_ms=500, length_ms=900),))).phone()
    script.respond()
    assert script.when("response.output_audio.delta") == pytest.approx([500, 550, 1_500, 1_550])


def test_deltas_may_be_of_any_size() -> None:
    """
    Uneven deltas cut the audio anywhere and lose none of it.
    """
    script = Script(replies(Say("x", tone(1_000)), delta_ms=(100, 333.3, 1_500))).phone()
    events = script.respond()
    lengths = [len(base64.b64decode(e["delta"])) for e in events if e["type"] == "response.output_audio.delta"]
    assert lengths == [800, 2_666, 4_534]


def test_several_items_come_in_playback_order() -> None:
    """
    A response may have several spoken items; each has its own ladder, one behind the other.
    """
    script = Script(says(500, 700, 300)).phone()
    events = script.respond()
    assert [len(item.parts[0].audio) // 8 for item in script.engine.items] == [500, 700, 300]
    assert kinds(events).count("conversation.item.done") == 3
    order = [e["output_index"] for e in events if e["type"] == "response.output_audio.delta"]
    assert order == sorted(order)
    assert script.when("response.output_audio.delta") == pytest.approx([500, 550, 600, 650, 700, 740, 790])


def test_an_item_may_be_closed_after_the_next_has_begun() -> None:
    """
    With overlapping items the audio of the second begins before the first is done.
    """
    script = Script(replies(Say("a", tone(250)), Say("b", tone(250)), overlapping_items=True)).phone()
    marks = [
        (event["type"], event["output_index"])
        for event in script.respond()
        if event["type"] in ("response.output_audio.delta", "response.output_audio.done")
    ]
    delta, done = "response.output_audio.delta", "response.output_audio.done"
    assert marks == [(delta, 0), (delta, 1), (done, 0), (done, 1)]


def test_text_answers_have_the_same_ladder() -> None:
    """
    In the text modality words take the place of audio, and no voice is needed.
    """
    script = Script(replies(Say("Good day to you.")))
    events = script.respond(output_modalities=["text"])
    assert in_order(events) == [
        *BEGIN,
        *SPOKEN_ITEM[:3],
        "response.output_text.delta",
        "response.output_text.done",
        *SPOKEN_ITEM[7:],
        "response.done",
    ]
    assert script.of_type("response.content_part.done")[0]["part"] == {"type": "text", "text": "Good day to you."}
    assert not script.spoken_texts


def test_function_calls_stream_their_arguments() -> None:
    """
    The arguments come in pieces, then whole and with the name; the output of a known call is taken.
    """
    script = Script(replies(Say("One moment.", tone(500)), Call("lookup", {"number": 42}, "call_7"))).phone()
    events = script.respond()
    pieces = [e["delta"] for e in events if e["type"] == "response.function_call_arguments.delta"]
    done = script.of_type("response.function_call_arguments.done")[0]
    assert "".join(pieces) == done["arguments"] == '{"number": 42}'
    assert (done["name"], done["call_id"], done["output_index"]) == ("lookup", "call_7", 1)
    output = {"type": "function_call_output", "call_id": "call_7", "output": "{}"}
    added = script.send("conversation.item.create", item=output)
    assert kinds(added) == ["conversation.item.added", "conversation.item.done"]
    unknown = {**output, "call_id": "call_8"}
    error = only_error(script.send("conversation.item.create", item=unknown))
    assert error["code"] == "invalid_tool_call_id"


def test_the_agent_sees_the_turn_it_answers() -> None:
    """
    A turn shows instructions, memory, what is fresh in it, what tools found, and who asked.
    """
    turns: list[Turn] = []

    def reply(turn: Turn) -> Reply:
        turns.append(turn)
        return (Call("lookup", call_id="call_1"),) if turn.ordinal == 0 else ()

    script = Script(Behaviour(reply=reply))
    tool = {"type": "function", "name": "lookup", "parameters": {}}
    script.send("session.update", session={"type": "realtime", "instructions": "Be kind.", "tools": [tool]})
    script.respond(instructions="Say hello.", metadata={"why": "greeting"})
    output = {"type": "function_call_output", "call_id": "call_1", "output": "found"}
    script.send("conversation.item.create", item=output)
    script.respond()
    first, second = turns
    assert (first.greeting, first.instructions, first.metadata) == (True, "Say hello.", {"why": "greeting"})
    assert (second.ordinal, second.greeting, second.instructions) == (1, False, "Be kind.")
    assert second.tool_outputs == {"call_1": "found"}
    assert second.tools == ("lookup",)
    assert [item["type"] for item in second.items] == ["function_call", "function_call_output"]


def test_receptionist_greets_as_told_and_never_repeats_itself() -> None:
    """
    The agent of the house says what it is told to greet with, then something else each turn.
    """
    script = Script(Behaviour()).phone()
    script.respond(instructions='Greet the caller with: "Hello, this is Bob\'s garage."')
    for _ in range(3):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And?"}]}
        script.send("conversation.item.create", item=item)
        script.respond()
    assert script.spoken_texts[0] == "Hello, this is Bob's garage."
    assert len(set(script.spoken_texts)) == 4


@pytest.mark.parametrize("sound", [PCMU, PCMA, PCM24], ids=lambda sound: sound.name)
def test_audio_comes_in_the_format_of_the_session(sound: AudioFormat) -> None:
    """
    Whatever the format, the audio lasts as long and is as loud.
    """
    script = Script(says(1_000))
    form = {"type": sound.name} | ({"rate": 24000} if sound is PCM24 else {})
    script.send("session.update", session={"type": "realtime", "audio": {"output": {"format": form}}})
    script.respond()
    audio = bytes(script.engine.items[0].parts[0].generated)
    assert sound.length_ms(len(audio)) == script.engine.items[0].parts[0].generated_ms == 1_000
    assert sound.rms(audio) == pytest.approx(PCMU.rms(tone(1_000)), rel=0.02)


def test_a_second_answer_is_refused_while_one_runs() -> None:
    """
    Only one response runs in the conversation; the refusal names it, and nothing else follows.
    """
    script = Script(says(2_000)).phone()
    script.send("response.create")
    script.run(600)
    running = script.of_type("response.created")[0]["response"]["id"]
    error = only_error(script.send("response.create", event_id="again"))
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "again")
    assert running in error["message"]
    script.run(10_000)
    assert len(script.of_type("response.done")) == 1


def test_out_of_band_answers_stay_outside() -> None:
    """
    An out-of-band response runs beside the other, has no conversation, and leaves no item.
    """
    script = Script(says(2_000)).phone()
    script.send("response.create")
    script.run(600)
    script.send("response.create", response={"conversation": "none", "metadata": {"topic": "note"}, "input": []})
    script.run(10_000)
    inside, outside = (event["response"] for event in script.of_type("response.done"))
    assert (outside["conversation_id"], outside["metadata"]) == (None, {"topic": "note"})
    assert inside["conversation_id"] is not None
    assert len(script.of_type("conversation.item.added")) == 1
    assert len(script.engine.items) == 1


def test_cancel_closes_everything_that_is_open() -> None:
    """
    A cancelled response still climbs down: items incomplete, the transcript so far, then done.
    """
    script = Script(says(3_000)).phone()
    script.send("response.create")
    script.run(620)
    events = script.send("response.cancel")
    assert kinds(events) == [*SPOKEN_ITEM[5:], "response.done"]
    done = events[-1]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"][0]["status"] == "incomplete"
    assert script.engine.items[0].parts[0].generated_ms == 750
    assert script.run(10_000) == []
    assert only_error(script.send("response.cancel"))["code"] == "response_cancel_not_active"


def test_cancel_by_id_reaches_out_of_band_answers() -> None:
    """
    The one that is named is cancelled, and no other.
    """
    script = Script(says(3_000)).phone()
    script.send("response.create", response={"conversation": "none"})
    outside = script.of_type("response.created")[0]["response"]["id"]
    script.send("response.create")
    script.send("response.cancel", response_id=outside)
    script.run(10_000)
    ends = {event["response"]["id"]: event["response"]["status"] for event in script.of_type("response.done")}
    assert ends.pop(outside) == "cancelled"
    assert list(ends.values()) == ["completed"]


@pytest.mark.parametrize("leaked", [0, 1, 2])
def test_deltas_under_way_still_come_after_an_interruption(leaked: int) -> None:
    """
    The caller interrupts: speech_started, what was under way, the way down, cancelled by the turn.
    """
    behaviour = replies(Say("word " * 20, tone(60_000)), leaked_deltas=leaked)
    script = Script(behaviour).phone()
    script.send("response.create")
    script.run(1_000)
    events = script.caller(tone(200))
    start = kinds(events).index("input_audio_buffer.speech_started")
    after = events[[e["type"] for e in events].index("input_audio_buffer.speech_started") :]
    assert sum(event["type"] == "response.output_audio.delta" for event in after) == leaked
    assert kinds(events)[start:][-1] == "response.done"
    details = script.of_type("response.done")[0]["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "turn_detected"}


def test_generation_may_go_on_for_a_while() -> None:
    """
    With a lag the response is generated on after speech_started, and a truncation can overtake its end.
    """
    script = Script(replies(Say("x", tone(60_000)), interrupt_lag_ms=300, leaked_deltas=0)).phone()
    script.send("response.create")
    script.run(1_000)
    script.caller(tone(120))
    assert script.of_type("input_audio_buffer.speech_started")
    item = script.engine.items[0]
    script.send("conversation.item.truncate", item_id=item.id, content_index=0, audio_end_ms=10)
    assert script.of_type("conversation.item.truncated")
    assert not script.of_type("response.done")
    script.caller(silence(400))
    assert script.of_type("response.done")[0]["response"]["status"] == "cancelled"
    assert (item.parts[0].audio_ms, item.parts[0].generated_ms > 2_000) == (10, True)


def test_a_finished_answer_is_not_interrupted() -> None:
    """
    Once generation is over, the caller's speech is all that the client is told.
    """
    script = Script(says(2_000)).phone()
    script.respond()
    assert kinds(script.caller(tone(200))) == ["input_audio_buffer.speech_started"]


def test_out_of_band_answers_are_not_interrupted() -> None:
    """
    The caller's speech stops only what belongs to the conversation.
    """
    script = Script(says(10_000)).phone()
    script.send("response.create", response={"conversation": "none"})
    script.caller(tone(600))
    assert not script.of_type("response.done")


def test_failed_answers_say_why_in_response_done() -> None:
    """
    A failure has no error event; it is in response.done, with what had been said before.
    """
    behaviour = replies(Say("So", tone(300)), Fail("rate_limit_exceeded", "Slow down.", "rate_limit_error"))
    script = Script(behaviour).phone()
    events = script.respond()
    done = events[-1]["response"]
    error = {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Slow down."}
    assert (done["status"], done["status_details"]) == ("failed", {"type": "failed", "error": error})
    assert len(done["output"]) == 1
    assert not script.of_type("error")


def test_answers_may_be_cut_off() -> None:
    """
    An incomplete response says what cut it off.
    """
    script = Script(replies(Say("So", tone(300)), Stop("max_output_tokens"))).phone()
    done = script.respond()[-1]["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}


def test_a_voice_that_fails_fails_the_answer() -> None:
    """
    Without audio there is no answer, and the client learns that the server is to blame.
    """
    script = Script(Behaviour(reply=lambda turn: (Say("Hello."),))).phone()
    script.voice_fails = True
    done = script.respond()[-1]["response"]
    assert (done["status"], done["output"]) == ("failed", [])
    assert done["status_details"]["error"]["type"] == "server_error"


def test_usage_follows_the_token_rates() -> None:
    """
    A second of the agent is 20 tokens, a second of the caller 10, and the context is read anew each turn.
    """
    script = Script(says(1_000)).phone(turn_detection=None)
    first = script.respond()[-1]["response"]["usage"]
    assert first["output_token_details"] == {"text_tokens": 5, "audio_tokens": 20}
    script.caller(silence(2_000))
    script.send("input_audio_buffer.commit")
    second = script.respond()[-1]["response"]["usage"]
    assert second["input_token_details"]["audio_tokens"] == 20 + 20
    assert second["total_tokens"] == second["input_tokens"] + second["output_tokens"]
    assert second["input_tokens"] > first["input_tokens"]
    assert second["input_token_details"]["cached_tokens"] <= first["input_tokens"]


def test_a_closed_list_of_items_is_all_the_agent_sees() -> None:
    """
    `input` takes the place of the conversation; it may refer to items by name.
    """
    turns: list[Turn] = []

    def reply(turn: Turn) -> Reply:
        turns.append(turn)
        return (Say("Yes.", tone(100)),)

    script = Script(Behaviour(reply=reply, keep_events=True)).phone()
    script.respond()
    script.respond()
    known = script.engine.items[0].id
    script.respond(input=[{"type": "item_reference", "id": known}])
    assert [item["id"] for item in turns[-1].items] == [known]
    missing = [{"type": "item_reference", "id": "item_none"}]
    error = only_error(script.send("response.create", response={"input": missing}))
    assert (error["code"], error["param"]) == ("invalid_value", "response.input")
