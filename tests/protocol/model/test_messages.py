"""Everything that is sent is what the official types declare."""

import base64
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from gateway.errors import UserError
from gateway.protocol.model.events import RealtimeModelToolCallEvent
from gateway.protocol.model.inputs import (
    RealtimeModelRawClientMessage,
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
    RealtimeModelUserInput,
)
from gateway.protocol.model.outbox import Send
from gateway.protocol.model.session import Effect
from tests.protocol.model.client import BY_CLIENT, BY_SERVER, Client, sent, sent_kinds
from tests.protocol.model.test_session_object import SETTINGS
from tests.protocol.official_types import undeclared

OFFICIAL: TypeAdapter[object] = TypeAdapter(RealtimeClientEvent)

TEXTS = st.text(max_size=40)
PARTS = st.fixed_dictionaries({"type": st.just("input_text"), "text": TEXTS}) | st.fixed_dictionaries(
    {"type": st.just("input_image"), "image_url": TEXTS}, optional={"detail": st.sampled_from(["auto", "low", "high"])}
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.just("message"), "role": st.just("user"), "content": st.lists(PARTS, max_size=3)}
)
TOOL_CALLS = st.builds(RealtimeModelToolCallEvent, TEXTS, TEXTS, TEXTS, st.none() | TEXTS)
INTERRUPTS = st.builds(
    RealtimeModelSendInterrupt, st.booleans(), st.sampled_from([None, "resp_1", "resp_2"]), st.booleans()
)
INPUTS = st.one_of(
    st.builds(RealtimeModelSendUserInput, cast("st.SearchStrategy[RealtimeModelUserInput]", TEXTS | MESSAGES)),
    st.builds(RealtimeModelSendAudio, st.binary(max_size=400), st.booleans()),
    st.builds(RealtimeModelSendToolOutput, TOOL_CALLS, TEXTS, st.booleans()),
    st.builds(RealtimeModelSendSessionUpdate, cast("st.SearchStrategy[Any]", SETTINGS)),
    INTERRUPTS,
)
HAPPENINGS = st.lists(
    INPUTS
    | st.sampled_from(
        ["response.created", "response.done", "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"]
    )
    | st.tuples(st.sampled_from(["item_1", "item_2"]), st.integers(0, 400)),
    max_size=12,
)


def official(effects: list[Effect]) -> None:
    """Hold all that was sent against the official types."""
    for effect in effects:
        if isinstance(effect, Send):
            message = OFFICIAL.validate_json(effect.text, strict=False)
            assert list(undeclared(message)) == []
            assert OFFICIAL.dump_python(message, exclude_unset=True, mode="json") == json.loads(effect.text)


@given(HAPPENINGS, st.sampled_from([BY_SERVER, BY_CLIENT, None]))
def test_what_is_sent_is_what_the_official_types_declare(
    happenings: list[RealtimeModelSendEvent | str | tuple[str, int]], turn_detection: dict[str, Any] | None
) -> None:
    """
    Whatever is asked and whatever happens, each message is a client event without a field that is not declared.
    """
    client = Client({"type": "realtime", "instructions": "Be kind."}, turn_detection=turn_detection)
    for happening in happenings:
        client.now_ms += 100
        if isinstance(happening, str):
            client.hears(happening, item_id="item_9", response={"id": "resp_1", "status": "completed"})
        elif isinstance(happening, tuple):
            client.hears_audio(*happening)
        else:
            client.wants(happening)
    official(client.effects)


@given(st.lists(INTERRUPTS, max_size=4))
def test_what_is_sent_beside_a_call_is_official_too(interrupts: list[RealtimeModelSendInterrupt]) -> None:
    """
    Attached to a call, the server's own playback is cleared.
    """
    client = Client(attached=True)
    client.hears("response.created", response={"id": "resp_1"})
    client.hears("output_audio_buffer.started", response_id="resp_1")
    for interrupt in interrupts:
        client.wants(interrupt)
    official(client.effects)
    assert "conversation.item.truncate" not in sent_kinds(client.effects)


@given(st.binary(max_size=2000), st.booleans())
def test_audio_arrives_as_it_was_given(audio: bytes, commit: bool) -> None:
    """
    No byte is lost or added, and the turn is ended when that is asked for.
    """
    messages = sent(Client().wants(RealtimeModelSendAudio(audio, commit)))
    appended = [message for message in messages if message["type"] == "input_audio_buffer.append"]
    assert b"".join(base64.b64decode(message["audio"]) for message in appended) == audio
    assert [message["type"] for message in messages[len(appended) :]] == ["input_audio_buffer.commit"] * commit


def test_much_audio_goes_in_many_messages() -> None:
    """
    None is longer than the API takes.
    """
    audio = bytes(range(256)) * 4 * 1024
    messages = sent(Client().wants(RealtimeModelSendAudio(audio)))
    assert b"".join(base64.b64decode(message["audio"]) for message in messages) == audio
    assert max(len(message["audio"]) for message in messages) < 15 * 1024 * 1024
    assert len(messages) > 1


def test_a_raw_message_is_sent_as_it_stands() -> None:
    """
    Whoever sends one knows best.
    """
    message: RealtimeModelRawClientMessage = {"type": "input_audio_buffer.clear", "other_data": {"event_id": "mine"}}
    effects = Client().wants(RealtimeModelSendRawMessage(message))
    assert [effect for effect in effects if isinstance(effect, Send)] == [
        Send(b'{"type":"input_audio_buffer.clear","event_id":"mine"}')
    ]


@pytest.mark.parametrize(
    "wish",
    [
        RealtimeModelSendRawMessage(cast("RealtimeModelRawClientMessage", {"other_data": {}})),
        RealtimeModelSendRawMessage({"type": "response.create", "other_data": {"response": object()}}),
        RealtimeModelSendUserInput(
            cast("RealtimeModelUserInput", {"type": "message", "role": "user", "content": [{"type": "input_smell"}]})
        ),
        RealtimeModelSendUserInput(
            cast("RealtimeModelUserInput", {"type": "message", "role": "user", "content": [{"type": "input_text"}]})
        ),
        RealtimeModelSendSessionUpdate({"input_audio_format": "mp3"}),
    ],
)
def test_what_no_server_would_take_is_not_sent(wish: RealtimeModelSendEvent) -> None:
    """
    Whoever wants it is told, and the session is as it was.
    """
    client = Client()
    with pytest.raises(UserError):
        client.wants(wish)
    assert sent(client.wants(RealtimeModelSendAudio(b""))) == []


def test_the_audio_of_a_call_is_its_own() -> None:
    """
    Servers refuse to be told what a caller said who is on their own line.
    """
    with pytest.raises(UserError, match="call_id"):
        Client(attached=True).wants(RealtimeModelSendAudio(b"\xff"))


def test_an_update_that_changes_nothing_is_not_sent() -> None:
    """
    No default goes out in its stead.
    """
    assert sent(Client().wants(RealtimeModelSendSessionUpdate({}))) == []
