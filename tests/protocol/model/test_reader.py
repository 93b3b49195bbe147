"""Whatever a server says is an event, is nothing, or is its fault; nothing else follows."""

import base64
import json
from dataclasses import fields
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.protocol.model.beta import LEGACY_NAMES
from gateway.protocol.model.events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOtherEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeModelUsageEvent,
    RealtimeServerError,
    RealtimeUsage,
)
from gateway.protocol.model.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from gateway.protocol.model.outbox import Warn
from gateway.protocol.model.session import Effect, ModelSession
from tests.protocol.model.client import Client, events, told
from tests.protocol.official_types import SERVER_EVENTS, minimal
from tests.protocol.test_codec import FIELDS, JSON_VALUES

PLACE = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
MEANINGS: dict[str, list[type[RealtimeModelEvent]]] = {
    "error": [RealtimeModelErrorEvent],
    "response.created": [RealtimeModelTurnStartedEvent],
    "response.done": [RealtimeModelTurnEndedEvent],
    "response.output_audio.delta": [RealtimeModelAudioEvent],
    "response.output_audio.done": [RealtimeModelAudioDoneEvent],
    "response.output_audio_transcript.delta": [RealtimeModelTranscriptDeltaEvent],
    "response.output_text.delta": [RealtimeModelOutputTextDeltaEvent],
    "conversation.item.deleted": [RealtimeModelItemDeletedEvent],
    "conversation.item.input_audio_transcription.completed": [RealtimeModelInputAudioTranscriptionCompletedEvent],
    "input_audio_buffer.timeout_triggered": [RealtimeModelInputAudioTimeoutTriggeredEvent],
    "conversation.item.added": [RealtimeModelItemUpdatedEvent],
    "conversation.item.created": [RealtimeModelItemUpdatedEvent],
    "conversation.item.done": [RealtimeModelItemUpdatedEvent],
    "conversation.item.retrieved": [RealtimeModelItemUpdatedEvent],
    "response.output_item.added": [RealtimeModelItemUpdatedEvent],
    "response.output_item.done": [RealtimeModelItemUpdatedEvent],
}
"""What listeners are told of each documented event, besides its raw self; nothing of all others."""


def least(kind: str) -> dict[str, Any]:
    """The least that a documented event may hold, with an identifier for its item."""
    event = minimal(SERVER_EVENTS[kind])
    if "item" in event:
        event["item"] = {**event["item"], "id": "item_1"}
    return event


@pytest.mark.parametrize("kind", SERVER_EVENTS)
def test_every_documented_event_is_understood(kind: str) -> None:
    """
    The least that it may hold is told raw, then by its meaning; none is strange, and none goes wrong.
    """
    event = least(kind)
    effects = [effect for effect in Client().hears_text(json.dumps(event).encode()) if not isinstance(effect, Warn)]
    assert effects[0] == RealtimeModelRawServerEvent(event)
    assert [type(effect) for effect in events(effects)] == MEANINGS.get(kind, [])


def test_an_event_that_nobody_documented_is_told_as_it_is() -> None:
    """
    Servers may have more to say than the API.
    """
    effects = Client().hears("telepathy", thought="hello")
    message = {"type": "telepathy", "event_id": "event_1", "thought": "hello"}
    assert effects == [RealtimeModelRawServerEvent(message), RealtimeModelOtherEvent(message)]


@pytest.mark.parametrize("kind", SERVER_EVENTS)
@pytest.mark.parametrize("wrong", [None, 7, "half", [], {}, "missing"])
def test_half_an_event_is_survived(kind: str, wrong: object) -> None:
    """
    Each field of each documented event may be missing, or of any type: the session goes on.
    """
    for name in least(kind).keys() - {"type"}:
        broken = {key: value for key, value in least(kind).items() if wrong != "missing" or key != name}
        understood(Client().hears_text(json.dumps(broken if wrong == "missing" else {**broken, name: wrong}).encode()))


def understood(effects: list[Effect]) -> None:
    """Every effect is one that a shell can carry out, and every fault the server's."""
    for effect in events(effects):
        assert isinstance(effect, RealtimeModelEvent)
        if isinstance(effect, RealtimeModelErrorEvent):
            assert isinstance(effect.error, RealtimeServerError | RemoteProtocolError)


@given(st.binary())
@example(b"\xff")
@example(b"[]")
@example(b'{"type":7}')
@example(b'{"type":"response.done","response":' + b"[" * 100_000)
@example(b'{"type":"telepathy","thought":' + b"[" * 50_000 + b"]" * 50_000 + b"}")
@example(b'{"type":"conversation.item.truncated","item_id":"i","audio_end_ms":' + b"9" * 5_000 + b"}")
def test_bytes_are_an_event_or_their_fault(text: bytes) -> None:
    """
    Nonsense is told as an error, and the session goes on.
    """
    client = Client()
    understood(client.hears_text(text))
    assert told(client.hears("response.created", response={"id": "resp_1"}), RealtimeModelTurnStartedEvent)


@given(st.sampled_from([*SERVER_EVENTS, *LEGACY_NAMES, "telepathy"]), st.dictionaries(FIELDS, JSON_VALUES, max_size=6))
def test_events_of_any_content_are_survived(kind: str, content: dict[str, object]) -> None:
    """
    An event that begins as it should is looked at no less closely.
    """
    understood(Client().hears_text(json.dumps({**content, "type": kind}).encode()))


def test_a_huge_event_is_an_event() -> None:
    """
    What an item holds may be minutes of audio.
    """
    audio = base64.b64encode(bytes(8 * 1024 * 1024)).decode()
    item = {"id": "item_1", "type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    effects = Client().hears("conversation.item.retrieved", item=item)
    (updated,) = told(effects, RealtimeModelItemUpdatedEvent)
    assert isinstance(updated.item, UserMessageItem)
    assert updated.item.content == (InputAudio(audio),)


@pytest.mark.parametrize("name", LEGACY_NAMES)
def test_the_betas_names_are_understood_with_one_warning_each(name: str) -> None:
    """
    However often they are said; what they mean is what GA's name means.
    """
    event = {**least(LEGACY_NAMES[name]), **({"delta": "AAAA"} if name.endswith("delta") else {}), "type": name}
    client = Client()
    effects = [*client.hears_text(json.dumps(event).encode()), *client.hears_text(json.dumps(event).encode())]
    assert [type(effect) for effect in events(effects)] == MEANINGS.get(LEGACY_NAMES[name], []) * 2
    (warning,) = told(effects, Warn)
    assert name in warning.message
    assert LEGACY_NAMES[name] in warning.message


def test_audio_comes_as_bytes_with_its_place() -> None:
    """
    A piece of speech belongs to a part of an item of a response.
    """
    effects = Client().hears("response.output_audio.delta", **PLACE, delta="//7+/g==")
    assert events(effects) == [RealtimeModelAudioEvent(b"\xff\xfe\xfe\xfe", "resp_1", "item_1", 0)]


@pytest.mark.parametrize("delta", ["A", "AA", "AAA", "AAAAA", "A===", "AA=A", "é==="])
def test_audio_that_is_no_base64_is_their_fault(delta: str) -> None:
    """
    It can be neither played nor counted.
    """
    (error,) = told(Client().hears("response.output_audio.delta", **PLACE, delta=delta), RealtimeModelErrorEvent)
    assert isinstance(error.error, RemoteProtocolError)


CALL = {"id": "item_1", "type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": '{"q":1}'}


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": "completed"}])
def test_a_complete_call_of_a_tool_is_told_once(status: dict[str, str | None]) -> None:
    """
    It may be said many times; a tool that books a table must not run twice.
    """
    client = Client()
    item = {**CALL, **status}
    client.hears("response.output_item.added", response_id="resp_1", item={**item, "arguments": ""})
    client.hears("conversation.item.added", item=item)
    client.hears("response.output_item.done", response_id="resp_1", item=item)
    client.hears("conversation.item.done", item=item)
    client.hears("response.output_item.done", response_id="resp_1", item=item)
    assert len(told(client.effects, RealtimeModelItemUpdatedEvent)) == 1
    assert told(client.effects, RealtimeModelToolCallEvent) == [
        RealtimeModelToolCallEvent("lookup", "call_1", '{"q":1}', "item_1")
    ]
    updated = told(client.effects, RealtimeModelItemUpdatedEvent)[0]
    assert updated.item == RealtimeToolCallItem(
        item_id="item_1", call_id="call_1", status="in_progress", arguments='{"q":1}', name="lookup"
    )


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_half_a_call_of_a_tool_is_not_run(status: str) -> None:
    """
    Its arguments may be half.
    """
    effects = Client().hears("response.output_item.done", response_id="resp_1", item={**CALL, "status": status})
    assert events(effects) == []


ITEMS: list[tuple[dict[str, Any], RealtimeItem | None]] = [
    (
        {"role": "user", "content": [{"type": "input_audio", "transcript": "Hello."}, {"type": "smell"}, 7]},
        UserMessageItem(item_id="item_1", previous_item_id="item_0", content=(InputAudio(None, "Hello."),)),
    ),
    (
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "u"}]},
        UserMessageItem(item_id="item_1", previous_item_id="item_0", content=(InputText("a"), InputImage("u"))),
    ),
    (
        {"role": "system", "content": [{"type": "input_text", "text": "a"}]},
        SystemMessageItem(item_id="item_1", previous_item_id="item_0", content=(InputText("a"),)),
    ),
    (
        {
            "role": "assistant",
            "status": "incomplete",
            "content": [{"type": "output_text", "text": "a"}, {"type": "output_audio", "transcript": "b"}],
        },
        AssistantMessageItem(
            item_id="item_1",
            previous_item_id="item_0",
            status="incomplete",
            content=(AssistantText("a"), AssistantAudio(None, "b")),
        ),
    ),
    (
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "audio", "transcript": "b"}]},
        AssistantMessageItem(
            item_id="item_1", previous_item_id="item_0", content=(AssistantText("a"), AssistantAudio(None, "b"))
        ),
    ),
    ({"role": "assistant"}, AssistantMessageItem(item_id="item_1", previous_item_id="item_0")),
    ({"role": "oracle"}, None),
    ({"type": "mcp_list_tools"}, None),
    ({"id": None, "role": "user"}, None),
]


@pytest.mark.parametrize(("item", "meaning"), ITEMS)
def test_an_item_is_what_can_be_read_of_it(item: dict[str, Any], meaning: RealtimeItem | None) -> None:
    """
    In GA's words or the beta's, whole or not; kinds that people do not read are left out.
    """
    whole = {"id": "item_1", "type": "message", **item}
    effects = Client().hears("conversation.item.added", previous_item_id="item_0", item=whole)
    assert [updated.item for updated in told(effects, RealtimeModelItemUpdatedEvent)] == ([meaning] if meaning else [])


def test_a_response_tells_what_it_cost() -> None:
    """
    Also one that was cancelled; the counts of each kind come with it.
    """
    usage = {
        "total_tokens": 1000,
        "input_tokens": 800,
        "output_tokens": 200,
        "input_token_details": {
            "text_tokens": 500,
            "cached_tokens": 448,
            "cached_tokens_details": {"audio_tokens": 64},
        },
        "output_token_details": {"audio_tokens": 160},
    }
    response = {"id": "resp_1", "status": "cancelled", "usage": usage}
    cost, ended = events(Client().hears("response.done", response=response))
    assert isinstance(cost, RealtimeModelUsageEvent)
    assert cost.usage == RealtimeUsage(800, 200, 1000)
    assert cost.input_tokens_details is not None
    assert cost.input_tokens_details.cached_tokens_details is not None
    assert cost.input_tokens_details.cached_tokens_details.audio_tokens == 64
    assert cost.output_tokens_details is not None
    assert cost.output_tokens_details.audio_tokens == 160
    assert ended == RealtimeModelTurnEndedEvent("resp_1")


@pytest.mark.parametrize(
    "details", [None, "quota", {"error": "quota"}, {"error": {"code": 7}}, {"error": {"code": "q"}}]
)
def test_a_response_that_failed_is_an_error(details: object) -> None:
    """
    Servers need not send another; who heard of none would wait for an answer in silence.
    """
    response = {"id": "resp_1", "status": "failed", "status_details": details}
    error, ended = events(Client().hears("response.done", response=response))
    assert isinstance(error, RealtimeModelErrorEvent)
    assert isinstance(error.error, RealtimeServerError)
    assert error.error.code in {None, "q"}
    assert ended == RealtimeModelTurnEndedEvent("resp_1")


def test_every_event_has_a_type_of_its_own() -> None:
    """
    Listeners tell events apart by it.
    """
    kinds = [
        next(field.default for field in fields(event) if field.name == "type") for event in get_args(RealtimeModelEvent)
    ]
    assert len(set(kinds)) == len(kinds) == 19


def test_nothing_is_sent_before_the_server_has_spoken() -> None:
    """
    Which dialect it speaks is not known before.
    """
    session = ModelSession({"type": "realtime", "instructions": "Be kind."})
    assert session.confirmed is None
    assert not session.settled
