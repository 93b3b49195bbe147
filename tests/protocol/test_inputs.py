"""What is asked of a realtime server, and what it refuses."""

import base64
import json

from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from gateway.protocol.codec import RealtimeProtocol
from gateway.protocol.events import ErrorReceived
from gateway.protocol.inputs import (
    AppendAudio,
    ClearOutputAudio,
    ConfigureSession,
    CreateResponse,
    Input,
    SendToolOutput,
    TruncateItem,
    UpdateAudio,
)
from gateway.protocol.session import SessionConfig
from tests.protocol.official_types import undeclared

OFFICIAL: TypeAdapter[object] = TypeAdapter(RealtimeClientEvent)

TEXTS = st.text(max_size=40)
SEMANTIC_VAD = {"type": "semantic_vad", "eagerness": "low", "create_response": True, "interrupt_response": False}
TURN_DETECTIONS = st.sampled_from([{"type": "server_vad", "silence_duration_ms": 500}, SEMANTIC_VAD])
CONFIGS = st.builds(SessionConfig, TEXTS, st.just("marin"), TURN_DETECTIONS, st.sampled_from([None, "whisper-1"]))
REFUSABLE: st.SearchStrategy[Input] = st.one_of(
    st.builds(ConfigureSession, CONFIGS),
    st.builds(CreateResponse, st.none() | TEXTS),
    st.builds(SendToolOutput, TEXTS, TEXTS),
    st.builds(UpdateAudio, CONFIGS),
    st.just(ClearOutputAudio()),
    st.builds(TruncateItem, TEXTS, st.integers(0, 3), st.integers(0, 10**7)),
)
AUDIO = st.binary(max_size=400).map(lambda data: base64.b64encode(data).decode())
INPUTS = REFUSABLE | st.builds(AppendAudio, AUDIO)


@given(INPUTS)
def test_what_is_sent_is_what_the_official_types_declare(command: Input) -> None:
    """
    Every input is a client event, with no field, however deep, that is not declared.
    """
    sent = RealtimeProtocol().encode(command)
    assert list(undeclared(OFFICIAL.validate_json(sent, strict=True))) == []
    assert OFFICIAL.dump_python(OFFICIAL.validate_json(sent), exclude_unset=True) == json.loads(sent)


def test_a_truncate_names_whole_milliseconds() -> None:
    """
    The server refuses anything but an integer.
    """
    sent = json.loads(RealtimeProtocol().encode(TruncateItem("item_1", 0, 1480)))
    assert sent.pop("event_id")
    assert sent == {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 1480,
    }


def test_a_response_without_instructions_keeps_the_sessions() -> None:
    """
    What is not sent is not changed.
    """
    assert "response" not in json.loads(RealtimeProtocol().encode(CreateResponse()))


@given(st.lists(REFUSABLE, min_size=1, max_size=60))
def test_a_refusal_is_told_together_with_what_it_refuses(commands: list[Input]) -> None:
    """
    Whatever can be refused carries an identifier of its own, and is found by it once.
    """
    protocol = RealtimeProtocol()
    event_ids = [json.loads(protocol.encode(command))["event_id"] for command in commands]
    assert len(set(event_ids)) == len(commands)
    for event_id, command in reversed([*zip(event_ids, commands, strict=True)]):
        error = {"type": "invalid_request_error", "code": "invalid_value", "message": "No.", "event_id": event_id}
        text = json.dumps({"type": "error", "error": error}).encode()
        assert protocol.receive(text) == ErrorReceived("invalid_value", "No.", command)
        assert protocol.receive(text) == ErrorReceived("invalid_value", "No.", None)
