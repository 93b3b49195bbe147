"""Whatever a realtime server tells is understood, ignored, or its fault."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.protocol.codec import BETA_NAMES, RealtimeProtocol, speech_first
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    DtmfReceived,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    RealtimeEvent,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from tests.protocol.official_types import SERVER_EVENTS, minimal

FORMER_NAMES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
MEANINGS: dict[str, type[RealtimeEvent]] = {
    "conversation.item.input_audio_transcription.completed": CallerTranscript,
    "conversation.item.truncated": ItemTruncated,
    "error": ErrorReceived,
    "output_audio_buffer.cleared": OutputAudioCleared,
    "output_audio_buffer.started": OutputAudioStarted,
    "output_audio_buffer.stopped": OutputAudioStopped,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "response.created": ResponseCreated,
    "response.done": ResponseDone,
    "response.output_audio.delta": AudioDelta,
    "response.output_audio.done": AudioDone,
    "response.output_audio_transcript.delta": TranscriptDelta,
    "response.output_audio_transcript.done": TranscriptDone,
    "session.created": SessionCreated,
    "session.updated": SessionUpdated,
}

TEXTS = st.text(max_size=40)
FIELDS = st.sampled_from(
    ["response", "item", "session", "error", "audio", "input", "output", "format"]
) | st.sampled_from(sorted({name for model in SERVER_EVENTS.values() for name in model.model_fields}))
QUIET_VAD = {"type": "semantic_vad", "create_response": True, "interrupt_response": False}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(FIELDS | TEXTS, values, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from([*SERVER_EVENTS, *FORMER_NAMES, "telepathy"])


def receive(kind: str, **fields: object) -> RealtimeEvent:
    """What a fresh session makes of one event."""
    return RealtimeProtocol().receive(json.dumps({"type": kind, "event_id": "event_1", **fields}).encode())


def receive_response(**fields: object) -> ResponseDone:
    """What a fresh session makes of a response that has ended."""
    event = receive("response.done", response={"id": "resp_1", **fields})
    assert isinstance(event, ResponseDone)
    return event


@pytest.mark.parametrize("event_id", [None, "", "gw_999", "theirs"])
def test_a_refusal_of_something_else_refuses_nothing_of_ours(event_id: str | None) -> None:
    """
    Caller audio has no identifier, and servers make mistakes.
    """
    error = receive("error", error={"type": "invalid_request_error", "message": "No.", "event_id": event_id})
    assert error == ErrorReceived("invalid_request_error", "No.", None)


@pytest.mark.parametrize("kind", SERVER_EVENTS)
def test_every_official_event_is_survived(kind: str) -> None:
    """
    The least that each event may hold is understood, or ignored under its name.
    """
    event = RealtimeProtocol().receive(json.dumps(minimal(SERVER_EVENTS[kind])).encode())
    assert isinstance(event, MEANINGS.get(kind, EventIgnored))
    assert not isinstance(event, EventIgnored) or event.type == kind


def test_the_meanings_are_of_official_events() -> None:
    """
    No event is listened for that no server sends.
    """
    assert set(MEANINGS) <= set(SERVER_EVENTS)
    assert set(FORMER_NAMES.values()) <= set(MEANINGS)


@pytest.mark.parametrize("name", FORMER_NAMES)
def test_the_betas_names_are_understood(name: str) -> None:
    """
    Look-alike servers still use them; each is remembered, so that it can be warned of once.
    """
    protocol = RealtimeProtocol()
    fields = {**minimal(SERVER_EVENTS[FORMER_NAMES[name]]), "delta": "AAAA", "type": name}
    event = protocol.receive(json.dumps(fields).encode())
    assert isinstance(event, MEANINGS[FORMER_NAMES[name]])
    assert protocol.beta_names == {name}
    assert BETA_NAMES[name] == FORMER_NAMES[name]


def test_audio_is_told_with_its_place() -> None:
    """
    A piece of speech belongs to a part of an item of a response.
    """
    place = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 1}
    delta = receive("response.output_audio.delta", **place, delta="//7+/g==")
    assert delta == AudioDelta("resp_1", "item_1", 1, "//7+/g==")
    assert receive("response.output_audio.done", **place) == AudioDone("resp_1", "item_1", 1)


def test_what_a_server_plays_itself_is_told_with_its_response() -> None:
    """
    Where a call comes by SIP that is all that is known of what the caller hears.
    """
    for kind, told in (
        ("started", OutputAudioStarted),
        ("stopped", OutputAudioStopped),
        ("cleared", OutputAudioCleared),
    ):
        assert receive(f"output_audio_buffer.{kind}", response_id="resp_1") == told("resp_1")


@pytest.mark.parametrize("digit", [*"0123456789*#ABCD"])
def test_a_pressed_key_is_told(digit: str) -> None:
    """
    Whatever the caller can press; anything else is no key.
    """
    kind = "input_audio_buffer.dtmf_event_received"
    assert receive(kind, event=digit, received_at=1) == DtmfReceived(digit)
    assert receive(kind, event=digit * 2, received_at=1) == EventIgnored(kind)


@pytest.mark.parametrize("delta", ["A", "AA", "AAA", "AAAAA"])
def test_audio_that_is_no_base64_is_their_fault(delta: str) -> None:
    """
    Half a quad cannot be cut, measured or played.
    """
    with pytest.raises(RemoteProtocolError):
        receive("response.output_audio.delta", response_id="resp_1", item_id="item_1", content_index=0, delta=delta)


FUNCTION_CALL = {"type": "function_call", "id": "item_1", "call_id": "call_1", "name": "lookup", "arguments": "{}"}


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": "completed"}])
def test_a_completed_function_call_wants_an_answer(status: dict[str, str | None]) -> None:
    """
    A call is complete unless the server says otherwise.
    """
    event = receive("response.output_item.done", response_id="resp_1", item={**FUNCTION_CALL, **status})
    assert event == FunctionCalled("resp_1", "item_1", "call_1", "lookup", "{}")


@pytest.mark.parametrize("item", [{**FUNCTION_CALL, "status": "incomplete"}, {"type": "message", "id": "item_1"}])
def test_anything_else_that_is_done_wants_none(item: dict[str, str]) -> None:
    """
    Half a function call is not run.
    """
    event = receive("response.output_item.done", response_id="resp_1", item=item)
    assert event == EventIgnored("response.output_item.done")


@pytest.mark.parametrize(
    ("fields", "meaning"),
    [
        ({"status": "completed", "status_details": None}, ResponseDone("resp_1", "completed")),
        ({"status": "completed"}, ResponseDone("resp_1", "completed")),
        ({"status": "cancelled", "status_details": "turn_detected"}, ResponseDone("resp_1", "cancelled")),
        (
            {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "turn_detected"}},
            ResponseDone("resp_1", "cancelled", "turn_detected"),
        ),
        (
            {"status": "failed", "status_details": {"type": "failed", "error": {"code": "insufficient_quota"}}},
            ResponseDone("resp_1", "failed", error_code="insufficient_quota"),
        ),
        (
            {"status": "failed", "status_details": {"error": {"type": "server_error", "code": None}}},
            ResponseDone("resp_1", "failed", error_code="server_error"),
        ),
        ({"status": "failed", "status_details": {"error": "quota"}}, ResponseDone("resp_1", "failed")),
        ({"status": "exploded"}, ResponseDone("resp_1", "failed")),
        ({"status": "completed", "usage": None}, ResponseDone("resp_1", "completed")),
    ],
)
def test_the_end_of_a_response_is_read_whatever_its_details(fields: dict[str, Any], meaning: ResponseDone) -> None:
    """
    Details are null, a word or an object; a response that ended in no known way has failed.
    """
    assert receive_response(**fields) == meaning


@given(JSON_VALUES, JSON_VALUES)
def test_a_response_ends_whatever_else_is_said_of_it(details: object, usage: object) -> None:
    """
    An end that is not noticed would keep the agent silent for good.
    """
    assert receive_response(status="completed", status_details=details, usage=usage).status == "completed"


@pytest.mark.parametrize(
    ("session", "meaning"),
    [
        (
            {
                "audio": {
                    "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
                    "output": {"format": {"type": "audio/pcmu"}},
                }
            },
            SessionUpdated("audio/pcmu", "audio/pcmu", interrupts=True, responds=True),
        ),
        (
            {"input_audio_format": "g711_ulaw", "output_audio_format": "pcm16", "turn_detection": None},
            SessionUpdated("audio/pcmu", "audio/pcm", interrupts=False, responds=False),
        ),
        (
            {
                "audio": {
                    "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": QUIET_VAD},
                    "output": {"format": {"type": "audio/pcma"}},
                }
            },
            SessionUpdated("audio/pcm", "audio/pcma", interrupts=False, responds=True),
        ),
    ],
)
def test_a_session_is_read_as_it_is_now(session: dict[str, Any], meaning: SessionUpdated) -> None:
    """
    Formats and turns count as the server has them, nested or flat.
    """
    assert receive("session.updated", session={"type": "realtime", **session}) == meaning


@given(st.binary())
@example(b"\xff")
@example(b'{"type":"\xff"}')
@example(b'{"type":"error","error":' + b"[" * 100_000)
@example(b'{"type":"telepathy","thought":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
@example(b'{"type":"conversation.item.truncated","item_id":"i","audio_end_ms":' + b"9" * 5_000 + b"}")
def test_bytes_are_an_event_or_their_fault(text: bytes) -> None:
    """
    Whatever comes out of the socket gets past the protocol in no other way.
    """
    understood(text)


@given(KINDS, st.dictionaries(FIELDS, JSON_VALUES, max_size=6))
def test_events_of_any_content_are_an_event_or_their_fault(kind: str, fields: dict[str, object]) -> None:
    """
    An event that begins as it should is looked at no less closely.
    """
    understood(json.dumps({**fields, "type": kind}).encode())


def understood(text: bytes) -> None:
    """Receive; nonsense is blamed on the server."""
    try:
        event = RealtimeProtocol().receive(text)
    except RemoteProtocolError:
        return
    assert isinstance(event, RealtimeEvent)


def kinds(*names: str) -> list[tuple[int, bytes]]:
    """Messages that came at once."""
    return [(1, f'{{"type":"{name}","event_id":"event_{at}"}}'.encode()) for at, name in enumerate(names)]


def test_speech_passes_the_audio_that_it_makes_useless() -> None:
    """
    Only audio and its words right in front of it are passed, by GA name or beta; all else keeps its order.
    """
    created, delta, words, speech, done, beta = (
        "response.created",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "input_audio_buffer.speech_started",
        "response.done",
        "response.audio.delta",
    )
    came = kinds(created, delta, done, delta, words, beta, speech, delta)
    assert speech_first(came) == [*came[:3], came[6], *came[3:6], came[7]]
    for quiet in (kinds(created, delta, done), kinds(delta, done, speech), kinds(speech, delta)):
        assert speech_first(quiet) == quiet
