"""Everything that can happen to a call."""

from dataclasses import dataclass
from typing import Literal

from gateway.agent import AgentEvent
from gateway.protocol.events import RealtimeEvent
from gateway.providers.dialect import DialOutcome
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
class MessageTaken:
    """The caller has left a message, and it is kept."""

    name: str
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The call has cost as much as it may."""


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """Whoever has the call will not pass it on."""

    maybe_done: bool = False
    """Whether it may be passed on all the same, since no clear answer came."""


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """It is known what came of passing the call on."""

    outcome: DialOutcome


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The provider says that the call is over; a call that has a stream hears of it there."""


@dataclass(frozen=True, slots=True)
class StreamResumed:
    """A call that was not passed on has come back, by a new stream."""


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """The gateway has to let go of the call."""

    reason: str


Event = (
    ProviderEvent
    | RealtimeEvent
    | AgentEvent
    | FrameRejected
    | StreamClosed
    | ModelClosed
    | BudgetSpent
    | MessageTaken
    | TransferRefused
    | TransferEnded
    | CallerLeft
    | StreamResumed
    | HangUpRequested
)
