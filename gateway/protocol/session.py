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
    voice: str | None = "marin"
    """None keeps the voice that the session has: once the agent has spoken it cannot be changed."""
    turn_detection: Mapping[str, object] = field(default_factory=lambda: {"type": "server_vad"})
    transcription_model: str | None = "gpt-4o-mini-transcribe"
    """Transcribes the caller; None leaves the caller's side without text."""
    tools: tuple[Mapping[str, object], ...] = ()
    """Functions that the model may call, as the realtime API describes them."""
    attached: bool = False
    """Whether the session belongs to a call that came by SIP, whose formats were agreed on there."""
    transcription_language: str | None = None
    transcription_prompt: str | None = None
    noise_reduction: str | None = None
    """`near_field` or `far_field`; None has nothing done about noise."""
    speed: float | None = None
    max_output_tokens: int | str | None = None
    """A number or `inf`."""
    tool_choice: str | None = None
    reasoning_effort: str | None = None
    tracing: str | Mapping[str, object] | None = None
    """`auto`, or what a trace is called."""

    def to_wire(self) -> dict[str, object]:
        """The `session` object of a GA `session.update`."""
        formats = {} if self.attached else {"format": {"type": PCMU}}
        output = {**formats, **_given(voice=self.voice, speed=self.speed)}
        tools = {"tools": [dict(tool) for tool in self.tools]} if self.tools else {}
        return {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": self.instructions,
            **tools,
            **self._limits(),
            "audio": {
                "input": {
                    **formats,
                    "noise_reduction": {"type": self.noise_reduction} if self.noise_reduction else None,
                    "transcription": self._transcription(),
                    "turn_detection": dict(self.turn_detection),
                },
                **({"output": output} if output else {}),
            },
        }

    def _transcription(self) -> dict[str, object] | None:
        if self.transcription_model is None:
            return None
        hints = _given(language=self.transcription_language, prompt=self.transcription_prompt)
        return {"model": self.transcription_model, **hints}

    def _limits(self) -> dict[str, object]:
        """What is left to the server when the line says nothing of it."""
        reasoning = {"effort": self.reasoning_effort} if self.reasoning_effort else None
        return _given(
            max_output_tokens=self.max_output_tokens,
            tool_choice=self.tool_choice,
            reasoning=reasoning,
            tracing=self.tracing,
        )


def _given(**values: object) -> dict[str, object]:
    """Those that are there: a field that is left out is never sent."""
    return {name: value for name, value in values.items() if value is not None}


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
