"""When the caller's turn ends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.lines.scalars import Switch, number_from, whole_from
from gateway.lines.section import Section

PaddingMs = Annotated[int, whole_from(0, 10_000)]


class ServerVad(Section):
    """The turn ends when the caller has been silent for long enough."""

    type: Literal["server_vad"] = "server_vad"
    """Selects this kind."""
    threshold: Annotated[float, number_from(0, 1)] = 0.5
    """How loud a sound must be to count as speech, from 0 to 1; raise it for noisy callers."""
    prefix_padding_ms: PaddingMs = 300
    """Audio kept from before the speech was noticed."""
    silence_duration_ms: PaddingMs = 500
    """Silence that ends the caller's turn."""
    idle_timeout_ms: Annotated[int, whole_from(5_000, 30_000)] | None = None
    """After this long without speech the agent speaks up; null means never."""
    create_response: Switch = True
    """Whether the end of a turn makes the agent answer."""
    interrupt_response: Switch = True
    """Whether the caller's speech stops the agent."""


class SemanticVad(Section):
    """The turn ends when the caller sounds as if the sentence were complete."""

    type: Literal["semantic_vad"] = "semantic_vad"
    """Selects this kind."""
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    """How soon the agent takes its turn; low lets the caller think."""
    create_response: Switch = True
    """Whether the end of a turn makes the agent answer."""
    interrupt_response: Switch = True
    """Whether the caller's speech stops the agent."""


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]
