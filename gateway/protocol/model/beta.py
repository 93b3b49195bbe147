"""
The beta's dialect, which Azure's preview and look-alikes still speak: other names, and a session without nesting.

What comes in is understood in either dialect. What goes out is written in the server's: `to_beta` says what is left
of a session update, and which of its fields the beta has no word for.
"""

from typing import Any

from gateway.protocol.codec import BETA_NAMES
from gateway.protocol.model.formats import beta_format

Json = dict[str, Any]

LEGACY_NAMES = {
    **BETA_NAMES,
    "conversation.item.created": "conversation.item.added",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
"""Names of the beta, and what GA calls the same thing."""

_AUDIO = {
    ("input", "transcription"): "input_audio_transcription",
    ("input", "noise_reduction"): "input_audio_noise_reduction",
    ("input", "turn_detection"): "turn_detection",
    ("output", "voice"): "voice",
    ("output", "speed"): "speed",
}
_SAME = ("instructions", "tools", "tool_choice", "tracing")
_UNKNOWN = ("prompt", "parallel_tool_calls", "reasoning")


def to_beta(session: Json) -> tuple[Json, list[str]]:
    """
    The beta's session for a GA one, and the names of what it cannot be told.

    >>> to_beta({"type": "realtime", "output_modalities": ["audio"], "reasoning": {"effort": "low"}})
    ({'modalities': ['audio', 'text']}, ['reasoning'])
    """
    flat = {name: session[name] for name in _SAME if name in session}
    if "output_modalities" in session:
        flat["modalities"] = ["audio", "text"] if "audio" in session["output_modalities"] else ["text"]
    if "max_output_tokens" in session:
        flat["max_response_output_tokens"] = session["max_output_tokens"]
    return flat | _audio(session.get("audio", {})), [name for name in _UNKNOWN if name in session]


def _audio(audio: Json) -> Json:
    flat = {name: audio[half][key] for (half, key), name in _AUDIO.items() if key in audio.get(half, {})}
    formats = {
        f"{half}_audio_format": beta_format(values["format"]) for half, values in audio.items() if "format" in values
    }
    return flat | formats
