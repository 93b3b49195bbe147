"""
How the agent hangs up.

The model calls `hang_up` while its last words are still to be heard. So the call goes on until the last mark behind
them has come back, or until that has taken too long; and a caller who speaks first is listened to instead.
"""

import json
from collections.abc import Iterator

from gateway.call.commands import Command
from gateway.call.plan import GOODBYE, CallPlan, Goodbye, Segment
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import SendToolOutput

HANG_UP = "hang_up"
HANG_UP_TOOL = {
    "type": "function",
    "name": HANG_UP,
    "description": (
        "End the phone call. Call it when the conversation is over and the caller has nothing more to say. "
        "The caller hears what you are saying to its end first."
    ),
    "parameters": {"type": "object", "properties": {}, "required": []},
}


class Farewell:
    """One call's hang-up by the agent: not wanted, or waiting for the last words."""

    def __init__(self, plan: CallPlan, arbiter: ResponseArbiter) -> None:
        self.deadline_ms: float | None = None
        """Until when the last words are waited for; None when nobody wants to hang up."""
        self._plan = plan
        self._arbiter = arbiter
        self._call_id = ""

    @property
    def begun(self) -> bool:
        """Whether the agent wants to hang up."""
        return self.deadline_ms is not None

    def wanted(self, goodbye: Goodbye, call_id: str, now_ms: float) -> Iterator[Command]:
        """The model wants to hang up, by the function call *call_id*; words that the line gives are said first."""
        if self.begun:
            yield _told(call_id, status="hanging up already")
            return
        self._call_id, self.deadline_ms = call_id, now_ms + goodbye.wait_ms
        if goodbye.text:
            yield _told(call_id, status="saying goodbye, then hanging up")
            self._arbiter.want(self._plan.words(Segment(GOODBYE, goodbye.text)))

    def cancelled(self) -> Iterator[Command]:
        """The caller has spoken first: the call goes on."""
        if not self.begun:
            return
        self.deadline_ms = None
        self._arbiter.withdraw(GOODBYE)
        if self._plan.goodbye and not self._plan.goodbye.text:
            yield _told(self._call_id, status="not hung up", reason="the caller spoke first")

    def due(self, now_ms: float, *, all_heard: bool) -> bool:
        """Whether it is time: everything was said and heard, or has taken too long."""
        if self.deadline_ms is None:
            return False
        return now_ms >= self.deadline_ms or (all_heard and self._arbiter.idle)

    def over(self) -> None:
        """There is nothing to wait for any more."""
        self.deadline_ms = None


def _told(call_id: str, **answer: str) -> SendToolOutput:
    """Tell the model what became of its wish."""
    return SendToolOutput(call_id, json.dumps(answer))
