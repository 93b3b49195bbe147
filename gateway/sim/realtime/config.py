"""
The session object, and how an update changes it.

An update is carried out as a whole or not at all. `audio` and its two halves are merged key by key; every
other value, unions such as `turn_detection` above all, is replaced by the one that was sent.
"""

import copy
import re
from typing import Any

from gateway.sim.realtime.formats import AudioFormat, audio_format
from gateway.sim.realtime.schema import SESSION
from gateway.sim.realtime.shapes import RefusalError, unknown
from gateway.sim.realtime.turn import Json

SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
PCM: Json = {"type": "audio/pcm", "rate": 24000}
OF_TRANSCRIPTION = ("type", "id", "expires_at", "include")
WITHOUT_ANSWERS = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
REASONING_MODEL = re.compile(r"gpt-realtime-[2-9](\.\d+)?(-mini)?")


def _first(model: str) -> Json:
    return {
        "type": "realtime",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "Your knowledge ends some time ago. You are a helpful, witty and friendly voice.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "audio": {
            "input": {
                "format": PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": SERVER_VAD,
            },
            "output": {"format": PCM, "voice": "marin", "speed": 1.0},
        },
        "include": None,
    }


class SessionConfig:
    """What a session is set to."""

    def __init__(self, session_id: str, model: str, *, expires_at: int) -> None:
        self._fixed = {"object": "realtime.session", "id": session_id, "expires_at": expires_at}
        self._values = copy.deepcopy(_first(model))

    def update(self, wanted: Json, *, has_audio: bool, has_items: bool) -> None:
        """Take over *wanted* as a whole, or refuse it and change nothing."""
        SESSION.check(wanted, "session")
        self._refuse_frozen(wanted, has_audio=has_audio, has_items=has_items)
        merged = _merge(self._values, {key: wanted[key] for key in wanted if key != "model"})
        detection = merged["audio"]["input"]["turn_detection"]
        if detection is not None:
            defaults = SERVER_VAD if detection["type"] == "server_vad" else SEMANTIC_VAD
            merged["audio"]["input"]["turn_detection"] = {**defaults, **detection}
        self._values = merged

    def view(self) -> Json:
        """The session object as clients see it."""
        whole = {**copy.deepcopy(self._values), **self._fixed}
        return whole if whole["type"] == "realtime" else _transcription_view(whole)

    @property
    def id(self) -> str:
        """Identifier of the session."""
        return str(self._fixed["id"])

    @property
    def transcribes_only(self) -> bool:
        """Whether nobody answers in this session."""
        return bool(self._values["type"] == "transcription")

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    @property
    def input_format(self) -> AudioFormat:
        """How the caller's audio is written."""
        return audio_format(self._values["audio"]["input"]["format"])

    @property
    def turn_detection(self) -> Json | None:
        """Who decides where a turn ends, and how; None leaves it to the client."""
        detection: Json | None = self._values["audio"]["input"]["turn_detection"]
        return detection

    @property
    def transcription(self) -> Json | None:
        """What the caller's words are written down with, if they are."""
        transcription: Json | None = self._values["audio"]["input"]["transcription"]
        return transcription

    @property
    def output(self) -> Json:
        """Format, voice and speed of the agent."""
        output: Json = self._values["audio"]["output"]
        return output

    def _refuse_frozen(self, wanted: Json, *, has_audio: bool, has_items: bool) -> None:
        voice = wanted.get("audio", {}).get("output", {}).get("voice", self.output["voice"])
        refuse_other_voice(voice, self.output["voice"], has_audio=has_audio)
        if has_items and wanted["type"] != self._values["type"]:
            raise RefusalError("invalid_value", "Cannot change the type of a session.", param="session.type")
        if "reasoning" in wanted and not REASONING_MODEL.fullmatch(self._values["model"]):
            raise unknown("session.reasoning")
        if (
            self._values["tracing"] is not None
            and wanted.get("tracing", self._values["tracing"]) != self._values["tracing"]
        ):
            raise RefusalError("invalid_value", "Cannot change tracing once it is on.", param="session.tracing")


def _transcription_view(whole: Json) -> Json:
    """What is left of the session object when nobody answers."""
    heard = whole["audio"]["input"]
    if detection := heard["turn_detection"]:
        heard["turn_detection"] = {key: detection[key] for key in detection if key in WITHOUT_ANSWERS}
    kept = {key: whole[key] for key in OF_TRANSCRIPTION}
    return {**kept, "object": "realtime.transcription_session", "audio": {"input": heard}}


def refuse_other_voice(wanted: object, present: object, *, has_audio: bool) -> None:
    """Hold the agent to the voice that it has spoken with."""
    if has_audio and wanted != present:
        message = "Cannot update a conversation's voice if assistant audio is present."
        raise RefusalError("cannot_update_voice", message)


def _merge(present: Json, wanted: Json, path: str = "") -> Json:
    merged = dict(present)
    for key, value in wanted.items():
        where = f"{path}.{key}".lstrip(".")
        container = where in ("audio", "audio.input", "audio.output")
        merged[key] = _merge(present[key], value, where) if container else copy.deepcopy(value)
    return merged
