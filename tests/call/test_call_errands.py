"""What the agent of a call does besides speaking: tools, handoffs, and what a guardrail cuts."""

import json
from dataclasses import replace

import pytest

from gateway.agent import (
    AgentProfile,
    ChangeAgent,
    CheckSpeech,
    HandOver,
    RunTool,
    SpeechTripped,
    TookOver,
    ToolAnswered,
    ToolCall,
)
from gateway.call import CallPlan
from gateway.call.commands import ClearAudio, NoteBargeIn, NoteGuardrailTripped, PlayAudio, SendMark
from gateway.call.farewell import HANG_UP_TOOL
from gateway.call.plan import Goodbye, Segment
from gateway.protocol.events import FunctionCalled, ResponseCreated, SpeechStarted, SpeechStopped, TranscriptDelta
from gateway.protocol.inputs import CancelResponse, CreateResponse, SendToolOutput, TruncateItem, UpdateAgent
from tests.call.phone import Phone
from tests.call.script import PLAN, SERVER_WAITS, SESSION_UPDATED, Script, completed, on_the_phone, said, says, talking
from tests.call.turns import AGENT, IMMEDIATE, STARTED, STOPPED, speaks

LOOKUP = {"type": "function", "name": "lookup", "description": "Look something up.", "parameters": {"type": "object"}}
TO_CAKES = {"type": "function", "name": "transfer_to_cakes", "parameters": {"type": "object"}}
BAKERY = AgentProfile("bakery", "You sell bread.", (LOOKUP, TO_CAKES), {"transfer_to_cakes": "cakes"})
CAKES = AgentProfile("cakes", "You sell cakes.")
WITH_TOOLS = replace(PLAN, agent=BAKERY)
GUARDED = replace(WITH_TOOLS, agent=replace(BAKERY, guarded=True))
LONG = "a" * 100
"""Enough to be looked at."""


def called(name: str = "lookup", call_id: str = "call_1", response_id: str = "resp_1") -> FunctionCalled:
    """The model calls a tool."""
    return FunctionCalled(response_id, f"item_{call_id}", call_id, name, "{}")


def as_tool_call(call: FunctionCalled) -> ToolCall:
    """The same, as it is passed on."""
    return ToolCall(call.call_id, call.name, call.arguments, call.response_id, call.item_id)


def words(text: str, response_id: str = "resp_1", item_id: str = "item_1") -> TranscriptDelta:
    """What the agent is about to be heard to say."""
    return TranscriptDelta(response_id, item_id, text)


def test_a_tool_runs_while_the_agent_speaks() -> None:
    """
    It is run when it is called; its answer waits for the end of the response, and then the model goes on.
    """
    script = talking(WITH_TOOLS) >> ResponseCreated("resp_1") >> called() << RunTool(as_tool_call(called())) << None
    script >> says("item_1", 100) << SendMark << PlayAudio << ... >> ToolAnswered("call_1", "bread: 3 euros") << None
    script >> completed() << ... >> ResponseCreated("resp_2") << None
    assert script.of(SendToolOutput) == [SendToolOutput("call_1", "bread: 3 euros")]
    assert script.of(CreateResponse) == [CreateResponse()]


def test_all_answers_of_a_turn_come_before_the_model_goes_on() -> None:
    """
    A slow tool holds the next response up, and nothing else: what is known is told.
    """
    script = talking(WITH_TOOLS) >> ResponseCreated("resp_1") >> called() << ... >> called(call_id="call_2") << ...
    script >> completed() << None >> ToolAnswered("call_2", "fast") << SendToolOutput("call_2", "fast") << None
    script >> 9_000 >> ToolAnswered("call_1", "slow") << SendToolOutput("call_1", "slow") << CreateResponse() << None


def test_a_handoff_swaps_who_the_agent_is_and_what_it_can_do() -> None:
    """
    The model is told before it goes on; formats and voice are not touched, and every agent can hang up.
    """
    script = talking(replace(WITH_TOOLS, goodbye=Goodbye("Farewell."))) >> ResponseCreated("resp_1")
    script >> called("transfer_to_cakes") << HandOver(as_tool_call(called("transfer_to_cakes")), "cakes") << None
    script >> TookOver("call_1", CAKES) << None >> completed()
    (
        script
        << ChangeAgent(CAKES)
        << UpdateAgent("You sell cakes.", (HANG_UP_TOOL,))
        << SendToolOutput
        << CreateResponse()
        << None
    )
    assert json.loads(script.of(SendToolOutput)[0].output) == {"assistant": "cakes"}


def test_words_of_the_line_are_said_by_who_has_taken_over() -> None:
    """
    What a response is told stands in for the session's instructions, so they are said again: the present agent's.
    """
    script = talking(replace(WITH_TOOLS, goodbye=Goodbye("Farewell."))) >> ResponseCreated("resp_1")
    script >> called("transfer_to_cakes") << ... >> TookOver("call_1", CAKES) << ... >> completed() << ...
    script >> ResponseCreated("resp_2") >> called("hang_up", "call_2", "resp_2") << ... >> completed("resp_2") << ...
    (goodbye,) = (asked for asked in script.of(CreateResponse) if asked.segment)
    assert (goodbye.instructions or "").startswith("You sell cakes.")


def test_an_agent_has_only_its_own_tools() -> None:
    """
    A tool of the agent that handed over, or of nobody, is answered with an error.
    """
    script = talking(WITH_TOOLS) >> ResponseCreated("resp_1") >> called("transfer_to_cakes") << ...
    script >> TookOver("call_1", CAKES) << ... >> completed() << ... >> ResponseCreated("resp_2")
    script >> called("lookup", "call_2", "resp_2") << None >> completed("resp_2") << SendToolOutput << ...
    assert "error" in json.loads(script.of(SendToolOutput)[-1].output)


def saying(instead: str) -> CallPlan:
    """A line whose guardrail says what is said in place of what it cuts."""
    return replace(WITH_TOOLS, agent=replace(BAKERY, guarded=True, instead={"no prices": instead}))


def cutting(plan: CallPlan = GUARDED) -> tuple[Script, Phone]:
    """A caller who has heard 600 ms of what must not be said."""
    phone = Phone()
    session = SERVER_WAITS if plan.takes_turns else SESSION_UPDATED
    script = on_the_phone(plan, phone, session) >> ResponseCreated("resp_1")
    script >> words(LONG) << CheckSpeech("resp_1", "item_1", LONG) << None
    return script >> speaks(0, 3_000) << ... >> 600 << ..., phone


@pytest.mark.parametrize("plan", [GUARDED, replace(GUARDED, takes_turns=True)], ids=["server", "gateway"])
def test_what_must_not_be_said_is_cut_where_the_caller_has_heard_it(plan: CallPlan) -> None:
    """
    The queue is cleared at once, the response cancelled, the model's memory cut at what was heard; something else is
    said as soon as the response is over. It is not a barge-in.
    """
    script, _ = cutting(plan)
    script >> SpeechTripped("resp_1", "item_1", "no prices") << NoteGuardrailTripped("no prices", "item_1")
    script << ClearAudio() << CancelResponse("resp_1") << None
    script >> 200 << TruncateItem("item_1", 0, 600) << NoteBargeIn << None >> completed() << CreateResponse
    assert "no prices" in (script.of(CreateResponse)[0].instructions or "")
    assert script.call.barge_ins == 0


def test_what_was_cut_by_a_guardrail_stays_cut() -> None:
    """
    What still comes of the response is not heard, and a second guardrail finds nothing to do.
    """
    script, phone = cutting()
    script >> SpeechTripped("resp_1", "item_1", "no prices") << ...
    script >> SpeechTripped("resp_1", "item_1", "no names") << None
    script >> 200 << ... >> speaks(3_000, 4_000) << None >> words(LONG) << None
    assert len(phone.played) == 600 * 8


def test_a_line_can_say_what_is_said_instead() -> None:
    """
    Word for word, like all that a line gives.
    """
    script, _ = cutting(saying("Let me put that another way."))
    script >> SpeechTripped("resp_1", "item_1", "no prices") << ... >> 200 << ... >> completed() << CreateResponse
    asked = script.of(CreateResponse)[0].instructions or ""
    assert asked.startswith("You sell bread.")
    assert '"Let me put that another way."' in asked


def test_words_that_the_line_gives_are_not_judged() -> None:
    """
    And when a guardrail cuts them because of what is queued behind, they are played again from their start.
    """
    plan = replace(IMMEDIATE, agent=GUARDED.agent, opening=(Segment("notice", LONG, "off", must_hear=True),))
    phone = Phone()
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1") >> words(LONG) << None
    script >> speaks(0, 1_000) << ... >> said("item_1") << ... >> completed() << ... >> ResponseCreated("resp_2")
    script >> words(LONG, "resp_2", "item_2") << CheckSpeech >> speaks(0, 2_000, "item_2", "resp_2") << ... >> 300
    script << ... >> SpeechTripped("resp_2", "item_2", "no prices") << ... >> 5_000 << ...
    assert phone.played == AGENT[: 300 * 8] + AGENT[: 1_000 * 8]


def test_words_of_the_line_are_judged_by_nobody_whatever_comes_first_of_them() -> None:
    """
    Neither what is said instead of something else, or a guardrail that trips on it would trip for ever, nor a goodbye;
    even if the words themselves are the first that is told of the response.
    """
    script, _ = cutting(saying(LONG))
    script >> SpeechTripped("resp_1", "item_1", "no prices") << ... >> 200 << ... >> completed() << CreateResponse
    script >> words(LONG, "resp_2", "item_2") << None >> completed("resp_2") << None


@pytest.mark.parametrize("begun_ms", [0, 1_000])
def test_a_guardrail_cuts_all_that_is_queued_and_nothing_is_made_for_nobody(begun_ms: int) -> None:
    """
    What the agent is about to say behind what must not be said goes with it, and so its response is cancelled too.
    """
    script, phone = cutting()
    script >> completed() << ... >> ResponseCreated("resp_2")
    if begun_ms:
        script >> speaks(0, begun_ms, "item_2", "resp_2") << ...
    script >> SpeechTripped("resp_1", "item_1", "no prices") << ...
    assert script.of(CancelResponse) == [CancelResponse("resp_2")]
    script >> 200 << ... >> speaks(1_000, 2_000, "item_2", "resp_2") << ...
    assert len(phone.played) == 600 * 8


def test_a_guardrail_does_not_make_the_agent_talk_over_the_caller() -> None:
    """
    What must be heard, and was cut by the caller, is played again when the caller has spoken, whatever trips meanwhile.
    """
    plan = replace(IMMEDIATE, agent=GUARDED.agent, opening=(Segment("notice", LONG, must_hear=True),))
    phone = Phone()
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1") >> speaks(0, 1_000) << ...
    script >> said("item_1") << ... >> completed() << ... >> ResponseCreated("resp_2")
    script >> words(LONG, "resp_2", "item_2") << ... >> speaks(0, 2_000, "item_2", "resp_2") << ... >> 300
    script << ... >> STARTED << ... >> SpeechTripped("resp_2", "item_2", "no prices") << ... >> 400 << ...
    assert phone.played == AGENT[: 300 * 8]
    script >> STOPPED << ... >> 5_000 << ...
    assert phone.played == AGENT[: 300 * 8] + AGENT[: 1_000 * 8]


def test_an_agent_that_is_cut_whatever_it_says_is_asked_no_more() -> None:
    """
    Until the caller has had a turn: nobody is apologised to without end.
    """
    script, _ = cutting()
    script >> SpeechTripped("resp_1", "item_1", "no prices") << ... >> 200 << ... >> completed() << ...
    for number in range(2, 6):
        script >> ResponseCreated(f"resp_{number}") << ...
        script >> SpeechTripped(f"resp_{number}", f"item_{number}", "no prices") << ...
        script >> completed(f"resp_{number}") << ...
    assert len(script.of(CreateResponse)) == 3
    (
        script
        >> SpeechStarted("caller_1", 0)
        >> SpeechStopped("caller_1", 900)
        << ...
        >> SpeechTripped("resp_9", "item_9", "no prices")
        << ...
    )
    assert len(script.of(CreateResponse)) == 4
