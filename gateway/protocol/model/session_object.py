"""
The `session` of a GA `session.update`, out of settings.

An update changes what it names, and how deep the server merges is not known: so what is left out of the settings is
left out of the update, never sent as a default, and what is a whole (turn detection, transcription, formats) is sent
whole. A server refuses an update as a whole for one bad field, so what is sure to be refused is refused here, by its
name.
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors import UserError
from gateway.protocol.model.formats import format_object
from gateway.protocol.model.settings import RealtimeSessionModelSettings
from gateway.protocol.model.tools import tool_choice_object, tool_objects

Json = dict[str, Any]

_FLAT = {
    "input_audio_format": ("input", "format"),
    "input_audio_transcription": ("input", "transcription"),
    "input_audio_noise_reduction": ("input", "noise_reduction"),
    "turn_detection": ("input", "turn_detection"),
    "output_audio_format": ("output", "format"),
    "voice": ("output", "voice"),
    "speed": ("output", "speed"),
}
"""Flat settings, and where GA has them."""
_SAME = ("instructions", "prompt", "parallel_tool_calls", "max_output_tokens", "reasoning", "tracing")
_CAN_BE_OFF = {"prompt", "tracing", "transcription", "noise_reduction", "turn_detection"}
"""What None turns off; anything else that is None counts as left out."""
_SERVER_VAD_ONLY = {"threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"}


def session_object(settings: RealtimeSessionModelSettings, *, attached: bool = False) -> Json:
    """
    What *settings* change, and nothing else; empty but for its type when they change nothing.

    The formats of a session that is *attached* to a call were agreed on with whoever called, and are never sent.
    """
    given: Json = dict(settings)
    _refuse_unknown(given)
    session: Json = {"type": "realtime", **_kept({name: given[name] for name in _SAME if name in given})}
    session |= _modalities(given) | _tools(given)
    if audio := _audio(given, attached=attached):
        session["audio"] = audio
    return session


def _refuse_unknown(given: Json) -> None:
    known = RealtimeSessionModelSettings.__annotations__
    if unknown := sorted(given.keys() - known.keys()):
        raise UserError(f"there is no setting {', '.join(unknown)}; there are {', '.join(known)}")


def _kept(given: Json) -> Json:
    return {name: value for name, value in given.items() if value is not None or name in _CAN_BE_OFF}


def _modalities(given: Json) -> Json:
    """A spoken answer comes with its transcript, so GA takes one modality."""
    wanted = given.get("output_modalities") or given.get("modalities")
    if not wanted:
        return {}
    if unknown := set(wanted) - {"audio", "text"}:
        raise UserError(f"the modalities are {list(wanted)}, and {sorted(unknown)} unknown; expected audio or text")
    return {"output_modalities": ["audio"] if "audio" in wanted else ["text"]}


def _tools(given: Json) -> Json:
    found: Json = {}
    if given.get("tools") is not None or given.get("handoffs") is not None:
        found["tools"] = tool_objects(given.get("tools") or (), given.get("handoffs") or ())
    if given.get("tool_choice") is not None:
        found["tool_choice"] = tool_choice_object(given["tool_choice"])
    return found


def _audio(given: Json, *, attached: bool) -> Json:
    halves = {half: dict(values) for half, values in (given.get("audio") or {}).items()}
    if unknown := sorted(halves.keys() - {"input", "output"}):
        raise UserError(f"audio has {', '.join(unknown)}; expected input and output")
    for flat, (half, name) in _FLAT.items():
        if flat in given:
            if name in halves.setdefault(half, {}):
                raise UserError(f"{flat} is given, and audio.{half}.{name} too; expected one of them")
            halves[half][name] = given[flat]
    written = {half: _half(values, attached=attached) for half, values in halves.items()}
    return {half: values for half, values in written.items() if values}


def _half(values: Json, *, attached: bool) -> Json:
    kept = _kept(values)
    if "format" in kept:
        wanted = format_object(kept.pop("format"))
        kept = kept if attached else {"format": wanted, **kept}
    _check_turn_detection(kept.get("turn_detection"))
    return kept


def _check_turn_detection(wanted: object) -> None:
    if not isinstance(wanted, Mapping) or wanted.get("type") != "semantic_vad":
        return
    if refused := sorted(_SERVER_VAD_ONLY & wanted.keys()):
        raise UserError(f"turn detection by semantic_vad has no {', '.join(refused)}; only server_vad has")
