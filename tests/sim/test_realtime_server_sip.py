"""The line of a SIP call: the server plays the agent itself, and knows what was heard."""

from gateway.sim.realtime import Behaviour
from tests.sim.realtime_script import Json, Script, kinds, only_error, says, tone

PCMU_LINE: Json = {"audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}}}


def on_the_line(*lengths_ms: int) -> Script:
    """A call in which the agent has just finished generating."""
    script = Script(says(*lengths_ms), sip=PCMU_LINE)
    script.send("response.create")
    script.run(500 + sum(lengths_ms) / 5)
    return script


def test_the_session_is_what_the_call_was_accepted_with() -> None:
    """
    The formats of the call are there from the first event on.
    """
    created = Script(Behaviour(), sip=PCMU_LINE).events[0]["session"]
    assert created["audio"]["output"]["format"] == {"type": "audio/pcmu"}


def test_audio_stays_on_the_line() -> None:
    """
    The client gets no audio and cannot append any; it is told when playing begins and ends.
    """
    script = on_the_line(2_000)
    assert not script.of_type("response.output_audio.delta")
    assert script.of_type("response.done")
    assert not script.of_type("output_audio_buffer.stopped")
    assert kinds(script.run(1_600)) == ["output_audio_buffer.stopped"]
    assert script.when("output_audio_buffer.stopped")[0] == script.when("output_audio_buffer.started")[0] + 2_000
    assert only_error(script.send("input_audio_buffer.append", audio="AAAA"))["code"] == "invalid_value"


def test_the_server_truncates_by_itself() -> None:
    """
    An interruption clears the line and cuts every item where the caller stopped listening.
    """
    script = on_the_line(1_000, 1_000, 1_000)
    script.run(900)
    played_ms = script.now_ms - script.when("output_audio_buffer.started")[0]
    events = script.hear(tone(200))
    assert kinds(events)[:2] == ["input_audio_buffer.speech_started", "output_audio_buffer.cleared"]
    assert [truncation.outcome for truncation in script.engine.truncations] == ["accepted"] * 2
    lengths_ms = [item.parts[0].audio_ms for item in script.engine.items]
    assert lengths_ms == [1_000, played_ms - 1_000, 0]


def test_the_client_can_clear_the_line() -> None:
    """
    A clear does what an interruption does; with nothing playing it does nothing.
    """
    script = on_the_line(2_000)
    assert kinds(script.send("output_audio_buffer.clear")) == [
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
    ]
    assert script.send("output_audio_buffer.clear") == []
    assert script.run(10_000) == []


def test_responses_are_played_one_after_the_other() -> None:
    """
    A second one waits until the first was played; an interruption takes what of it was never heard.
    """
    script = on_the_line(1_000)
    script.send("response.create")
    script.run(600)
    assert script.when("output_audio_buffer.started")[1:] == []
    script.run(300)
    (first, second), (stopped,) = script.when("output_audio_buffer.started"), script.when("output_audio_buffer.stopped")
    assert second == stopped
    assert 1_000 <= stopped - first <= 1_001
    script.send("response.create")
    script.run(700)
    assert "output_audio_buffer.cleared" in kinds(script.hear(tone(200)))
    heard_ms = [item.parts[0].audio_ms for item in script.engine.items]
    assert (heard_ms[0], 0 < heard_ms[1] <= 1_000, heard_ms[2]) == (1_000, True, 0)
