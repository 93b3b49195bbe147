"""The session object: what an update may say, and that it is carried out as a whole or not at all."""

import json

import pytest

from gateway.sim.realtime import NEVER, Behaviour
from gateway.sim.realtime.commands import Close
from tests.sim.realtime_script import PHONE, Json, Script, only_error, says, tone


def test_server_speaks_first() -> None:
    """
    The first event is session.created, and it shows a whole session in its defaults.
    """
    script = Script(Behaviour())
    assert [event["type"] for event in script.events] == ["session.created"]
    session = script.events[0]["session"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert session["expires_at"] == 1_790_003_600


def test_update_shows_the_whole_session_and_merges_containers() -> None:
    """
    An update changes what it names; halves of `audio` are merged, and the whole session comes back.
    """
    script = Script(Behaviour()).phone()
    (updated,) = script.send(
        "session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}, "instructions": ""}
    )
    session = updated["session"]
    assert session["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "cedar", "speed": 1.0}
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert session["instructions"] == ""


def test_unions_are_replaced_as_a_whole() -> None:
    """
    A new turn_detection leaves nothing of the one before, only defaults.
    """
    script = Script(Behaviour()).phone()
    detection = {"type": "semantic_vad", "eagerness": "high"}
    (updated,) = script.send(
        "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    )
    assert updated["session"]["audio"]["input"]["turn_detection"] == {
        **detection,
        "create_response": True,
        "interrupt_response": True,
    }


def test_model_is_fixed() -> None:
    """
    Another model is not refused, and not taken over either.
    """
    (updated,) = Script(Behaviour()).send("session.update", session={"type": "realtime", "model": "other"})
    assert updated["session"]["model"] == "gpt-realtime"


def within(*path: str, value: object) -> Json:
    """A session in which only *path* is set."""
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return {"type": "realtime", **value}


DETECTION = ("audio", "input", "turn_detection")

REFUSED = {
    "no type": ({"instructions": "x"}, "missing_required_parameter", "session.type"),
    "beta field": ({"type": "realtime", "modalities": ["audio"]}, "unknown_parameter", "session.modalities"),
    "temperature": ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
    "deep field": (within("audio", "input", "gain", value=1), "unknown_parameter", "session.audio.input.gain"),
    "rate on g711": (
        within("audio", "input", "format", value={"type": "audio/pcmu", "rate": 8000}),
        "unknown_parameter",
        "session.audio.input.format.rate",
    ),
    "null format": (
        within("audio", "input", "format", value=None),
        "invalid_type",
        "session.audio.input.format",
    ),
    "semantic threshold": (
        within(*DETECTION, value={"type": "semantic_vad", "threshold": 0.5}),
        "unknown_parameter",
        "session.audio.input.turn_detection.threshold",
    ),
    "threshold": (
        within(*DETECTION, value={"type": "server_vad", "threshold": 2}),
        "invalid_value",
        "session.audio.input.turn_detection.threshold",
    ),
    "decimal ms": (
        within(*DETECTION, value={"type": "server_vad", "silence_duration_ms": 0.5}),
        "invalid_type",
        "session.audio.input.turn_detection.silence_duration_ms",
    ),
    "two modalities": (
        within("output_modalities", value=["audio", "text"]),
        "invalid_value",
        "session.output_modalities",
    ),
    "nested tool": (
        within("tools", value=[{"type": "function", "name": "f", "function": {}}]),
        "unknown_parameter",
        "session.tools[0].function",
    ),
    "tool without name": (
        within("tools", value=[{"type": "function"}]),
        "missing_required_parameter",
        "session.tools[0].name",
    ),
    "reasoning": (within("reasoning", value={"effort": "low"}), "unknown_parameter", "session.reasoning"),
    "other type": ({"type": "video"}, "invalid_value", "session.type"),
}


@pytest.mark.parametrize(("session", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_one_bad_field_refuses_the_whole_update(session: Json, code: str, param: str) -> None:
    """
    A refusal names the field by its dotted path and the event by its id, and nothing has changed.
    """
    script = Script(Behaviour())
    before = script.events[0]["session"]
    error = only_error(script.send("session.update", event_id="cfg", session={"instructions": "x", **session}))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "cfg")
    assert script.engine.context.config.view() == before


def test_reasoning_models_may_be_told_how_hard_to_think() -> None:
    """
    What is refused by one model is fine for another.
    """
    script = Script(Behaviour(), model="gpt-realtime-2.1-mini")
    (updated,) = script.send("session.update", session={"type": "realtime", "reasoning": {"effort": "low"}})
    assert updated["session"]["reasoning"] == {"effort": "low"}


def test_voice_is_locked_once_it_was_heard() -> None:
    """
    Another voice is refused, in the session and in a response; the same one passes.
    """
    script = Script(says(500)).phone()
    script.respond()
    other = {"output": {"voice": "cedar"}}
    same = {"output": {"voice": "marin"}}
    refusal = only_error(script.send("session.update", session={"type": "realtime", "audio": other}))
    assert (refusal["code"], refusal["param"]) == ("cannot_update_voice", None)
    assert only_error(script.send("response.create", response={"audio": other}))["code"] == "cannot_update_voice"
    (updated,) = script.send("session.update", session={"type": "realtime", "audio": same})
    assert updated["type"] == "session.updated"


MALFORMED = {
    "not json": ("{", None, None),
    "not an object": ("[]", "invalid_event", None),
    "no type": ('{"event_id": "e"}', "invalid_event", "type"),
    "unknown type": ('{"type": "foo"}', "invalid_value", "type"),
    "type not a string": ('{"type": [1]}', "invalid_type", "type"),
    "unknown field": ('{"type": "input_audio_buffer.commit", "now": true}', "unknown_parameter", "now"),
    "not base64": ('{"type": "input_audio_buffer.append", "audio": "ü!"}', "invalid_value", "audio"),
    "no audio": ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
    "output buffer": ('{"type": "output_audio_buffer.clear"}', "invalid_value", "type"),
    "nothing to cancel": ('{"type": "response.cancel"}', "response_cancel_not_active", None),
}


@pytest.mark.parametrize(("frame", "code", "param"), MALFORMED.values(), ids=MALFORMED)
def test_bad_events_are_refused_and_the_session_lives_on(frame: str, code: str | None, param: str | None) -> None:
    """
    Each nonsense has its refusal, and none ends the connection.
    """
    script = Script(Behaviour())
    error = only_error(script.send_text(frame))
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert not script.commands
    assert script.send("input_audio_buffer.clear")[0]["type"] == "input_audio_buffer.cleared"


def test_transcription_session_has_no_responses() -> None:
    """
    A session that only transcribes shows a session object of its own and refuses to answer.
    """
    script = Script(Behaviour())
    audio = {"input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "whisper-1"}}}
    (updated,) = script.send("session.update", session={"type": "transcription", "audio": audio})
    assert updated["session"]["object"] == "realtime.transcription_session"
    assert "output" not in updated["session"]["audio"]
    assert only_error(script.send("response.create"))["code"] == "invalid_value"


def test_session_expires() -> None:
    """
    At its greatest age a session ends: an error, then a close with 1001 and the same sentence.
    """
    script = Script(Behaviour(max_age_s=600))
    assert script.run(599_999) == []
    error = only_error(script.run(1))
    assert error["code"] == "session_expired"
    assert script.commands == [Close(1001, error["message"])]


def test_acknowledgements_can_be_late_or_missing() -> None:
    """
    A slow server answers an update later; a mute one never says that the session exists.
    """
    slow = Script(Behaviour(session_updated_delay_ms=400))
    assert slow.send("session.update", session={"type": "realtime"}) == []
    assert [event["type"] for event in slow.run(400)] == ["session.updated"]
    mute = Script(Behaviour(session_created_delay_ms=NEVER))
    assert mute.run(60_000) == []


def test_received_events_are_kept_without_their_audio() -> None:
    """
    What the client sent can be looked up; audio is only counted.
    """
    script = Script(Behaviour()).phone()
    content = [{"type": "input_audio", "audio": "AAAA"}]
    script.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    script.caller(tone(100))
    received = script.engine.received
    assert [entry.type for entry in received] == ["session.update", "conversation.item.create"]
    assert "AAAA" not in json.dumps(received[1].event)
    assert script.engine.listener.hearing.appended_bytes == 800


def test_beta_server_has_the_old_shape() -> None:
    """
    A beta server takes a flat session, refuses the nested one, and uses the older names.
    """
    script = Script(Behaviour(**says_fields(), dialect="beta"))
    assert script.events[0]["session"]["input_audio_format"] == "pcm16"
    assert only_error(script.send("session.update", session={"audio": PHONE}))["param"] == "session.audio"
    flat = {"modalities": ["audio", "text"], "output_audio_format": "g711_ulaw", "temperature": 0.7}
    (updated,) = script.send("session.update", session=flat)
    assert updated["session"]["output_audio_format"] == "g711_ulaw"
    seeded = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]}
    (created,) = script.send("conversation.item.create", item=seeded)
    assert (created["type"], created["item"]["content"]) == ("conversation.item.created", seeded["content"])
    answer = {event["type"] for event in script.respond()}
    assert {"response.audio.delta", "response.audio_transcript.done", "conversation.item.created"} <= answer
    assert not any("output_audio" in kind or kind.startswith("conversation.item.done") for kind in answer)
    done = script.of_type("response.done")[0]["response"]
    assert done["output"][0]["content"][0]["type"] == "audio"


def says_fields() -> Json:
    """What an agent that says half a second consists of."""
    return {"reply": says(500).reply}
