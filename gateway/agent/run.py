"""
One conversation's agent: which tools run, who speaks, and what is checked.

Theory of operation. A response may call tools, any number at once; each is answered exactly once, whatever becomes of
it, and the model goes on when all of a turn's answers are there (`tool_turns`). One of them may hand over: when the
response is over the model gets the next agent's instructions and tools, and then the turn's answers, so that what calls
and speaks in a response is one agent, and the next response is the next agent's. What the agent says is looked at in
portions (`speech_checks`).
"""

import json
from collections.abc import Iterator
from typing import assert_never

from gateway.agent.events import AgentEvent, ApprovalRequired, SpeechTripped, TookOver, ToolAnswered
from gateway.agent.profile import AgentProfile
from gateway.agent.speech_checks import DEBOUNCE_CHARACTERS, SpeechChecks
from gateway.agent.tool_turns import ToolTurns
from gateway.agent.wishes import ChangeAgent, CutSpeech, HandOver, RunTool, TellModel, ToolCall, Wish

NAME_SHOWN = 64


class AgentRun:
    """Decides what an agent does besides speaking."""

    def __init__(self, profile: AgentProfile, *, debounce_characters: int = DEBOUNCE_CHARACTERS) -> None:
        self.profile = profile
        """Who speaks."""
        self._turns = ToolTurns()
        self._checks = SpeechChecks(debounce_characters)
        self._handing_over = ""
        self._successor: AgentProfile | None = None

    @property
    def waiting(self) -> bool:
        """Whether tools run, or handoffs are under way."""
        return self._turns.any_running

    def undertaken(self, call: ToolCall) -> bool:
        """The model calls a tool that the driver runs by itself, and answers like any other; whether it is news."""
        return self._turns.called(call)

    def called(self, call: ToolCall) -> Iterator[Wish]:
        """The model calls a tool."""
        if not self._turns.called(call):
            return
        target = self.profile.handoffs.get(call.name)
        if target is not None and self._handing_over:
            yield from self._told(call, error="another handoff is under way; this one was not made")
        elif target is not None:
            self._handing_over = call.call_id
            yield HandOver(call, target)
        elif self.profile.knows(call.name):
            yield RunTool(call)
        else:
            yield from self._told(call, error=f"there is no tool named {call.name[:NAME_SHOWN]!r}")

    def said(self, response_id: str, item_id: str, delta: str) -> Iterator[Wish]:
        """The agent says more."""
        if self.profile.guarded:
            yield from self._checks.said(response_id, item_id, delta)

    def response_done(self, response_id: str) -> Iterator[Wish]:
        """A response has ended, one way or another."""
        yield from self._checks.response_done(response_id)
        yield from self._take_over(ended=response_id)
        yield from self._turns.response_done(response_id)

    def handle(self, event: AgentEvent) -> Iterator[Wish]:
        """Something came of a wish."""
        match event:
            case ToolAnswered(call_id, output, responds):
                if call_id == self._handing_over:
                    self._handing_over = ""
                yield from self._turns.answered(call_id, output, responds=responds)
            case TookOver(call_id, profile):
                yield from self._known(call_id, profile)
            case ApprovalRequired():
                pass
            case SpeechTripped(response_id, item_id, guardrail):
                if self._checks.tripped(response_id):
                    yield CutSpeech(response_id, item_id, guardrail)
            case _:
                assert_never(event)

    def _known(self, call_id: str, profile: AgentProfile) -> Iterator[Wish]:
        """It is known who takes over."""
        if self._turns.running(call_id) is not None and call_id == self._handing_over:
            self._successor = profile
            yield from self._take_over()

    def _take_over(self, ended: str = "") -> Iterator[Wish]:
        """Take over, unless a response of the present agent may still call tools of its own."""
        if self._successor is None or self._turns.open_besides(ended):
            return
        self.profile, call_id = self._successor, self._handing_over
        self._handing_over, self._successor = "", None
        yield ChangeAgent(self.profile)
        output = json.dumps({"assistant": self.profile.name})
        yield from self._turns.answered(call_id, output, responds=True)

    def _told(self, call: ToolCall, *, error: str) -> Iterator[TellModel]:
        yield from self._turns.answered(call.call_id, json.dumps({"error": error}), responds=True)
