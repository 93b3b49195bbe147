"""A session is set to what was asked for, and to nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest

from gateway.errors import UserError
from gateway.protocol.model.beta import to_beta
from gateway.protocol.model.formats import format_name
from gateway.protocol.model.session_object import session_object
from gateway.protocol.model.settings import RealtimeSessionModelSettings
from gateway.sim.realtime import Behaviour
from tests.protocol.official_types import undeclared
from tests.sim.realtime_script import Script

Json = dict[str, Any]

PCM = {"type": "audio/pcm", "rate": 24000}
LOOKUP = {"type": "function", "name": "lookup", "description": "Looks it up.", "parameters": {"type": "object"}}
SERVER_VAD = {"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000, "interrupt_response": False}
SEMANTIC_VAD = {"type": "semantic_vad", "eagerness": "low", "create_response": True}
TRACING = {"workflow_name": "front desk", "group_id": "42", "metadata": {"a": "b"}}

FORMATS = {"pcm16": PCM, "g711_ulaw": {"type": "audio/pcmu"}, "G711_ALAW": {"type": "audio/pcma"}, "audio/pcm": PCM}
VALUES: dict[str, dict[str, list[Any]]] = {
    "instructions": {"instructions": ["", "Be kind."]},
    "prompt": {"prompt": [{"id": "pmpt_1", "version": "2", "variables": {"name": "Ada"}}, None]},
    "modalities": {"output_modalities": [["audio"], ["text"]]},
    "output_modalities": {"output_modalities": [["audio"], ["text"]]},
    "tool_choice": {"tool_choice": ["auto", "none", "required", {"type": "function", "name": "lookup"}]},
    "parallel_tool_calls": {"parallel_tool_calls": [True, False]},
    "tools": {"tools": [[], [LOOKUP], [{"type": "mcp", "server_label": "shop", "server_url": "https://shop.test"}]]},
    "handoffs": {"tools": [[], [{**LOOKUP, "name": "to_billing"}]]},
    "max_output_tokens": {"max_output_tokens": [1, 4096, "inf"]},
    "reasoning": {"reasoning": [{"effort": "low"}]},
    "tracing": {"tracing": ["auto", None, TRACING]},
    "voice": {"audio.output.voice": ["marin", {"id": "voice_1"}]},
    "speed": {"audio.output.speed": [0.25, 1.5]},
    "input_audio_format": {"audio.input.format": list(FORMATS.values())},
    "output_audio_format": {"audio.output.format": list(FORMATS.values())},
    "input_audio_transcription": {"audio.input.transcription": [{"model": "whisper-1", "language": "en"}, None]},
    "input_audio_noise_reduction": {"audio.input.noise_reduction": [{"type": "far_field"}, None]},
    "turn_detection": {"audio.input.turn_detection": [SERVER_VAD, SEMANTIC_VAD, None]},
}
"""For each setting, its place in the session, and what it may be there and as a setting."""

CHOICES = {name: st.sampled_from(next(iter(places.values()))) for name, places in VALUES.items()}
SETTINGS = st.fixed_dictionaries({}, optional=CHOICES).filter(
    lambda given: {"modalities", "output_modalities"} - given.keys()
)


def session(settings: Json, *, attached: bool = False) -> Json:
    """The session that *settings* make."""
    return session_object(cast("RealtimeSessionModelSettings", settings), attached=attached)


def places(value: Json, path: str = "") -> Iterator[str]:
    """Where something is said, below the two halves of `audio`."""
    for name, inner in value.items():
        where = f"{path}{name}"
        if where in {"audio", "audio.input", "audio.output"}:
            yield from places(inner, f"{where}.")
        else:
            yield where


@given(SETTINGS)
def test_a_session_is_what_the_official_types_declare(settings: Json) -> None:
    """
    Whatever is asked for, no field is sent that the server does not know, nor any of the wrong type.
    """
    wire = session(settings)
    official = RealtimeSessionCreateRequest.model_validate(wire)
    assert list(undeclared(official)) == []
    assert official.to_dict(mode="json") == wire


@given(SETTINGS)
def test_what_is_left_out_is_not_sent(settings: Json) -> None:
    """
    An update says what was asked for, in its place, and nothing else.
    """
    asked = {place for name in settings for place in VALUES[name]}
    assert set(places(session(settings))) == {"type"} | asked


@given(SETTINGS)
def test_a_session_that_is_attached_keeps_its_formats(settings: Json) -> None:
    """
    They were agreed on with whoever called, and a default in their place is static on the line.
    """
    kept = {place for place in places(session(settings)) if not place.endswith(".format")}
    assert set(places(session(settings, attached=True))) == kept


@given(SETTINGS)
def test_the_betas_servers_take_what_they_have_a_word_for(settings: Json) -> None:
    """
    Flat, under the old names; what the beta does not know is left out, and named.
    """
    if isinstance(settings.get("voice"), dict):
        settings = {**settings, "voice": "marin"}
    flat, unknown = to_beta(session(settings))
    assert set(unknown) == settings.keys() & {"prompt", "parallel_tool_calls", "reasoning"}
    answers = Script(Behaviour(dialect="beta")).send("session.update", session=flat)
    assert [answer["type"] for answer in answers if not answer["type"].startswith(("mcp", "conversation"))] == [
        "session.updated"
    ]


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (["pcm16", "pcm", "audio/pcm", {"type": "audio/pcm"}, {"type": "audio/pcm", "rate": 24000}], "audio/pcm"),
        (["g711_ulaw", "g711-ulaw", "ulaw", "mulaw", "PCMU", "audio/pcmu", {"type": "audio/pcmu"}], "audio/pcmu"),
        (["g711_alaw", "alaw", "pcma", "audio/pcma", {"type": "g711_alaw"}], "audio/pcma"),
    ],
)
def test_a_format_is_the_same_in_every_spelling(spellings: list[object], name: str) -> None:
    """
    Audio that is counted in the wrong format is cut at the wrong place.
    """
    assert {format_name(spelling) for spelling in spellings} == {name}
    wires = [session({"output_audio_format": spelling})["audio"]["output"]["format"] for spelling in spellings]
    assert all(wire == ({"type": name, "rate": 24000} if name == "audio/pcm" else {"type": name}) for wire in wires)


def test_audio_may_be_nested_or_flat() -> None:
    """
    Both say the same.
    """
    flat = {"voice": "marin", "turn_detection": SERVER_VAD, "input_audio_format": "pcm16"}
    nested = {"audio": {"input": {"turn_detection": SERVER_VAD, "format": "pcm16"}, "output": {"voice": "marin"}}}
    assert session(flat) == session(nested)


def test_a_spoken_answer_has_its_transcript() -> None:
    """
    The API takes one modality; who asks for sound and text gets both by asking for sound.
    """
    assert session({"modalities": ["text", "audio"]})["output_modalities"] == ["audio"]


@pytest.mark.parametrize("name", ["instructions", "voice", "input_audio_format", "tools", "max_output_tokens"])
def test_none_is_left_out_where_nothing_can_be_off(name: str) -> None:
    """
    Servers refuse a format that is null.
    """
    assert session({name: None}) == {"type": "realtime"}


def test_the_model_is_not_part_of_the_session() -> None:
    """
    It is fixed by the address.
    """
    assert session({"model_name": "gpt-realtime"}) == {"type": "realtime"}


@dataclass(frozen=True)
class Tool:
    """A tool as users write one."""

    name: str = "weather"
    description: str = "Tells the weather."
    params_json_schema: Json = field(default_factory=lambda: {"type": "object"})


@dataclass(frozen=True)
class Handoff:
    """Another agent."""

    tool_name: str = "to_billing"
    tool_description: str = "Hands over to billing."
    input_json_schema: Json = field(default_factory=dict)


def test_handoffs_are_tools() -> None:
    """
    The model is told of both in one list, tools first, however they are written.
    """
    tools = session({"tools": [Tool(), LOOKUP], "handoffs": [Handoff()], "tool_choice": "weather"})
    assert [tool["name"] for tool in tools["tools"]] == ["weather", "lookup", "to_billing"]
    assert tools["tools"][0] == {
        "type": "function",
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object"},
    }
    assert tools["tool_choice"] == {"type": "function", "name": "weather"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"voise": "marin"}, "voise"),
        ({"modalities": ["smell"]}, "smell"),
        ({"input_audio_format": "mp3"}, "mp3"),
        ({"output_audio_format": {"type": "audio/opus"}}, "audio/opus"),
        ({"output_audio_format": 8}, "8"),
        ({"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}, "threshold"),
        ({"voice": "marin", "audio": {"output": {"voice": "cedar"}}}, "audio.output.voice"),
        ({"audio": {"imput": {}}}, "imput"),
        ({"tools": [7]}, "7"),
        ({"handoffs": [Tool()]}, "tool_name"),
        ({"tools": [Tool()], "handoffs": [Handoff("weather")]}, "weather"),
    ],
)
def test_what_is_sure_to_be_refused_is_refused_here(settings: Json, named: str) -> None:
    """
    A server refuses a whole update for one bad field; the message names it.
    """
    with pytest.raises(UserError, match=named.replace(".", r"\.")):
        session(settings)
