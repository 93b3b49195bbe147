"""One response at a time, asked for in the server's dialect."""

import json

import pytest

from gateway.protocol.model.events import (
    RealtimeModelErrorEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelToolCallEvent,
)
from gateway.protocol.model.inputs import (
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from gateway.protocol.model.items import RealtimeToolCallItem
from gateway.protocol.model.outbox import Send, Warn
from gateway.protocol.model.session import Effect, ModelSession
from gateway.protocol.model.session_object import session_object
from tests.protocol.model.client import BY_SERVER, Client, sent, sent_kinds, told

CREATE, ITEM = "response.create", "conversation.item.create"
HELLO = RealtimeModelSendUserInput("Hello.")
RESP = {"id": "resp_1", "status": "completed"}


def call(call_id: str) -> RealtimeModelToolCallEvent:
    """A call of a tool."""
    return RealtimeModelToolCallEvent("lookup", call_id, "{}", f"item_{call_id}", "item_0")


def last_id(effects: list[Effect]) -> str:
    """The identifier of the last message that was sent."""
    found: str = json.loads([effect.text for effect in effects if isinstance(effect, Send)][-1])["event_id"]
    return found


def refusal(event_id: str | None, code: str) -> dict[str, object]:
    """An error."""
    return {"error": {"type": "invalid_request_error", "code": code, "message": "No.", "event_id": event_id}}


def test_a_written_turn_is_answered() -> None:
    """
    The item first, then the wish for a response.
    """
    assert sent_kinds(Client().wants(HELLO)) == [ITEM, CREATE]


def test_an_answer_waits_for_the_one_that_is_under_way() -> None:
    """
    The server would refuse it; what was written is part of the conversation meanwhile.
    """
    client = Client()
    client.hears("response.created", response=RESP)
    assert sent_kinds(client.wants(HELLO)) == [ITEM]
    assert sent_kinds(client.hears("response.done", response=RESP)) == [CREATE]


def test_all_outputs_of_a_turn_are_answered_once() -> None:
    """
    All outputs first, then one response, and not before the one that called has ended.
    """
    client = Client()
    client.hears("response.created", response=RESP)
    outputs = [client.wants(RealtimeModelSendToolOutput(call(name), "42", start_response=True)) for name in "ab"]
    assert [sent_kinds(effects) for effects in outputs] == [[ITEM], [ITEM]]
    assert sent_kinds(client.hears("response.done", response=RESP)) == [CREATE]
    client.hears("response.created", response={"id": "resp_2"})
    assert sent_kinds(client.hears("response.done", response={"id": "resp_2"})) == []


def test_an_output_is_part_of_the_history() -> None:
    """
    The call is complete with it; a response only follows where it is wanted.
    """
    effects = Client().wants(RealtimeModelSendToolOutput(call("a"), "42", start_response=False))
    assert sent(effects) == [{"type": ITEM, "item": {"type": "function_call_output", "call_id": "a", "output": "42"}}]
    (updated,) = told(effects, RealtimeModelItemUpdatedEvent)
    assert updated.item == RealtimeToolCallItem(
        item_id="item_a",
        previous_item_id="item_0",
        call_id="a",
        status="completed",
        arguments="{}",
        name="lookup",
        output="42",
    )


def test_a_server_that_answers_by_itself_is_not_asked() -> None:
    """
    When the caller's turn ends, what was written meanwhile is answered with it.
    """
    client = Client()
    client.hears("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    assert sent_kinds(client.wants(HELLO)) == [ITEM]
    assert sent_kinds(client.hears("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=9)) == []


@pytest.mark.parametrize("end", ["input_audio_buffer.cleared", "input_audio_buffer.committed"])
def test_speech_that_was_cleared_or_committed_hinders_nothing(end: str) -> None:
    """
    No end of it may ever be told.
    """
    client = Client(turn_detection={**BY_SERVER, "create_response": False})
    client.hears("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    client.wants(HELLO)
    assert sent_kinds(client.hears(end, item_id="item_u")) == [CREATE]


def test_a_refusal_because_of_another_response_is_made_good() -> None:
    """
    Nobody is bothered; it is asked for again when that one has ended.
    """
    client = Client()
    event_id = last_id(client.wants(HELLO))
    refused = client.hears("error", **refusal(event_id, "conversation_already_has_active_response"))
    assert told(refused, RealtimeModelErrorEvent) == []
    assert sent_kinds(client.hears("response.done", response={"id": "resp_9"})) == [CREATE]


def test_any_other_refusal_is_told_and_hinders_nothing() -> None:
    """
    The next response may be asked for.
    """
    client = Client()
    event_id = last_id(client.wants(HELLO))
    refused = client.hears("error", **refusal(event_id, "insufficient_quota"))
    assert [event.error.code for event in told(refused, RealtimeModelErrorEvent)] == ["insufficient_quota"]
    assert sent_kinds(client.wants(HELLO)) == [ITEM, CREATE]


def test_a_response_apart_hinders_no_other() -> None:
    """
    It runs beside the conversation, and its items are no part of it.
    """
    client = Client()
    apart = {"response": {"conversation": "none"}}
    client.wants(RealtimeModelSendRawMessage({"type": CREATE, "other_data": apart}))
    client.hears("response.created", response={"id": "resp_1", "conversation_id": None})
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    assert (
        told(client.hears("response.output_item.done", response_id="resp_1", item=item), RealtimeModelItemUpdatedEvent)
        == []
    )
    assert sent_kinds(client.wants(HELLO)) == [ITEM, CREATE]
    stop = RealtimeModelSendInterrupt(force_response_cancel=True, response_id="resp_1")
    assert sent(client.wants(stop)) == [{"type": "response.cancel", "response_id": "resp_1"}]
    client.hears("response.done", response=RESP)
    assert sent(client.wants(stop)) == []


def test_a_server_that_names_no_conversation_has_one() -> None:
    """
    Look-alikes leave out what is only needed to tell responses apart.
    """
    client = Client()
    client.hears("response.created", response={"id": "resp_1", "conversation_id": None})
    item = {"id": "item_1", "type": "message", "role": "assistant"}
    assert told(
        client.hears("response.output_item.done", response_id="resp_1", item=item), RealtimeModelItemUpdatedEvent
    )
    assert sent_kinds(client.wants(HELLO)) == [ITEM]


def test_a_voice_that_cannot_be_changed_costs_no_more_than_the_voice() -> None:
    """
    The server refuses the whole update; all else is sent again.
    """
    client = Client()
    settings = RealtimeModelSendSessionUpdate({"voice": "cedar", "speed": 1.1, "instructions": "Be brief."})
    event_id = last_id(client.wants(settings))
    effects = client.hears("error", **refusal(event_id, "cannot_update_voice"))
    assert sent(effects) == [
        {
            "type": "session.update",
            "session": {"type": "realtime", "instructions": "Be brief.", "audio": {"output": {"speed": 1.1}}},
        }
    ]
    assert "voice" in told(effects, Warn)[0].message
    assert told(effects, RealtimeModelErrorEvent) == []


def test_a_voice_alone_that_cannot_be_changed_is_not_asked_for_again() -> None:
    """
    Nothing is left to be sent.
    """
    client = Client(session_object({"voice": "cedar"}))
    event_id = last_id(client.effects)
    assert not client.session.settled
    assert sent(client.hears("error", **refusal(event_id, "cannot_update_voice"))) == []
    assert client.session.settled


INITIAL = session_object({"instructions": "Be kind.", "input_audio_format": "g711_ulaw", "modalities": ["text"]})
FLAT: dict[str, object] = {"modalities": ["audio", "text"], "input_audio_format": "pcm16", "turn_detection": None}


def opened(session: dict[str, object], dialect: str | None = None) -> list[dict[str, object]]:
    """What is sent to a server that opens the session like this."""
    model = ModelSession(INITIAL, dialect="beta" if dialect == "beta" else "ga" if dialect == "ga" else None)
    text = json.dumps({"type": "session.created", "session": session}).encode()
    return [message["session"] for message in sent(model.receive(text, now_ms=0))]


def test_the_dialect_is_chosen_or_found_out() -> None:
    """
    A server that opens a flat session is set up with one; what was chosen is not doubted.
    """
    flat = {"instructions": "Be kind.", "input_audio_format": "g711_ulaw", "modalities": ["text"]}
    assert opened({"type": "realtime", "audio": {}}) == opened(FLAT, "ga") == [INITIAL]
    assert opened(FLAT) == opened({}, "beta") == [flat]


def test_what_the_beta_has_no_word_for_is_left_out_with_a_warning() -> None:
    """
    One unknown field would have the whole update refused.
    """
    client = Client(dialect="beta")
    effects = client.wants(
        RealtimeModelSendSessionUpdate({"reasoning": {"effort": "low"}, "instructions": "Be brief."})
    )
    assert sent(effects) == [{"type": "session.update", "session": {"instructions": "Be brief."}}]
    assert "reasoning" in told(effects, Warn)[0].message
