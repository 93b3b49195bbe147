"""
What is said while a tool runs.

A caller who hears nothing for a while thinks that nobody is there. So a tool may have words for that: they are said
once, when it has run for a while and the caller has heard nothing for as long; and not at all when the answer is first.
"""

from dataclasses import dataclass

from gateway.call.plan import Segment
from gateway.call.quiet import Quiet

FILLED_AFTER_MS = 1_500.0


@dataclass(frozen=True, slots=True)
class _Running:
    since_ms: float
    text: str


class Fillers:
    """The tools of one call that have words, and run."""

    def __init__(self, quiet: Quiet) -> None:
        self._quiet = quiet
        self._running: dict[str, _Running] = {}

    def began(self, call_id: str, text: str, now_ms: float) -> None:
        """A tool runs that has words."""
        self._running[call_id] = _Running(now_ms, text)

    def ended(self, call_id: str) -> str:
        """A tool has answered; answers with the segment that need not be said any more."""
        self._running.pop(call_id, None)
        return _segment_id(call_id)

    def next_deadline_ms(self) -> float | None:
        """When somebody may have waited for too long."""
        due_ms = (self._quiet.due_ms(FILLED_AFTER_MS, since_ms=tool.since_ms) for tool in self._running.values())
        return min((moment_ms for moment_ms in due_ms if moment_ms is not None), default=None)

    def due(self, now_ms: float) -> Segment | None:
        """What is to be said now, once."""
        for call_id, tool in self._running.items():
            if self._quiet.lasted(FILLED_AFTER_MS, since_ms=tool.since_ms, now_ms=now_ms):
                del self._running[call_id]
                return Segment(_segment_id(call_id), tool.text)
        return None


def _segment_id(call_id: str) -> str:
    return f"while {call_id} runs"
