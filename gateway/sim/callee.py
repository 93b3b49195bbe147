"""Whoever a caller is put through to: how long their phone rings, and what they do then."""

from dataclasses import dataclass
from typing import Literal

DialCallStatus = Literal["completed", "busy", "no-answer", "failed", "canceled"]
"""What became of a `<Dial>`, in Twilio's words."""


@dataclass(frozen=True, slots=True)
class Callee:
    """Somebody who may be called."""

    status: Literal["completed", "busy", "no-answer", "failed"] = "completed"
    """Answers, and hangs up some time; or is busy, is given up, or cannot be reached."""
    rings_ms: float = 0
    """Before that; longer than the `timeout` is no answer."""
    talks_ms: float = 0


ANYBODY = Callee()
"""Answers at once, and has nothing to say."""
