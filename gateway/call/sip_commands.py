"""
What a call that comes by SIP asks of the service where it is, and what the service answers.

There is no stream: the service itself carries the voice. A request is a command, and what became of it is an event.
"""

from dataclasses import dataclass

from gateway.call.commands import Command
from gateway.call.events import Event
from gateway.protocol.session import SessionConfig


@dataclass(frozen=True, slots=True)
class AcceptCall:
    """Take the call."""

    session: SessionConfig | None
    """The session that answers it; None leaves everything but the model to be set up when it is attached to."""


@dataclass(frozen=True, slots=True)
class AttachModel:
    """Connect to the session of the call."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """Have the service end the call."""


@dataclass(frozen=True, slots=True)
class CallAccepted:
    """The service says that it takes the call."""


@dataclass(frozen=True, slots=True)
class AcceptFailed:
    """The service does not say that it takes the call, which it may all the same."""

    session_refused: bool
    """Whether it is the session that it would not take."""


@dataclass(frozen=True, slots=True)
class CallGone:
    """The service knows of no such call any more."""


SipNews = CallAccepted | AcceptFailed | CallGone
SipEvent = Event | SipNews
SipRequest = AcceptCall | AttachModel | EndCall
SipCommand = Command | SipRequest
