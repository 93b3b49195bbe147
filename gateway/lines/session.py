"""How the realtime side of a line is set up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator

from gateway.lines.described import Described, Shorthand, text_like
from gateway.lines.scalars import Plain, number_from, shown
from gateway.lines.section import Section
from gateway.lines.texts import Text
from gateway.lines.urls import RealtimeUrl

MOST_TOKENS = 4096
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def _check_language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise ValueError(f"{shown(text)} is no language; write its code, like en, de or pt-BR")
    return text


def _read_most_tokens(value: object) -> object:
    if value == "inf":
        return value
    if isinstance(value, Plain) and value.isdecimal() and 1 <= int(value[:9]) <= MOST_TOKENS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_TOKENS:
        return value
    raise ValueError(f"{shown(value)} is no number of tokens; give a whole number from 1 to {MOST_TOKENS}, or inf")


Language = Annotated[str, Described(AfterValidator(_check_language), text_like(_LANGUAGE.pattern))]
MostTokens = Annotated[
    int | Literal["inf"],
    Described(
        BeforeValidator(_read_most_tokens),
        {"anyOf": [{"const": "inf"}, {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS}]},
    ),
]


class Transcription(Section):
    """How what the caller says is written down."""

    model: Text = "gpt-4o-mini-transcribe"
    """Name of the model that listens."""
    language: Language | None = None
    """What the caller speaks, like `de`; null is the line's `language`, or whatever it turns out to be."""
    prompt: Text | None = None
    """Words that the caller is likely to use, such as names."""


class Tracing(Section):
    """Under which name the server keeps a trace of the session."""

    workflow_name: Text | None = None
    """What traces of this line are called."""
    group_id: Text | None = None
    """What traces that belong together share."""
    metadata: dict[Text, Text] | None = None
    """Whatever else a trace should carry."""


def _word_alone(value: object) -> object:
    return {} if value == "auto" else value


class ModelSettings(Section):
    """Who speaks on a line, and how."""

    retired: ClassVar[Mapping[str, str]] = {
        "temperature": "is no setting of the realtime API any more; remove it, and say in `instructions` how to speak",
    }

    backend: Literal["openai", "local"] = "openai"
    """Who speaks: `openai` for the OpenAI protocol, `local` for the built-in server that needs no key."""
    url: RealtimeUrl | None = None
    """Address of another server that speaks the same protocol."""
    model: Text = "gpt-realtime"
    """Name of the realtime model."""
    voice: Text = "marin"
    """Name of the agent's voice."""
    language: Language | None = None
    """What is spoken on the line, like `de`; a hint for the transcription, and `{{language}}` in instructions."""
    speed: Annotated[float, number_from(0.25, 1.5)] | None = None
    """How fast the agent speaks: 1 is as the model does, 0.25 to 1.5."""
    max_output_tokens: MostTokens | None = None
    """How long one answer may become, 1 to 4096 tokens, or `inf`."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    """What is done about noise before anybody listens: `near_field` for headsets, `far_field` for speakerphones."""
    transcription: Transcription | None = Transcription()
    """How what the caller says is written down; null leaves the caller's side without text."""
    tool_choice: Literal["auto", "none", "required"] | None = None
    """Whether the agent chooses to use tools (`auto`), must (`required`) or must not (`none`)."""
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How long a model that can think may do so; other models refuse it."""
    tracing: Annotated[Tracing | None, Shorthand(BeforeValidator(_word_alone), {"const": "auto"})] = None
    """Has the server keep a trace: `auto`, or its name with the keys below."""

    @property
    def spoken(self) -> str | None:
        """What the transcription is told that the caller speaks."""
        return (self.transcription and self.transcription.language) or self.language

    def session_settings(self) -> dict[str, Any]:
        """What is set beside voice, turns and tools, by the names of `SessionConfig`; what is left out is not in it."""
        heard = self.transcription
        settings = {
            "speed": self.speed,
            "max_output_tokens": self.max_output_tokens,
            "noise_reduction": self.noise_reduction,
            "tool_choice": self.tool_choice,
            "reasoning_effort": self.reasoning_effort,
            "tracing": self.tracing and (self.tracing.model_dump(exclude_none=True) or "auto"),
            "transcription_language": heard and self.spoken and self.spoken.partition("-")[0],
            "transcription_prompt": heard and heard.prompt,
        }
        kept = {name: value for name, value in settings.items() if value is not None}
        return {"transcription_model": heard.model if heard else None, **kept}
