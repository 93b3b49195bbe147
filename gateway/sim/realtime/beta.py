"""
The dialect of the beta API: older names for the same events, and a session without nesting.

`to_beta` translates what the emulator sends, `from_beta` what it receives. In the beta an item was announced
once, by `conversation.item.created`; the GA's second announcement has no counterpart.
"""

from gateway.sim.realtime.shapes import unknown
from gateway.sim.realtime.turn import Json

RENAMED = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
CONTENT = {"output_text": "text", "output_audio": "audio"}
FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
GA_FORMATS: dict[str, Json] = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
NESTED = {
    "input_audio_format": ("input", "format"),
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "output_audio_format": ("output", "format"),
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
}
NEWER = ("type", "audio", "output_modalities")
SAME = ("id", "object", "model", "expires_at", "instructions", "tools", "tool_choice", "tracing")


def to_beta(event: Json) -> Json | None:
    """The event under its older name; None if the beta had none."""
    if event["type"] == "conversation.item.done":
        return None
    event = {**event, "type": RENAMED.get(event["type"], event["type"])}
    if "session" in event:
        event["session"] = _flat_session(event["session"])
    if "item" in event:
        event["item"] = _older_item(event["item"])
    if "response" in event:
        event["response"] = _flat_response(event["response"])
    return event


def from_beta(event: Json) -> Json:
    """The GA form of a client event; what has none stays, and will be refused."""
    for key in ("session", "response"):
        if isinstance(event.get(key), dict):
            event = {**event, key: _nested(event[key], key)}
    if isinstance(event.get("session"), dict):
        event["session"] = {**event["session"], "type": "realtime"}
    if isinstance(event.get("item"), dict):
        event = {**event, "item": _newer_item(event["item"])}
    return event


def _flat_session(session: Json) -> Json:
    flat = {key: session[key] for key in SAME if key in session}
    for old, (half, key) in NESTED.items():
        value = session["audio"].get(half, {}).get(key)
        flat[old] = FORMATS[value["type"]] if key == "format" else value
    flat["modalities"] = _modalities(session["output_modalities"])
    flat["max_response_output_tokens"] = session["max_output_tokens"]
    return {**flat, "temperature": 0.8}


def _flat_response(response: Json) -> Json:
    flat = {key: value for key, value in response.items() if key not in ("audio", "output_modalities")}
    output = response["audio"]["output"]
    flat["output"] = [_older_item(item) for item in response["output"]]
    flat["modalities"] = _modalities(response["output_modalities"])
    flat["output_audio_format"] = FORMATS[output["format"]["type"]]
    return {**flat, "voice": output["voice"], "temperature": 0.8}


def _modalities(newer: list[str]) -> list[str]:
    return ["audio", "text"] if "audio" in newer else ["text"]


def _older_item(item: Json) -> Json:
    if "content" not in item:
        return item
    return {**item, "content": [_older_part(part) for part in item["content"]]}


def _older_part(part: Json) -> Json:
    return {**part, "type": CONTENT.get(part["type"], part["type"])}


def _newer_item(item: Json) -> Json:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [_newer_part(part) for part in item["content"]]}


def _newer_part(part: object) -> object:
    if not isinstance(part, dict) or part.get("type") not in CONTENT.values():
        return part
    return {**part, "type": f"output_{part['type']}"}


def _newer_modalities(older: object) -> object:
    if not isinstance(older, list):
        return older
    return ["audio"] if "audio" in older else ["text"]


def _nested(flat: Json, path: str) -> Json:
    for newer in NEWER:
        if newer in flat:
            raise unknown(f"{path}.{newer}")
    rest = {key: value for key, value in flat.items() if key not in NESTED and key != "temperature"}
    if "modalities" in rest:
        rest["output_modalities"] = _newer_modalities(rest.pop("modalities"))
    if "max_response_output_tokens" in rest:
        rest["max_output_tokens"] = rest.pop("max_response_output_tokens")
    audio: Json = {}
    for old, (half, key) in NESTED.items():
        if old in flat:
            value = GA_FORMATS.get(str(flat[old]), flat[old]) if key == "format" else flat[old]
            audio.setdefault(half, {})[key] = value
    return {**rest, "audio": audio} if audio else rest
