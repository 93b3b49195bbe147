"""
Every clear of a call, and what it came to.

A clear cuts the agent's speech, at once or when it is known that it was the caller who spoke; or it was for nothing,
and the agent goes on. Which of these it was is told by the count of barge-ins and by what is noted. A guardrail cuts as
the caller does, and also what is stopped already, whoever spoke.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.call.commands import ClearAudio, NoteDismissed, NoteResumed
from tests.call.world.shell import Entry
from tests.call.world.telephone import Telephone
from tests.call.world.world import Account

NEVER_MS = float("inf")


@dataclass(slots=True)
class Clear:
    """One of them."""

    at_ms: float
    arrived_ms: float
    """When it took effect."""
    heard_bytes: int
    """How much had been played by then of what was sent since the clear before."""
    cut_ms: float = NEVER_MS
    """When it became a barge-in, or was a guardrail's."""
    tripped: bool = False
    """Whether it was a guardrail's from the first."""
    dismissed_ms: float = NEVER_MS
    resumed_ms: float = NEVER_MS

    @property
    def stops(self) -> bool:
        """Whether the agent was only stopped at first."""
        return self.cut_ms > self.at_ms

    @property
    def decided_ms(self) -> float:
        """When it was known who had spoken."""
        return min(self.cut_ms, self.dismissed_ms)

    @property
    def over_ms(self) -> float:
        """When the agent was cut or went on."""
        return min(self.cut_ms, self.resumed_ms)


@lru_cache(maxsize=1)
def clears(account: Account) -> list[Clear]:
    """All of them, in order."""
    return list(_clears(account.entries, account.telephone))


def _clears(entries: list[Entry], telephone: Telephone) -> Iterator[Clear]:
    arrivals, barge_ins = iter(zip(telephone.cleared_ms, telephone.queues, strict=True)), 0
    clear: Clear | None = None
    for entry in entries:
        if ClearAudio() in entry.commands:
            arrived_ms, queue = next(arrivals, (NEVER_MS, []))
            heard_bytes = sum(chunk.heard_bytes for chunk in queue)
            clear = Clear(entry.at_ms, arrived_ms, heard_bytes, tripped=entry.tripped)
            yield clear
        if clear is not None and clear.over_ms == NEVER_MS:
            _learn(clear, entry, cut=entry.barge_ins > barge_ins or entry.tripped)
        barge_ins = entry.barge_ins


def _learn(clear: Clear, entry: Entry, *, cut: bool) -> None:
    if cut:
        clear.cut_ms = entry.at_ms
    for command in entry.commands:
        if isinstance(command, NoteDismissed):
            clear.dismissed_ms = min(clear.dismissed_ms, entry.at_ms)
        elif isinstance(command, NoteResumed):
            clear.resumed_ms = entry.at_ms
