"""
The agent's last words, before the call is hung up or passed on.

They are whatever the agent is saying, and what the line has it say then. The call goes on until the caller has heard
all of that, or until it has taken too long.
"""

from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse


class LastWords:
    """Words that are waited for, or none."""

    def __init__(self, arbiter: ResponseArbiter) -> None:
        self.deadline_ms: float | None = None
        """Until when they are waited for; None when nobody waits."""
        self._arbiter = arbiter

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for them."""
        return self.deadline_ms is not None

    def wait(self, until_ms: float, words: CreateResponse | None = None) -> None:
        """Wait for what the agent says, and for these *words* of the line."""
        self.deadline_ms = until_ms
        if words is not None:
            self._arbiter.want(words)

    def withdraw(self, *segments: str) -> None:
        """Nobody waits any more, and what the line wanted said need not be."""
        self.over()
        for segment in segments:
            self._arbiter.withdraw(segment)

    def over(self) -> None:
        """Nobody waits any more."""
        self.deadline_ms = None

    def heard(self, now_ms: float, *, all_heard: bool) -> bool:
        """Whether they were said and heard, or have taken too long; *all_heard* is whether nothing is being heard."""
        if self.deadline_ms is None:
            return False
        return now_ms >= self.deadline_ms or (all_heard and self._arbiter.idle)
