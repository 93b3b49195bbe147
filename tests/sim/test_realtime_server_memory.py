"""The conversation's items: what clients may do to them, truncation above all."""

import base64

import pytest

from gateway.sim.realtime import Behaviour, Call, Say
from tests.sim.realtime_script import Json, Script, only_error, says, tone

TRUNCATE = "conversation.item.truncate"
CREATE = "conversation.item.create"


def user(text: str, **fields: object) -> Json:
    """A message of the caller in writing."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **fields}


def answered(length_ms: int = 1_000) -> tuple[Script, str]:
    """A session in which the agent has spoken, and the id of what it said."""
    script = Script(says(length_ms)).phone()
    script.respond()
    return script, script.engine.items[0].id


def truncate(script: Script, item_id: str, audio_end_ms: object, /, **fields: object) -> list[Json]:
    """Ask for a truncation."""
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return script.send(TRUNCATE, **{**place, **fields})


def test_truncation_shortens_what_is_remembered() -> None:
    """
    The item keeps the audio before the point and loses its words; what went out is still on record.
    """
    script, item_id = answered()
    (truncated,) = truncate(script, item_id, 333)
    assert (truncated["type"], truncated["audio_end_ms"]) == ("conversation.item.truncated", 333)
    (retrieved,) = script.send("conversation.item.retrieve", item_id=item_id)
    (content,) = retrieved["item"]["content"]
    assert base64.b64decode(content["audio"]) == tone(1_000)[: 333 * 8]
    assert "transcript" not in content
    part = script.engine.items[0].parts[0]
    assert (part.audio_ms, part.generated_ms, part.text) == (333, 1_000, "Good morning to you.")


@pytest.mark.parametrize("audio_end_ms", [0, 1_000])
def test_truncation_reaches_from_nothing_to_everything(audio_end_ms: int) -> None:
    """
    0 and the exact length are both accepted.
    """
    script, item_id = answered()
    assert truncate(script, item_id, audio_end_ms)[0]["type"] == "conversation.item.truncated"
    assert script.engine.items[0].parts[0].audio_ms == audio_end_ms
    assert [truncation.outcome for truncation in script.engine.truncations] == ["accepted"]


def test_truncation_is_measured_in_the_format_of_the_item() -> None:
    """
    A fraction of a ms at the end of an item does not count.
    """
    script = Script(Behaviour(reply=lambda turn: (Say("x", tone(1_000)[:-3]),))).phone()
    script.respond()
    item_id = script.engine.items[0].id
    assert only_error(truncate(script, item_id, 1_000))["code"] == "invalid_value"
    assert truncate(script, item_id, 999)[0]["type"] == "conversation.item.truncated"


REFUSALS = {
    "too long": ({"audio_end_ms": 1_001}, "invalid_value"),
    "decimal": ({"audio_end_ms": 12.5}, "invalid_type"),
    "negative": ({"audio_end_ms": -1}, "invalid_value"),
    "no such item": ({"item_id": "item_none"}, "item_truncate_invalid_item_id"),
    "no such part": ({"content_index": 1}, "invalid_value"),
    "other field": ({"audio_start_ms": 1}, "unknown_parameter"),
}


@pytest.mark.parametrize(("fields", "code"), REFUSALS.values(), ids=REFUSALS)
def test_truncation_refuses_what_cannot_be(fields: Json, code: str) -> None:
    """
    Each refusal has its code, is on record, and leaves the item as it was.
    """
    script, item_id = answered()
    error = only_error(truncate(script, item_id, 500, **fields))
    assert error["code"] == code
    assert [truncation.outcome for truncation in script.engine.truncations] == [code]
    assert script.engine.items[0].parts[0].audio_ms == 1_000


def test_truncation_says_how_short_the_item_is() -> None:
    """
    The message of a refusal has both lengths in it; a second truncation is held against the first.
    """
    script, item_id = answered()
    truncate(script, item_id, 400)
    error = only_error(truncate(script, item_id, 500, event_id="t2"))
    assert error["message"] == "Audio content of 400ms is already shorter than 500ms"
    assert error["event_id"] == "t2"


@pytest.mark.parametrize("field", ["item_id", "content_index", "audio_end_ms"])
def test_truncation_needs_all_its_fields(field: str) -> None:
    """
    What is missing is named.
    """
    script, item_id = answered()
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": 1}
    del place[field]
    error = only_error(script.send(TRUNCATE, **place))
    assert (error["code"], error["param"]) == ("missing_required_parameter", field)


def test_only_the_agents_voice_can_be_truncated() -> None:
    """
    Messages of the caller, function calls, and messages without audio so far are refused.
    """
    reply = (Say("Hello.", tone(500)), Call("lookup"))
    script = Script(Behaviour(reply=lambda turn: reply, first_audio_ms=500)).phone()
    script.send(CREATE, item=user("hi", id="mine"))
    script.send("response.create")
    script.run(450)
    unheard = script.engine.items[1]
    assert unheard.parts
    refused = [only_error(truncate(script, item_id, 0))["code"] for item_id in ("mine", unheard.id)]
    script.run(10_000)
    refused.append(only_error(truncate(script, script.engine.items[2].id, 0))["code"])
    assert refused == ["unsupported_content_type"] * 3


def test_truncation_does_not_stop_generation() -> None:
    """
    An item truncated while it is generated goes on being sent, and what is remembered stays short.
    """
    script = Script(says(2_000)).phone()
    script.send("response.create")
    script.run(620)
    part = script.engine.items[0].parts[0]
    assert part.generated_ms == 750
    truncate(script, script.engine.items[0].id, 700)
    script.run(10_000)
    assert (part.audio_ms, part.generated_ms) == (700, 2_000)
    assert script.of_type("response.done")[0]["response"]["status"] == "completed"


def test_a_server_may_believe_an_item_to_be_shorter() -> None:
    """
    With a missing tail the refusal comes earlier, and quotes what the server believes.
    """
    behaviour = Behaviour(reply=says(1_000).reply, missing_tail_ms=85)
    script = Script(behaviour).phone()
    script.respond()
    item_id = script.engine.items[0].id
    assert "915ms" in only_error(truncate(script, item_id, 916))["message"]
    assert truncate(script, item_id, 915)[0]["type"] == "conversation.item.truncated"


def test_items_are_put_where_they_belong() -> None:
    """
    At the end, at the front, or behind another; behind an unknown one they are not put at all.
    """
    script = Script(says(100))
    places = [("a", {}), ("b", {}), ("c", {"previous_item_id": "a"}), ("d", {"previous_item_id": "root"})]
    before = [script.send(CREATE, item=user("x", id=name), **place)[0]["previous_item_id"] for name, place in places]
    assert before == [None, "a", "a", None]
    assert [item.id for item in script.engine.context.conversation.items] == ["d", "a", "c", "b"]
    error = only_error(script.send(CREATE, item=user("x"), previous_item_id="nobody"))
    assert (error["code"], error["param"]) == ("invalid_value", "previous_item_id")
    assert len(script.engine.items) == 4


def test_a_name_may_be_used_twice() -> None:
    """
    An item with a known id is added all the same, as if it came after itself.
    """
    script = Script(says(100))
    script.send(CREATE, item=user("one", id="same"))
    added = script.send(CREATE, item=user("two", id="same"))
    assert [event["previous_item_id"] for event in added] == ["same", "same"]
    assert len(script.engine.items) == 2


def test_retrieve_and_delete() -> None:
    """
    An item can be shown and forgotten; an item that is not there can be neither.
    """
    script = Script(says(100))
    script.send(CREATE, item=user("hello", id="mine"))
    (retrieved,) = script.send("conversation.item.retrieve", item_id="mine")
    assert retrieved["item"]["content"] == [{"type": "input_text", "text": "hello"}]
    assert script.send("conversation.item.delete", item_id="mine")[0]["item_id"] == "mine"
    assert script.engine.items[0].deleted
    for action in ("retrieve", "delete"):
        error = only_error(script.send(f"conversation.item.{action}", item_id="mine"))
        assert error["code"] == f"item_{action}_invalid_item_id"


BAD_ITEMS = {
    "agent audio": (
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": "AAAA"}]},
        "missing_required_parameter",
        "item.content[0].text",
    ),
    "agent input": (
        {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
        "invalid_value",
        "item.content[0].type",
    ),
    "system audio": (
        {"type": "message", "role": "system", "content": [{"type": "input_audio", "audio": "AAAA"}]},
        "invalid_value",
        "item.content[0].type",
    ),
    "no type": ({"role": "user", "content": []}, "missing_required_parameter", "item.type"),
    "no role": ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
    "call id": (
        {"type": "function_call_output", "call_id": "a b", "output": ""},
        "invalid_value",
        "item.call_id",
    ),
    "output": (
        {"type": "function_call_output", "call_id": "a", "output": {}},
        "invalid_type",
        "item.output",
    ),
}


@pytest.mark.parametrize(("item", "code", "param"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_bad_items_are_not_added(item: Json, code: str, param: str) -> None:
    """
    An item that makes no sense is refused by the path of what is wrong in it.
    """
    script = Script(says(100))
    error = only_error(script.send(CREATE, item=item))
    assert (error["code"], error["param"]) == (code, param)
    assert not script.engine.items
