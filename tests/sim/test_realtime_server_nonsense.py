"""Nonsense: whatever a client sends, the emulated server refuses it or does it, and goes on."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sim.realtime import Behaviour
from gateway.sim.realtime.schema import CLIENT_EVENTS
from tests.sim.realtime_script import Script, says

NAMES = st.sampled_from(
    [
        "type",
        "event_id",
        "session",
        "audio",
        "input",
        "output",
        "format",
        "turn_detection",
        "item",
        "item_id",
        "content",
        "role",
        "call_id",
        "content_index",
        "audio_end_ms",
        "response",
        "conversation",
        "metadata",
        "tools",
        "tool_choice",
        "voice",
        "text",
        "id",
        "previous_item_id",
        "create_response",
        "modalities",
        "arguments",
        "name",
        "transcription",
        "include",
        "tracing",
    ]
)
WORDS = st.sampled_from(
    [
        "realtime",
        "transcription",
        "server_vad",
        "semantic_vad",
        "audio/pcmu",
        "audio/pcm",
        "message",
        "function_call",
        "function_call_output",
        "user",
        "assistant",
        "system",
        "input_text",
        "input_audio",
        "output_text",
        "item_reference",
        "none",
        "auto",
        "AAAA",
        "root",
        "item_x",
        "mcp",
        "function",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(list(CLIENT_EVENTS)),
    st.dictionaries(NAMES, VALUES, max_size=4),
)
FRAMES = (EVENTS | VALUES).map(json.dumps) | st.text(max_size=20)
SHORT = says(300).reply


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(FRAMES, max_size=6), dialect=st.sampled_from(["ga", "beta"]))
def test_nonsense_never_ends_a_session(frames: list[str], dialect: Any) -> None:
    """
    After any frames at all the session answers the next sensible one.
    """
    script = Script(Behaviour(reply=SHORT, dialect=dialect))
    for frame in frames:
        script.send_text(frame)
    script.run(10_000)
    assert script.send("input_audio_buffer.clear")[-1]["type"] == "input_audio_buffer.cleared"
    assert not script.commands
