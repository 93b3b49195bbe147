"""
How a call is ended: by the agent, or by a limit.

The model calls `hang_up` while its last words are still to be heard. So the call goes on until the last mark behind
them has come back, or until that has taken too long; and a caller who speaks first is listened to instead.

A limit is another matter: its words are said even to a caller who speaks, and then the call ends. Only where the caller
has said nothing for too long does a caller who speaks put off the end.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from gateway.call.commands import Command, Limit, NoteLimited
from gateway.call.last_words import LastWords
from gateway.call.plan import GOODBYE, CallPlan, Goodbye, Segment
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse, SendToolOutput

AGENT_HUNG_UP = "agent_hung_up"
REASONS: dict[Limit, str] = {"duration": "too_long", "no_input": "no_input", "cost": "too_expensive"}
LIMIT = "limit"
"""The segment that is said when a call comes to a limit."""
WAIT_MS = 10_000.0
"""How long the words of a limit are waited for, on a line that has no goodbye."""
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

    def __init__(self, plan: CallPlan, arbiter: ResponseArbiter, words: Callable[[Segment], CreateResponse]) -> None:
        """*words* has the model say a segment."""
        self._last_words = LastWords(arbiter)
        self._plan = plan
        self._arbiter = arbiter
        self._words = words
        self._call_id = ""
        self.limit: Limit | None = None
        """What the call has come to, if it is not the agent who ends it."""

    @property
    def deadline_ms(self) -> float | None:
        """Until when the last words are waited for; None when nobody wants to hang up."""
        return self._last_words.deadline_ms

    @property
    def begun(self) -> bool:
        """Whether the call is to be hung up."""
        return self._last_words.awaited

    @property
    def final(self) -> bool:
        """Whether it is, whatever the caller says: only who was silent may break the silence."""
        return self.limit is not None and self.limit != "no_input"

    @property
    def reason(self) -> str:
        """Why the call ends."""
        return REASONS[self.limit] if self.limit else AGENT_HUNG_UP

    def wanted(self, goodbye: Goodbye, call_id: str, now_ms: float) -> Iterator[Command]:
        """The model wants to hang up, by the function call *call_id*; words that the line gives are said first."""
        if self.begun:
            yield _told(call_id, status="hanging up already")
            return
        self._call_id = call_id
        if goodbye.text:
            yield _told(call_id, status="saying goodbye, then hanging up")
        words = self._words(Segment(GOODBYE, goodbye.text)) if goodbye.text else None
        self._last_words.wait(now_ms + goodbye.wait_ms, words)

    def ordered(self, limit: Limit, text: str, *, heard_by_ms: float) -> None:
        """The call is at a limit; words of the line are said first, unless the agent says goodbye already."""
        if self.final:
            return
        began, self.limit = self.begun, limit
        words = replace(self._words(Segment(LIMIT, text)), lasts=self.final) if text and not began else None
        if not began:
            self._call_id = ""
        self._last_words.wait(heard_by_ms + (self._plan.goodbye.wait_ms if self._plan.goodbye else WAIT_MS), words)

    def cancelled(self) -> Iterator[Command]:
        """The caller has spoken first: the call goes on, unless nothing puts off its end."""
        if not self.begun or self.final:
            return
        self.limit = None
        self._last_words.withdraw(GOODBYE, LIMIT)
        if self._call_id and self._plan.goodbye and not self._plan.goodbye.text:
            yield _told(self._call_id, status="not hung up", reason="the caller spoke first")

    def due(self, now_ms: float, *, all_heard: bool) -> bool:
        """Whether it is time: everything was said and heard, or has taken too long."""
        interrupted = self.final and self._arbiter.caller_speaks
        return self._last_words.heard(now_ms, all_heard=all_heard and not interrupted)

    def over(self) -> None:
        """There is nothing to wait for any more."""
        self._last_words.over()

    def ending(self) -> Iterator[NoteLimited]:
        """It is time: what there is to note."""
        self.over()
        if self.limit:
            yield NoteLimited(self.limit)


def _told(call_id: str, **answer: str) -> SendToolOutput:
    """Tell the model what became of its wish."""
    return SendToolOutput(call_id, json.dumps(answer))
