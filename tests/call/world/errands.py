"""
What became of every tool that the server called: who was to do it, when that answered, when the model was told.

Moments are places in the course of the call, since much happens in the same instant. Nothing is asked of the agent's
own run: who has the word follows from the first profile and from who took over.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from gateway.agent import AgentProfile, TookOver, ToolAnswered
from gateway.protocol.events import FunctionCalled, ResponseDone
from gateway.protocol.inputs import SendToolOutput
from tests.call.world.shell import Entry
from tests.call.world.speech import HANG_UP
from tests.call.world.told import Told, course
from tests.call.world.world import Account

NEVER = sys.maxsize
Doer = Literal["tool", "handoff", "nobody"]


@dataclass(slots=True)
class Errand:
    """One call of a tool, as long as the call was talking."""

    call: FunctionCalled
    doer: Doer
    """Nobody when whoever spoke has no such tool, or when somebody is to take over already."""
    called: int
    over: int = NEVER
    """When its response was over."""
    answered: int = NEVER
    responds: bool = True
    successor: AgentProfile | None = None
    told: list[int] = field(default_factory=list)
    """When the model was told of an answer."""

    @property
    def due(self) -> int:
        """When the model is to be told."""
        return max(self.over, self.answered)

    def __str__(self) -> str:
        return f"{self.call.name} ({self.call.call_id}, of {self.call.response_id}), a {self.doer}'s"


@dataclass(slots=True)
class _Course:
    """Follows a call."""

    agent: AgentProfile
    hangs_up: bool
    """Whether hanging up is not the agent's own affair."""
    found: dict[str, Errand] = field(default_factory=dict)
    takes_over: Errand | None = None

    def learn(self, number: int, entry: Entry, told: Told) -> None:
        """Take note of what happened at some place in the course."""
        match entry.cause:
            case FunctionCalled():
                self._called(number, entry.cause, told)
            case ToolAnswered(call_id, _, responds):
                self._answered(number, call_id, responds=responds)
            case TookOver(call_id, profile) if self.takes_over is self.found[call_id]:
                self.found[call_id].successor = profile
            case ResponseDone(response_id):
                for errand in self.found.values():
                    if errand.call.response_id == response_id:
                        errand.over = min(errand.over, number)
            case _:
                pass
        self._take_over(number)

    def _called(self, number: int, call: FunctionCalled, told: Told) -> None:
        if call.call_id in self.found or (self.hangs_up and call.name == HANG_UP):
            return
        doer = self._doer(call)
        errand = self.found[call.call_id] = Errand(call, doer, number)
        errand.over = number if call.response_id in told.over else NEVER
        errand.answered = number if doer == "nobody" else NEVER
        if doer == "handoff":
            self.takes_over = errand

    def _doer(self, call: FunctionCalled) -> Doer:
        if call.name in self.agent.handoffs:
            return "nobody" if self.takes_over else "handoff"
        return "tool" if self.agent.knows(call.name) else "nobody"

    def _answered(self, number: int, call_id: str, *, responds: bool) -> None:
        errand = self.found[call_id]
        if errand.answered == NEVER:
            errand.answered, errand.responds = number, responds
        if errand is self.takes_over:
            self.takes_over = None

    def _take_over(self, number: int) -> None:
        """Whoever is known takes over, as soon as no response goes on that has called a tool of the present agent's."""
        errand, goes_on = self.takes_over, any(errand.over == NEVER for errand in self.found.values())
        if errand is not None and errand.successor is not None and not goes_on:
            self.agent, self.takes_over, errand.answered = errand.successor, None, number


@lru_cache(maxsize=1)
def errands(account: Account) -> dict[str, Errand]:
    """All of them, in the order in which they were called."""
    plan = account.conditions.plan
    following = _Course(plan.profile, hangs_up=plan.goodbye is not None)
    for number, (entry, told) in enumerate(course(account.entries)):
        if told.opened and not (told.let_go or entry.leaves):
            following.learn(number, entry, told)
        for done in entry.commands:
            if isinstance(done, SendToolOutput) and done.call_id in following.found:
                following.found[done.call_id].told.append(number)
    return following.found


def turns(account: Account) -> Iterator[list[Errand]]:
    """What was called in one response, for each."""
    found: dict[str, list[Errand]] = {}
    for errand in errands(account).values():
        found.setdefault(errand.call.response_id, []).append(errand)
    return iter(found.values())


@lru_cache(maxsize=1)
def answered_turns(account: Account) -> frozenset[int]:
    """When it was the model's turn to speak, since all that a response had called was answered."""
    responding = (turn for turn in turns(account) if any(errand.responds for errand in turn))
    return frozenset(max(errand.due for errand in turn) for turn in responding) - {NEVER}
