"""Turns of the caller: found in the audio that was appended, and nothing else."""

import audioop
import random

import pytest

from gateway.sim.realtime import Behaviour
from gateway.sim.realtime.formats import PCM24, PCMA, PCMU, AudioFormat
from gateway.sim.voices import speak
from tests.sim.realtime_script import Json, Script, kinds, only_error, says, silence, tone

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
TURN = [
    STARTED,
    STOPPED,
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


def detection(**changes: object) -> Json:
    """Server VAD that waits for 500 ms of silence, unless told otherwise."""
    return {"type": "server_vad", "silence_duration_ms": 500, "create_response": False, **changes}


def listening(**changes: object) -> Script:
    """A session that listens and does not answer."""
    return Script(says(500)).phone(turn_detection=detection(**changes))


def test_a_turn_is_announced_committed_and_answered() -> None:
    """
    Speech and then silence make a user item under one name, and then an answer.
    """
    script = Script(says(500)).phone()
    script.events.clear()
    script.caller(silence(500) + tone(1_000) + silence(700))
    assert kinds(script.events)[:7] == [*TURN, "response.created", "rate_limits.updated"]
    assert len({event.get("item_id") or event["item"]["id"] for event in script.events[:5]}) == 1
    item = script.engine.items[0].view()
    assert (item["role"], item["content"]) == ("user", [{"type": "input_audio", "transcript": None}])


def test_offsets_count_the_audio_and_include_the_padding() -> None:
    """
    A turn starts 100 ms into the speech less the padding, and ends with the silence it waited for.
    """
    script = listening()
    script.caller(silence(1_000) + tone(1_000) + silence(1_000))
    assert script.of_type(STARTED)[0]["audio_start_ms"] == 1_000 + 100 - 300
    assert script.of_type(STOPPED)[0]["audio_end_ms"] == 2_000 + 500
    assert script.engine.items[0].parts[0].audio_ms == 2_500 - 800


def test_the_clock_is_the_audio() -> None:
    """
    A stream that stalls in mid-speech freezes the turn; silence that comes at once ends it at once.
    """
    script = listening()
    script.caller(tone(500))
    script.run(60_000)
    assert not script.of_type(STOPPED)
    script.caller(silence(600), frame_bytes=4_800)
    assert script.of_type(STOPPED)[0]["audio_end_ms"] == 1_000


def test_padding_never_reaches_before_the_beginning() -> None:
    """
    Who speaks at once has a turn that starts at 0.
    """
    script = listening()
    script.caller(tone(300))
    assert script.of_type(STARTED)[0]["audio_start_ms"] == 0


def test_clicks_are_not_speech() -> None:
    """
    Clicks of 40 ms, five in a second, never begin a turn.
    """
    script = listening()
    script.caller((tone(40) + silence(160)) * 25)
    assert not script.of_type(STARTED)


@pytest.mark.parametrize("sound", [PCMU, PCMA, PCM24], ids=lambda sound: sound.name)
async def test_real_speech_is_one_turn(sound: AudioFormat) -> None:
    """
    A sentence with pauses between its words is one turn, in every format and over line noise.
    """
    speech = await speak("I would like to book a table, please, for two, on Friday at eight.", voice="caller")
    audio = sound.from_mulaw(noise(600, 20) + speech.audio + noise(1_500, 20))
    script = Script(says(500))
    form = {"type": sound.name} | ({"rate": 24000} if sound is PCM24 else {})
    settings = {"format": form, "turn_detection": detection()}
    script.send("session.update", session={"type": "realtime", "audio": {"input": settings}})
    script.caller(audio, frame_bytes=20 * sound.bytes_per_ms, bytes_per_ms=sound.bytes_per_ms)
    assert len(script.of_type(STARTED)) == len(script.of_type(STOPPED)) == 1
    assert 300 <= script.of_type(STARTED)[0]["audio_start_ms"] <= 600
    spoken_until_ms = 600 + speech.length_ms
    assert script.of_type(STOPPED)[0]["audio_end_ms"] == pytest.approx(spoken_until_ms + 500, abs=250)


def noise(length_ms: int, rms: int) -> bytes:
    """White noise, as mu-law at 8 kHz."""
    rng = random.Random(length_ms)
    samples = (round(rng.gauss(0, rms)).to_bytes(2, "little", signed=True) for _ in range(8 * length_ms))
    return audioop.lin2ulaw(b"".join(samples), 2)


def test_steady_noise_is_learned() -> None:
    """
    A noise that does not breathe is taken for speech at most once, and speech above it is still found.
    """
    script = listening()
    script.caller(noise(6_000, 400))
    assert len(script.of_type(STARTED)) == len(script.of_type(STOPPED)) <= 1
    before = len(script.of_type(STARTED))
    script.caller(tone(800, peak=12_000) + noise(800, 400))
    assert len(script.of_type(STARTED)) == len(script.of_type(STOPPED)) == before + 1


@pytest.mark.parametrize("sizes", [(1,), (7, 333, 160), (5_000,)])
def test_the_size_of_the_pieces_does_not_matter(sizes: tuple[int, ...]) -> None:
    """
    However the audio is cut up, the same turns are found in it.
    """
    audio = (silence(300) + tone(400) + silence(700)) * 2
    script = listening()
    rng, offset = random.Random(1), 0
    while offset < len(audio):
        length = rng.choice(sizes)
        script.caller(audio[offset : offset + length], frame_bytes=length)
        offset += length
    found = [event["audio_start_ms"] for event in script.of_type(STARTED)]
    ended = [event["audio_end_ms"] for event in script.of_type(STOPPED)]
    assert (found, ended) == ([100, 1_500], [1_200, 2_600])


def test_an_answer_can_be_left_to_the_client() -> None:
    """
    Without create_response a turn is committed and nobody answers; without interrupt_response nobody stops.
    """
    script = Script(says(60_000)).phone(turn_detection=detection(interrupt_response=False))
    script.send("response.create")
    script.run(1_000)
    script.caller(tone(500) + silence(700))
    assert len(script.of_type("input_audio_buffer.committed")) == 1
    assert len(script.of_type("response.created")) == 1
    assert not script.of_type("response.done")


def test_an_answer_that_collides_is_refused_like_any_other() -> None:
    """
    When the turn may not interrupt and one response runs, its own is refused with an error of the server.
    """
    script = Script(says(60_000)).phone(turn_detection=detection(interrupt_response=False, create_response=True))
    script.send("response.create")
    script.run(1_000)
    script.caller(tone(500) + silence(700))
    error = script.of_type("error")[0]["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", None)


def test_without_detection_the_client_commits() -> None:
    """
    Nothing happens by itself; a commit takes the whole buffer and answers nothing.
    """
    script = Script(says(500)).phone(turn_detection=None)
    script.caller(tone(400) + silence(2_000))
    assert kinds(script.send("input_audio_buffer.commit")) == TURN[2:]
    assert script.engine.items[0].parts[0].audio_ms == 2_400
    assert script.run(10_000) == []


def test_too_short_a_buffer_is_not_committed() -> None:
    """
    Below 100 ms there is nothing to commit, and the message says how much there was.
    """
    script = Script(says(500)).phone(turn_detection=None)
    script.caller(tone(99), frame_bytes=99)
    error = only_error(script.send("input_audio_buffer.commit"))
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert "99.00ms" in error["message"]
    script.caller(tone(1))
    assert script.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_clear_forgets_the_turn_and_not_the_clock() -> None:
    """
    After a clear the speech so far is gone, and offsets still count from the beginning of the session.
    """
    script = listening()
    script.caller(tone(500))
    script.send("input_audio_buffer.clear")
    script.caller(silence(1_000))
    assert not script.of_type(STOPPED)
    script.caller(tone(500) + silence(600))
    assert [event["audio_start_ms"] for event in script.of_type(STARTED)] == [0, 1_500 + 100 - 300]


def test_a_new_detection_resets_the_turn_and_other_updates_do_not() -> None:
    """
    Only a change of turn_detection makes the detector forget that somebody speaks.
    """
    for change, stops in (({"noise_reduction": None}, 1), ({"turn_detection": detection(threshold=0.6)}, 0)):
        script = listening()
        script.caller(tone(500))
        script.send("session.update", session={"type": "realtime", "audio": {"input": change}})
        script.caller(silence(800))
        assert len(script.of_type(STOPPED)) == stops


def test_idle_callers_are_noticed() -> None:
    """
    When the answer has been played and nobody speaks for the time set, the agent speaks up again.
    """
    script = Script(says(2_000)).phone(turn_detection=detection(idle_timeout_ms=5_000))
    script.respond()
    script.caller(silence(8_000))
    (timeout,) = script.of_type("input_audio_buffer.timeout_triggered")
    assert timeout["audio_end_ms"] - timeout["audio_start_ms"] == 5_000
    after = kinds(script.events)[kinds(script.events).index("input_audio_buffer.timeout_triggered") :]
    assert after[1:5] == [*TURN[2:], "response.created"]


def test_who_speaks_is_not_idle() -> None:
    """
    Speech in time keeps the timeout from going off.
    """
    script = Script(says(100)).phone(turn_detection=detection(idle_timeout_ms=5_000))
    script.respond()
    script.caller(silence(4_000) + tone(500) + silence(4_500))
    assert not script.of_type("input_audio_buffer.timeout_triggered")


TRANSCRIPT = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize(
    ("model", "deltas", "usage"), [("whisper-1", 1, "duration"), ("gpt-4o-transcribe", 3, "tokens")]
)
def test_turns_are_written_down(model: str, deltas: int, usage: str) -> None:
    """
    A transcription comes in its own time, in pieces or at once, and is then part of the item.
    """
    behaviour = Behaviour(transcribe=lambda ordinal, audio: "Two for Friday", keep_events=True)
    script = Script(behaviour).phone(turn_detection=detection(), transcription={"model": model})
    script.caller(tone(500) + silence(1_000))
    assert len(script.of_type(f"{TRANSCRIPT}.delta")) == deltas
    completed = script.of_type(f"{TRANSCRIPT}.completed")[0]
    assert (completed["transcript"], completed["usage"]["type"]) == ("Two for Friday", usage)
    item_id = script.engine.items[0].id
    (retrieved,) = script.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "Two for Friday"


def test_transcriptions_can_come_after_the_answer_or_fail() -> None:
    """
    A transcription held back follows response.done; a failed one has its own event and harms nothing.
    """
    for knobs, kind in (
        ({"transcription_after_response": True}, "completed"),
        ({"transcription_fails": True}, "failed"),
    ):
        behaviour = Behaviour(reply=says(300).reply, **knobs)  # type: ignore[arg-type]  # any knob at all
        script = Script(behaviour).phone(transcription={"model": "whisper-1"})
        script.caller(tone(500) + silence(3_000))
        order = kinds(script.events)
        late = order.index(f"{TRANSCRIPT}.{kind}") > order.index("response.done")
        assert late == (kind == "completed")
        assert script.of_type("response.done")[0]["response"]["status"] == "completed"


def test_semantic_detection_waits_by_eagerness() -> None:
    """
    The more eager, the sooner a turn ends.
    """
    ends = []
    for eagerness in ("high", "medium", "low"):
        script = Script(says(500)).phone(turn_detection={"type": "semantic_vad", "eagerness": eagerness})
        script.caller(tone(500) + silence(2_000))
        ends.append(script.of_type(STOPPED)[0]["audio_end_ms"])
    assert ends == sorted(set(ends))
