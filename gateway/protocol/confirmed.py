"""The session as a server confirms it, nested as GA has it or flat as the beta had it."""

from typing import Any

from gateway.protocol.events import SessionUpdated

_FORMATS = {"g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma", "pcm16": "audio/pcm"}


def confirmed_session(session: dict[str, Any]) -> SessionUpdated:
    """What of a `session` object decides how its server is dealt with."""
    audio = _section(session, "audio")
    turn_detection = _section(audio, "input").get("turn_detection", session.get("turn_detection"))
    turns = turn_detection if isinstance(turn_detection, dict) else {}
    return SessionUpdated(
        input_format=_format(_section(audio, "input").get("format", session.get("input_audio_format"))),
        output_format=_format(_section(audio, "output").get("format", session.get("output_audio_format"))),
        interrupts=bool(turns) and turns.get("interrupt_response") is not False,
        responds=bool(turns) and turns.get("create_response") is not False,
    )


def is_flat(session: dict[str, Any]) -> bool:
    """
    Whether a session is written as the beta wrote it.

    >>> is_flat({"input_audio_format": "pcm16"}), is_flat({"type": "realtime", "audio": {}}), is_flat({})
    (True, False, False)
    """
    return "audio" not in session and not session.keys().isdisjoint(_FLAT)


_FLAT = ("modalities", "voice", "input_audio_format", "output_audio_format", "turn_detection")


def _section(parent: dict[str, Any], name: str) -> dict[str, Any]:
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def _format(found: object) -> str:
    """
    The GA name of an audio format, whichever way a server writes it.

    >>> _format({"type": "audio/pcmu"}), _format("g711_ulaw")
    ('audio/pcmu', 'audio/pcmu')
    """
    name = str(found.get("type")) if isinstance(found, dict) else str(found)
    return _FORMATS.get(name, name)
