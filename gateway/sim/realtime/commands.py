"""What the pure part of a session asks its socket to do."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SendText:
    """Send a text frame."""

    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection with a close frame."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """End the connection as a cut cable does."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Make audio of *texts* for the response, and hand it in with `Engine.spoken`."""

    response_id: str
    texts: tuple[str, ...]


Command: TypeAlias = SendText | Close | Drop | Speak
