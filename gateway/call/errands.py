"""
What the agent does besides speaking, as a part of a call.

Drives the agent's run and turns its wishes into commands. Tools, handoffs and checks are the shell's to carry out; what
comes of them is an event. Every agent of a call also has the tools of the call itself: hanging up, passing it on, and
keys, those that the caller presses and those that the agent does.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

from gateway.agent import (
    AgentEvent,
    AgentRun,
    ChangeAgent,
    CheckSpeech,
    CutSpeech,
    HandOver,
    RunTool,
    TellModel,
    ToolAnswered,
    ToolCall,
    Wish,
)
from gateway.call.commands import Command
from gateway.call.digits import COLLECT, Digits, collect_tool
from gateway.call.farewell import HANG_UP_TOOL
from gateway.call.fillers import Fillers
from gateway.call.plan import CallPlan, MenuKey, Segment
from gateway.call.quiet import Quiet
from gateway.call.tones import PRESS, PRESS_TOOL, Tones
from gateway.call.transferring import transfer_tool
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import FunctionCalled
from gateway.protocol.inputs import CreateResponse, SendToolOutput, UpdateAgent

MENU = "menu"
"""The segment that is said when a key of the menu is pressed."""
CUTS_IN_A_ROW = 3
"""Times that a guardrail may cut the agent while the caller says nothing, and something else is still said."""
INSTEAD = "instead"
"""The segment that is said in place of what a guardrail has cut."""


class Errands:
    """One call's agent, and those who it hands over to."""

    def __init__(self, plan: CallPlan, arbiter: ResponseArbiter, quiet: Quiet, tones: Tones | None = None) -> None:
        """Without *tones* keys cannot be pressed."""
        self._plan = plan
        self._arbiter = arbiter
        self._tones = tones
        self._cut_in_a_row = 0
        self._run = AgentRun(plan.profile)
        self._digits = Digits(plan.digits, quiet)
        self._fillers = Fillers(quiet)
        self._by_key: set[str] = set()
        """Calls of tools that the model knows nothing of."""

    @property
    def busy(self) -> bool:
        """Whether the caller waits for something that is being done."""
        return self._run.waiting

    def words(self, segment: Segment) -> CreateResponse:
        """
        Have the model say the words of a segment.

        A response's instructions stand in for the session's, so the session's are said again.
        """
        return self._told_to(f'Say now, word for word, and nothing else: "{segment.text}"', segment.id)

    def say_instead(self, guardrail: str) -> None:
        """
        Have the model say something else than what a guardrail has cut.

        One that is cut whatever it says is asked no more until the caller has had a turn.
        """
        self._cut_in_a_row += 1
        if self._cut_in_a_row <= CUTS_IN_A_ROW:
            self._arbiter.want(self._instead(guardrail))

    def _instead(self, guardrail: str) -> CreateResponse:
        if text := self._run.profile.instead.get(guardrail):
            return self.words(Segment(INSTEAD, text))
        return self._told_to(
            f"What you were saying was stopped by the rule {guardrail!r}. Do not say it. Apologise in one short "
            "sentence, and go on without it."
        )

    def _told_to(self, wish: str, segment: str = "") -> CreateResponse:
        return CreateResponse(f"{self._run.profile.instructions}\n\n{wish}".strip(), segment)

    def caller_spoke(self) -> None:
        """It was the caller's turn, which the agent answers anew."""
        self._cut_in_a_row = 0

    def called(self, call: FunctionCalled, now_ms: float) -> Iterator[Command | CutSpeech]:
        """The model calls a tool."""
        wanted = ToolCall(call.call_id, call.name, call.arguments, call.response_id, call.item_id)
        if (wanted.name == COLLECT and self._plan.digits) or (wanted.name == PRESS and self._tones):
            yield from self._undertake(wanted, now_ms)
            return
        for command in self._commands(self._run.called(wanted)):
            if isinstance(command, RunTool) and (text := self._run.profile.fillers.get(wanted.name)):
                self._fillers.began(wanted.call_id, text, now_ms)
            yield command

    def _undertake(self, call: ToolCall, now_ms: float) -> Iterator[Command | CutSpeech]:
        """Run a tool of the call itself."""
        if not self._run.undertaken(call):
            return
        answered = self._digits.wanted(call, now_ms) if call.name == COLLECT else self._press(call)
        if answered:
            yield from self.handle(answered)

    def _press(self, call: ToolCall) -> ToolAnswered | None:
        assert self._tones is not None, "only a call that can press keys has the tool"
        return self._tones.wanted(call)

    # Keys, and time

    def chosen(self, key: str) -> MenuKey | None:
        """What a key of the menu does now, if the model has not asked for keys."""
        menu = None if self._digits.wants else self._plan.menu
        if menu is None:
            return None
        return menu.keys.get(key) or (MenuKey(say=menu.invalid) if menu.invalid else None)

    def cuts(self, key: str) -> bool:
        """Whether a key that the caller presses cuts what the agent is saying."""
        return self._digits.cut or self.chosen(key) is not None

    def pressed(self, key: str, now_ms: float) -> Iterator[Command | CutSpeech]:
        """The caller presses a key, which does not pass the call on."""
        self._cut_in_a_row = 0
        if choice := self.chosen(key):
            yield from self._choose(choice)
        elif answered := self._digits.pressed(key, now_ms):
            yield from self.handle(answered)

    def _choose(self, choice: MenuKey) -> Iterator[Command | CutSpeech]:
        """What a model would ask for with a tool, without one."""
        if choice.say:
            self._arbiter.want(self.words(Segment(MENU, choice.say)))
        for tool, agent in self._run.profile.handoffs.items():
            if agent == choice.handoff:
                call = ToolCall(f"key {len(self._by_key)}", tool, "{}")
                self._by_key.add(call.call_id)
                yield from self._commands(self._run.called(call))

    def caller_said(self, began_ms: float) -> Iterator[Command | CutSpeech]:
        """It is known that the caller has said something, and when that began."""
        if answered := self._digits.caller_said(began_ms):
            yield from self.handle(answered)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called."""
        deadlines_ms = (self._digits.next_deadline_ms(), self._fillers.next_deadline_ms())
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    def tick(self, now_ms: float) -> Iterator[Command | CutSpeech]:
        """Time has passed."""
        if segment := self._fillers.due(now_ms):
            self._arbiter.want(self.words(segment))
        if answered := self._digits.tick(now_ms):
            yield from self.handle(answered)

    # What the agent does

    def said(self, response_id: str, item_id: str, delta: str) -> Iterator[Command | CutSpeech]:
        """The agent says more; words that the line gives are not judged."""
        if self._arbiter.segment(response_id):
            return
        yield from self._commands(self._run.said(response_id, item_id, delta))

    def response_done(self, response_id: str) -> Iterator[Command | CutSpeech]:
        """A response has ended."""
        yield from self._commands(self._run.response_done(response_id))

    def handle(self, event: AgentEvent) -> Iterator[Command | CutSpeech]:
        """Something came of a wish; words that were to fill the time until then need not be said any more."""
        if isinstance(event, ToolAnswered):
            self._arbiter.withdraw(self._fillers.ended(event.call_id))
        yield from self._commands(self._run.handle(event))

    def _commands(self, wishes: Iterable[Wish]) -> Iterator[Command | CutSpeech]:
        for wish in wishes:
            match wish:
                case RunTool() | HandOver() | CheckSpeech() | CutSpeech():
                    yield wish
                case ChangeAgent(profile):
                    yield wish
                    yield UpdateAgent(profile.instructions, (*profile.tools, *tools_of(self._plan)))
                case TellModel(call, output, respond):
                    if call.call_id not in self._by_key:
                        yield SendToolOutput(call.call_id, output)
                    if respond:
                        self._arbiter.want(CreateResponse())
                case _:
                    assert_never(wish)


def tools_of(plan: CallPlan) -> tuple[Mapping[str, Any], ...]:
    """What every agent of a call can do, whoever it is."""
    return (
        *((HANG_UP_TOOL,) if plan.goodbye else ()),
        *((transfer_tool(plan.transfers),) if plan.transfers else ()),
        *((collect_tool(plan.digits),) if plan.digits else ()),
        *((PRESS_TOOL,) if plan.presses_keys else ()),
    )
