"""
Does what an agent wants done, in its own time: tools, handoffs, checks of what is said.

A tool answers late, twice or never, a handoff can fail, and a guardrail may judge what was heard long ago.
"""

import json
from collections.abc import Callable
from random import Random
from typing import assert_never

from gateway.agent import (
    AgentEvent,
    ApprovalRequired,
    ChangeAgent,
    CheckSpeech,
    HandOver,
    RunTool,
    SpeechTripped,
    TookOver,
    ToolAnswered,
    ToolCall,
)
from gateway.call.commands import Errand
from tests.call.world.conditions import Conditions
from tests.playback.telephone import World as Agenda

GUARDRAILS = ("no prices", "no names")


class Hands:
    """Those of all agents of one call."""

    def __init__(self, agenda: Agenda, conditions: Conditions, rng: Random, say: Callable[[AgentEvent], None]) -> None:
        self._agenda, self._habits, self._rng, self._say = agenda, conditions.hands, rng, say
        self._agents = {agent.name: agent for agent in conditions.agents}

    def carry_out(self, errand: Errand) -> None:
        """Begin with it; what comes of it is said later."""
        match errand:
            case RunTool(call):
                self._run(call)
            case HandOver(call, agent):
                self._hand_over(call, agent)
            case CheckSpeech():
                self._check(errand)
            case ChangeAgent():
                pass
            case _:
                assert_never(errand)

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _later(self, delays_ms: tuple[float, float], event: AgentEvent) -> None:
        self._agenda.at(self._agenda.now_ms + self._rng.uniform(*delays_ms), lambda: self._say(event))

    def _run(self, call: ToolCall) -> None:
        if self._happens(self._habits.forgets):
            self._later((0, 0), ApprovalRequired(call))
            return
        responds = not self._happens(self._habits.keeps_quiet)
        self._answer(ToolAnswered(call.call_id, f"what {call.name} says", responds))

    def _hand_over(self, call: ToolCall, agent: str) -> None:
        if self._happens(self._habits.fails):
            self._answer(ToolAnswered(call.call_id, json.dumps({"error": f"{agent} is not there"})))
        else:
            self._answer(TookOver(call.call_id, self._agents[agent]))

    def _answer(self, event: AgentEvent) -> None:
        for _ in range(2 if self._happens(self._habits.doubles) else 1):
            self._later(self._habits.answers_ms, event)

    def _check(self, check: CheckSpeech) -> None:
        if self._happens(self._habits.trips):
            guardrail = self._rng.choice(GUARDRAILS)
            self._later(self._habits.judges_ms, SpeechTripped(check.response_id, check.item_id, guardrail))
