"""What is known of a call while it goes on, for whoever fills a text or runs a tool."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.lines import Line
from gateway.lines.templates import Values
from gateway.lines.zones import zone

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CallContext:
    """What an agent's instructions, tools and guardrails are told of the call, as the `context` of their context."""

    call_sid: str
    caller: str
    """A number, or a word such as `anonymous`: never proof of who calls."""
    called: str
    line: str
    language: str = ""
    zone: str = "UTC"
    variables: dict[str, object] = field(default_factory=dict)
    """The line's own, as they are in this call."""
    clock: Clock = field(default=_now, repr=False)

    @classmethod
    def of(cls, line: Line, call_sid: str, caller: str, called: str) -> "CallContext":
        """A call on a line, as it begins."""
        variables: dict[str, object] = dict(line.variables)
        return cls(call_sid, caller, called, line.line, line.language or "", line.zone or "UTC", variables)

    @property
    def now(self) -> datetime:
        """By the clock on the wall."""
        return self.clock().astimezone(zone(self.zone))

    def values(self) -> Values:
        """What gaps stand for, as of now; the time is one that machines read."""
        return {
            **self.variables,
            "call_sid": self.call_sid,
            "caller": self.caller,
            "called": self.called,
            "line": self.line,
            "language": self.language,
            "now": self.now.isoformat(timespec="seconds"),
        }

    def spoken_values(self) -> Values:
        """The same for instructions, with the time in words."""
        return {**self.values(), "now": f"{self.now:%A, %d %B %Y, %H:%M} ({self.zone})"}


def values_of(context: object) -> Values:
    """What tools can use of what they belong to."""
    return context.values() if isinstance(context, CallContext) else {}
