"""What an agent does besides speaking, whatever its model, its tools and its guardrails do, and in whatever order."""

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent import (
    AgentProfile,
    AgentRun,
    ChangeAgent,
    CheckSpeech,
    CutSpeech,
    HandOver,
    RunTool,
    SpeechTripped,
    TellModel,
    TookOver,
    ToolAnswered,
    ToolCall,
    Wish,
)

NAMES = ("look_up", "pay", "transfer_to_b", "transfer_to_a", "nothing")
A = AgentProfile("A", tools=({"name": "look_up"}, {"name": "transfer_to_b"}), handoffs={"transfer_to_b": "B"})
B = AgentProfile("B", tools=({"name": "pay"}, {"name": "transfer_to_a"}), handoffs={"transfer_to_a": "A"})
PROFILES = {"A": A, "B": B}
EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


class Stage:
    """Drives a run as a session does, and keeps what it wishes."""

    def __init__(self) -> None:
        self.run = AgentRun(A)
        self.speaker = A
        """Who made the response that is under way."""
        self.calls: list[ToolCall] = []
        self.judged: list[tuple[ToolCall, AgentProfile, Wish | None]] = []
        self.pending: list[RunTool | HandOver] = []
        self.background: set[str] = set()
        self.wishes: list[Wish] = []
        self.over: set[str] = set()

    @property
    def told(self) -> list[TellModel]:
        """What the model was told, in order."""
        return [wish for wish in self.wishes if isinstance(wish, TellModel)]

    def begin(self) -> None:
        """The next response is that of whoever speaks."""
        self.speaker = self.run.profile

    def call(self, name: str, response_id: str, call_id: str | None = None) -> None:
        """A response calls a tool."""
        call = ToolCall(call_id or f"call_{len(self.calls)}", name, "{}", response_id)
        wishes = self._take(self.run.called(call))
        if call_id is None:
            self.calls.append(call)
            self.judged.append((call, self.speaker, wishes[0] if wishes else None))
        else:
            assert wishes == []

    def end(self, response_id: str) -> None:
        """A response is over."""
        self.over.add(response_id)
        self._take(self.run.response_done(response_id))

    def answer(self, at: int, *, works: bool = True, responds: bool = True) -> None:
        """Something comes of a wish."""
        wish = self.pending.pop(at)
        if isinstance(wish, HandOver) and works:
            self._take(self.run.handle(TookOver(wish.call.call_id, PROFILES[wish.agent])))
        else:
            self.background.update(() if responds else (wish.call.call_id,))
            self._take(self.run.handle(ToolAnswered(wish.call.call_id, "found", responds)))

    def _take(self, found: Iterable[Wish]) -> list[Wish]:
        wishes = list(found)
        self.wishes += wishes
        self.pending += [wish for wish in wishes if isinstance(wish, RunTool | HandOver)]
        assert sum(isinstance(wish, HandOver) for wish in self.pending) <= 1
        for wish in wishes:
            if isinstance(wish, TellModel):
                assert not wish.call.response_id or wish.call.response_id in self.over
        return wishes


def perform(data: st.DataObject, *, quick: bool = False) -> Stage:
    """Some responses, whose tools answer whenever they like, or before the next response if they are *quick*."""
    stage = Stage()
    for turn in range(data.draw(st.integers(1, 4), "turns")):
        response_id = data.draw(st.sampled_from([f"resp_{turn}", ""]), "response")
        stage.begin()
        for name in data.draw(st.lists(st.sampled_from(NAMES), max_size=4), "calls"):
            stage.call(name, response_id)
            _answer_some(data, stage, data.draw(st.integers(0, 2), "answers"))
        if data.draw(st.booleans(), "twice") and stage.calls:
            stage.call("look_up", response_id, stage.calls[-1].call_id)
        stage.end(response_id)
        _answer_some(data, stage, len(stage.pending) if quick else data.draw(st.integers(0, 2), "answers"))
    _answer_some(data, stage, len(stage.pending))
    return stage


def _answer_some(data: st.DataObject, stage: Stage, count: int) -> None:
    for _ in range(min(count, len(stage.pending))):
        at = data.draw(st.integers(0, len(stage.pending) - 1), "which")
        works, responds = data.draw(st.booleans(), "works"), data.draw(st.booleans(), "responds")
        stage.answer(at, works=works, responds=responds)


@EXAMPLES
@given(st.data())
def test_every_call_is_answered_exactly_once(data: st.DataObject) -> None:
    """
    Be it made, refused, unknown or a handoff, and never before the response that made it is over.
    """
    stage = perform(data)
    assert Counter(wish.call.call_id for wish in stage.told) == Counter(call.call_id for call in stage.calls)


@EXAMPLES
@given(st.data())
def test_a_turn_asks_for_one_response_and_does_so_last(data: st.DataObject) -> None:
    """
    If any of its answers is one to speak of.
    """
    stage = perform(data)
    for response_id in {call.response_id for call in stage.calls} - {""}:
        told = [wish for wish in stage.told if wish.call.response_id == response_id]
        speaks = any(wish.call.call_id not in stage.background for wish in told)
        assert [wish.respond for wish in told] == [False] * (len(told) - 1) + [speaks]


@EXAMPLES
@given(st.data())
def test_another_agent_speaks_before_its_handoff_is_answered(data: st.DataObject) -> None:
    """
    Nothing is asked of the model in between, so that what is asked for next is asked of that agent.
    """
    successor = ""
    for wish in perform(data).wishes:
        if isinstance(wish, ChangeAgent):
            successor = wish.profile.name
        elif isinstance(wish, TellModel) and "assistant" in wish.output:
            assert wish.output == f'{{"assistant": "{successor}"}}'
            successor = ""
        else:
            assert not successor or (isinstance(wish, TellModel) and not wish.respond)
    assert not successor


@EXAMPLES
@given(st.data())
def test_who_calls_a_tool_is_judged_by_its_own_tools(data: st.DataObject) -> None:
    """
    Also behind a handoff in the same response, of which there is one at most.
    """
    stage = perform(data, quick=True)
    for call, speaker, wish in stage.judged:
        if call.name in speaker.handoffs:
            assert isinstance(wish, HandOver | TellModel | None)
        elif call.response_id:
            assert isinstance(wish, RunTool) is speaker.knows(call.name)


def test_who_takes_over_waits_until_nobody_else_may_call() -> None:
    """
    A handoff that is slow is found out while the next response is being made, by the agent that was there before.
    """
    stage = Stage()
    stage.call("transfer_to_b", "resp_1")
    stage.end("resp_1")
    stage.call("look_up", "resp_2")
    stage.answer(0)
    assert stage.run.profile == A
    stage.end("resp_2")
    assert stage.run.profile == B


def test_a_handoff_that_fails_leaves_room_for_another() -> None:
    """
    The agent stays, is told, and may try again in the same breath.
    """
    stage = Stage()
    stage.call("transfer_to_b", "resp_1")
    stage.answer(0, works=False)
    stage.call("transfer_to_b", "resp_1")
    stage.answer(0)
    stage.end("resp_1")
    assert [wish.output for wish in stage.told] == ["found", '{"assistant": "B"}']
    assert stage.run.profile == B


def test_what_comes_of_something_unknown_changes_nothing() -> None:
    """
    An answer that nobody waits for, or a second one.
    """
    stage = Stage()
    stage.call("look_up", "resp_1")
    stage.answer(0)
    stage.end("resp_1")
    assert list(stage.run.handle(ToolAnswered("call_0", "again"))) == []
    assert list(stage.run.handle(TookOver("call_9", B))) == []
    assert stage.run.profile == A


@EXAMPLES
@given(st.lists(st.text(max_size=30), max_size=20), st.integers(1, 40))
def test_all_that_is_said_is_checked_in_portions(deltas: list[str], debounce: int) -> None:
    """
    Each check sees all that was said by then and comes so many characters after the last; the end of the response
    leaves nothing unchecked.
    """
    run = AgentRun(AgentProfile(guarded=True), debounce_characters=debounce)
    said, checked = "", ""
    for delta in deltas:
        said += delta
        for check in run.said("resp_1", "item_1", delta):
            assert isinstance(check, CheckSpeech)
            assert (check.text, len(said) - len(checked) >= debounce) == (said, True)
            checked = check.text
        assert len(said) - len(checked) < debounce
    last = [check.text for check in run.response_done("resp_1") if isinstance(check, CheckSpeech)]
    assert last == ([said] if said != checked else [])


@pytest.mark.parametrize("is_over", [True, False])
def test_a_response_is_cut_off_once(is_over: bool) -> None:
    """
    Whether it is over or not; what it says after that is not looked at, and the next response is.
    """
    run = AgentRun(AgentProfile(guarded=True), debounce_characters=1)
    assert list(run.said("resp_1", "item_1", "gin"))
    if is_over:
        list(run.response_done("resp_1"))
    assert list(run.handle(SpeechTripped("resp_1", "item_1", "no gin"))) == [CutSpeech("resp_1", "item_1", "no gin")]
    assert list(run.handle(SpeechTripped("resp_1", "item_1", "no rum"))) == []
    assert list(run.said("resp_1", "item_1", " and rum")) == []
    assert list(run.said("resp_2", "item_2", "tea"))


def test_whoever_has_no_guardrails_is_not_checked() -> None:
    """
    Not a word.
    """
    run = AgentRun(AgentProfile(guarded=False), debounce_characters=1)
    assert list(run.said("resp_1", "item_1", "gin")) == list(run.response_done("resp_1")) == []
