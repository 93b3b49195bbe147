"""Everything that can happen to a call."""

from dataclasses import dataclass
from typing import Literal

from gateway.protocol.events import RealtimeEvent
from gateway.providers.events import ProviderEvent

Side = Literal["provider", "model"]


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """A side sent something malformed; it was skipped."""

    side: Side
    reason: str


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The provider's socket is gone."""

    code: int


@dataclass(frozen=True, slots=True)
class ModelClosed:
    """The model's socket is gone, or never opened."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """The gateway has to let go of the call."""

    reason: str


Event = ProviderEvent | RealtimeEvent | FrameRejected | StreamClosed | ModelClosed | HangUpRequested
