"""What a session on the realtime side is opened and configured with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from gateway.errors import ConfigError

PCMU = "audio/pcmu"
"""G.711 mu-law at 8 kHz, by the name of the realtime API; it takes no rate."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """
    How a phone's session is set up: PCMU both ways, and turns taken by the server.

    Every union-typed object is sent whole, because how deep the server merges is not known.
    """

    instructions: str = ""
    voice: str = "marin"
    turn_detection: Mapping[str, object] = field(default_factory=lambda: {"type": "server_vad"})
    transcription_model: str | None = "gpt-4o-mini-transcribe"
    """Transcribes the caller; None leaves the caller's side without text."""
    tools: tuple[Mapping[str, object], ...] = ()
    """Functions that the model may call, as the realtime API describes them."""
    attached: bool = False
    """Whether the session belongs to a call that came by SIP, whose formats were agreed on there."""

    def to_wire(self) -> dict[str, object]:
        """The `session` object of a GA `session.update`."""
        transcription = {"model": self.transcription_model} if self.transcription_model else None
        formats = {} if self.attached else {"format": {"type": PCMU}}
        tools = {"tools": [dict(tool) for tool in self.tools]} if self.tools else {}
        return {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": self.instructions,
            **tools,
            "audio": {
                "input": {
                    **formats,
                    "noise_reduction": None,
                    "transcription": transcription,
                    "turn_detection": dict(self.turn_detection),
                },
                "output": {**formats, "voice": self.voice},
            },
        }


def session_url(base: str, *, model: str | None = None, call_id: str | None = None) -> str:
    """
    The address that opens a session for *model*, or attaches to the one of a call that came by SIP.

    Raises `ConfigError` unless exactly one of the two is given.

    >>> session_url("https://api.openai.com/v1/realtime", model="gpt-realtime")
    'wss://api.openai.com/v1/realtime?model=gpt-realtime'
    """
    if (model is None) == (call_id is None):
        given = "both" if model is not None else "neither"
        raise ConfigError(
            f"a realtime session needs either model or call_id; found {given} (model={model!r}, "
            f"call_id={call_id!r}): the model of a call that came by SIP was fixed when it was accepted"
        )
    parts = urlsplit(base)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise ConfigError(f"the realtime address is {base!r}; expected ws://, wss://, http:// or https://")
    chosen = {"model": model} if model is not None else {"call_id": call_id}
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"model", "call_id"}]
    query = urlencode([*kept, *chosen.items()], quote_via=quote)
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path, query, ""))
