"""Everything the emulated server sends is what the official client library expects."""

import typing

import pytest
from openai import BaseModel
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_session_create_response import RealtimeSessionCreateResponse
from openai.types.realtime.realtime_transcription_session_create_response import (
    RealtimeTranscriptionSessionCreateResponse,
)
from pydantic import TypeAdapter

from gateway.sim.realtime import Behaviour, Call, Fail, Reply, Say, Stop, Turn
from tests.sim.realtime_script import Json, Script, silence, tone

OFFICIAL: TypeAdapter[object] = TypeAdapter(RealtimeServerEvent)
SESSIONS: dict[str, type[BaseModel]] = {
    "realtime": RealtimeSessionCreateResponse,
    "transcription": RealtimeTranscriptionSessionCreateResponse,
}
READ_ONLY = {".session.id", ".session.object", ".session.expires_at"}
"""What the types of session events do not declare, and those of sessions do."""

REPLIES: tuple[Reply, ...] = (
    (Say("Hello, how are you?", tone(600)), Say("Well?", tone(300))),
    (Say("One moment.", tone(400)), Call("lookup", {"number": 7}, "call_1"), Call("broken", "{", "call_2")),
    (Say("Here it is.", tone(30_000)),),
    (Say("Oh", tone(200)), Fail("insufficient_quota", "No money.", "insufficient_quota")),
    (Say("And so", tone(200)), Stop("content_filter")),
)
FUNCTION = {"type": "function", "name": "lookup", "description": "Look up.", "parameters": {"type": "object"}}


def reply(turn: Turn) -> Reply:
    """One kind of answer after the other."""
    return REPLIES[turn.ordinal % len(REPLIES)]


def conversation(**knobs: object) -> list[Json]:
    """A call in which everything happens."""
    knobs = {"reply": reply, "first_audio_ms": 200, "transcribe": lambda ordinal, audio: "Yes please", **knobs}
    script = Script(Behaviour(**knobs))  # type: ignore[arg-type]  # any knob at all
    script.phone(transcription={"model": "gpt-4o-transcribe"})
    remote = {"type": "mcp", "server_label": "docs", "server_url": "https://example.com"}
    script.send("session.update", session={"type": "realtime", "tools": [FUNCTION, remote]})
    script.respond(instructions="Greet.", metadata={"why": "greeting"})
    script.caller(tone(800) + silence(700))
    script.run(10_000)
    for call_id in ("call_1", "call_3"):
        output = {"type": "function_call_output", "call_id": call_id, "output": "{}"}
        script.send("conversation.item.create", item=output)
    script.send("response.create")
    script.send("response.create", event_id="twice")
    script.run(1_000)
    script.caller(tone(800) + silence(700))
    script.run(10_000)
    item = next(item for item in script.engine.items if item.type == "message" and item.role == "assistant")
    for audio_end_ms in (100, 200):
        place = {"item_id": item.id, "content_index": 0, "audio_end_ms": audio_end_ms}
        script.send("conversation.item.truncate", **place)
    script.send("conversation.item.retrieve", item_id=item.id)
    script.send("conversation.item.delete", item_id=item.id)
    script.respond()
    script.respond(conversation="none", output_modalities=["text"])
    script.caller(tone(300))
    script.send("input_audio_buffer.clear")
    script.send("input_audio_buffer.commit")
    script.send_text("{")
    return script.events


def sip_call() -> list[Json]:
    """A call on the server's own line, interrupted by the caller."""
    script = Script(Behaviour(reply=reply, sideband_audio=True), sip={"instructions": "Be kind."})
    script.send("response.create")
    script.run(10_000)
    script.send("response.create")
    script.run(700)
    script.send("output_audio_buffer.clear")
    script.press("9")
    return script.events


def idle_call() -> list[Json]:
    """A caller who says nothing."""
    idle = {"type": "server_vad", "idle_timeout_ms": 5000}
    script = Script(Behaviour(reply=reply, conversation_created=True)).phone(turn_detection=idle)
    script.respond()
    script.caller(silence(8_000))
    return script.events


def transcription_session() -> list[Json]:
    """A session in which nobody answers, and words are not understood."""
    script = Script(Behaviour(transcription_fails=True))
    audio = {"input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "whisper-1"}}}
    script.send("session.update", session={"type": "transcription", "audio": audio})
    script.caller(tone(500) + silence(900))
    return script.events


def all_events() -> dict[str, list[Json]]:
    """Every event of every scenario, by type."""
    events = [*conversation(), *conversation(transcription_after_response=True, mcp_tools=("search",))]
    events += sip_call() + idle_call() + transcription_session()
    by_type: dict[str, list[Json]] = {}
    for event in events:
        by_type.setdefault(event["type"], []).append(event)
    return by_type


EVENTS = all_events()


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_what_the_official_types_declare(kind: str) -> None:
    """
    Each event is recognised as its own type, with no field, however deep, that is not declared.
    """
    for event in EVENTS[kind]:
        recognised = OFFICIAL.validate_python(event)
        assert isinstance(recognised, BaseModel)
        assert typing.get_args(type(recognised).model_fields["type"].annotation) == (kind,)
        assert set(undeclared(recognised)) <= READ_ONLY


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_sessions_are_what_the_official_types_declare(kind: str) -> None:
    """
    The session object is recognised too, with the fields that only the server may set.
    """
    for event in EVENTS[kind]:
        official = SESSIONS[event["session"]["type"]]
        assert undeclared(official.model_validate(event["session"])) == []


def undeclared(value: object, path: str = "") -> list[str]:
    """The fields in *value* that its class does not declare."""
    if isinstance(value, list):
        return [found for index, element in enumerate(value) for found in undeclared(element, f"{path}[{index}]")]
    if not isinstance(value, BaseModel):
        return []
    extra = [f"{path}.{name}" for name in value.model_extra or ()]
    deeper = (undeclared(getattr(value, name), f"{path}.{name}") for name in type(value).model_fields)
    return extra + [found for part in deeper for found in part]


def test_the_scenarios_cover_what_the_server_can_say() -> None:
    """
    The scenarios leave out no event that the emulated server ever sends.
    """
    official = {
        typing.get_args(model.model_fields["type"].annotation)[0]
        for model in typing.get_args(typing.get_args(RealtimeServerEvent)[0])
    }
    never_sent = {
        "conversation.item.created",
        "conversation.item.input_audio_transcription.segment",
        "mcp_list_tools.failed",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
    }
    assert set(EVENTS) == official - never_sent
