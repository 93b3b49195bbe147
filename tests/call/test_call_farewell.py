"""The agent hangs up: when its last words were heard, and not if the caller speaks first."""

import json
from dataclasses import replace

import pytest

from gateway.call import CallPlan
from gateway.call.commands import ClearAudio, CloseModel, CloseStream, HangUp, NoteEnded
from gateway.call.events import HangUpRequested, ModelClosed, StreamClosed
from gateway.call.farewell import HANG_UP
from gateway.call.plan import GOODBYE, Goodbye
from gateway.protocol.events import FunctionCalled, ResponseCreated, ResponseDone, SpeechStarted
from gateway.protocol.inputs import AppendAudio, CancelResponse, CreateResponse, Input, SendToolOutput, TruncateItem
from gateway.providers.events import StreamStopped
from tests.call.phone import Phone
from tests.call.script import PLAN, SERVER_WAITS, SESSION_UPDATED, Script, completed, on_the_phone, said, talking
from tests.call.turns import AGENT, ANSWER, CONFIRMED, COUGH, IMMEDIATE, LATENCY_MS, STOPPED, WORDS, hears, speaks

HANGS_UP = FunctionCalled("resp_1", "item_call", "call_1", HANG_UP, "{}")
LENGTH_MS = 2_000
DATED_MS = 61
"""A mark that came back is dated within that time."""


def saying_goodbye(
    phone: Phone, plan: CallPlan = IMMEDIATE, goodbye: Goodbye | None = None, *, heard_ms: int = 600
) -> Script:
    """An agent that has hung up in the middle of its own last words."""
    session = SERVER_WAITS if plan.takes_turns else SESSION_UPDATED
    script = on_the_phone(replace(plan, goodbye=goodbye or Goodbye()), phone, session) >> ResponseCreated("resp_1")
    script >> speaks(0, LENGTH_MS) << ... >> said("item_1") << ... >> HANGS_UP << ... >> completed() << ...
    return script >> heard_ms << ...


def outputs(script: Script) -> list[dict[str, str]]:
    """What the tool has answered."""
    return [json.loads(output.output) for output in script.of(SendToolOutput)]


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE, CONFIRMED], ids=["server", "immediate", "confirmed"])
def test_the_last_words_are_heard_before_the_agent_hangs_up(plan: CallPlan) -> None:
    """
    Until the mark behind them has come back nothing happens; then the session is let go, and the call ended, once.
    """
    phone = Phone()
    script = saying_goodbye(phone, plan, heard_ms=LENGTH_MS - 1) << None
    script >> DATED_MS << CloseModel() << HangUp() << None >> StreamStopped()
    script << CloseStream(1000, "agent_hung_up") << NoteEnded("success", "agent_hung_up") << None
    assert phone.played == AGENT[: LENGTH_MS * 8]
    assert not script.of(SendToolOutput)


def test_an_agent_that_has_nothing_to_say_hangs_up_at_once() -> None:
    """
    As soon as the response that hung up is done.
    """
    script = talking(replace(IMMEDIATE, goodbye=Goodbye()), SERVER_WAITS) >> ResponseCreated("resp_1") >> HANGS_UP
    script << None >> completed() << CloseModel() << HangUp() << None


def test_the_lines_goodbye_is_said_first() -> None:
    """
    The tool answers that it will be, then the words are asked for, and what they come to is waited for.
    """
    phone = Phone()
    script = saying_goodbye(phone, goodbye=Goodbye("Goodbye!"))
    (asked,) = script.of(CreateResponse)
    assert (asked.segment, "Goodbye!" in (asked.instructions or "")) == (GOODBYE, True)
    assert "status" in outputs(script)[0]
    script >> LENGTH_MS << None >> speaks(LENGTH_MS, 3_000, "item_2", "resp_2") << ... >> completed("resp_2") << ...
    script >> 999 << None >> DATED_MS << CloseModel() << HangUp() << None
    assert phone.played == AGENT[: 3_000 * 8]
    assert len(outputs(script)) == 1


@pytest.mark.parametrize("text", [None, "Goodbye!"])
def test_the_last_words_are_not_waited_for_longer_than_the_line_says(text: str | None) -> None:
    """
    A provider that echoes nothing, or a model that goes on and on, does not keep the call open.
    """
    script = talking(replace(IMMEDIATE, goodbye=Goodbye(text, wait_ms=3_000)), SERVER_WAITS)
    script >> speaks(0, LENGTH_MS) << ... >> HANGS_UP << ... >> completed() << ...
    script >> 2_999 << None >> 1 << CloseModel() << HangUp() << None


def test_a_second_hang_up_does_not_put_it_off() -> None:
    """
    A model that hangs up again and again waits as long as one that hangs up once, and says goodbye once.
    """
    script = talking(replace(IMMEDIATE, goodbye=Goodbye("Goodbye!", wait_ms=3_000)), SERVER_WAITS)
    script >> speaks(0, LENGTH_MS) << ... >> HANGS_UP << ... >> completed() << ...
    script >> ResponseCreated("resp_2") << None >> 2_000
    again = replace(HANGS_UP, response_id="resp_2", call_id="call_2")
    (
        script
        >> again
        << SendToolOutput
        << None
        >> completed("resp_2")
        << ...
        >> 999
        << None
        >> 1
        << CloseModel()
        << HangUp()
    )
    assert len(script.of(CreateResponse)) == 1


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE], ids=["server", "gateway"])
def test_a_caller_who_speaks_first_is_listened_to(plan: CallPlan) -> None:
    """
    The agent is cut like any other, the tool answers that the caller spoke first, and the call goes on.
    """
    phone = Phone()
    script = hears(saying_goodbye(phone, plan), phone, WORDS) << ClearAudio() << SendToolOutput << None >> 500 << ...
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, 600 + LATENCY_MS)]
    assert [(found["status"], found["reason"]) for found in outputs(script)] == [
        ("not hung up", "the caller spoke first")
    ]
    script >> STOPPED << ... >> 20_000 << None
    assert not script.of(HangUp)
    assert len(script.of(CreateResponse)) == plan.takes_turns


def test_a_cough_does_not_keep_the_agent_from_hanging_up() -> None:
    """
    The last words go on where they were stopped, and then it is over.
    """
    phone = Phone()
    script = hears(saying_goodbye(phone, CONFIRMED), phone, COUGH) << ClearAudio() << None >> 500 << ... >> STOPPED
    script << None >> LENGTH_MS << CloseModel() << HangUp() << None
    assert phone.played == AGENT[: LENGTH_MS * 8]
    assert not script.of(SendToolOutput)


def test_a_question_who_spoke_does_not_put_off_the_end() -> None:
    """
    When the time for the last words is over, it is over, and the question is dropped.
    """
    phone = Phone()
    script = saying_goodbye(phone, CONFIRMED, Goodbye(wait_ms=900))
    hears(script, phone, COUGH) << ClearAudio() << None >> 200 << CloseModel() << HangUp() << None >> 7_000 << None


def test_a_goodbye_that_was_not_begun_is_not_said_to_a_caller_who_speaks() -> None:
    """
    It was asked for when the caller spoke; nothing of it is played, and the caller is answered.
    """
    phone = Phone()
    script = saying_goodbye(phone, goodbye=Goodbye("Goodbye!"), heard_ms=LENGTH_MS + 100) >> ResponseCreated("resp_2")
    hears(script, phone, WORDS) << CancelResponse("resp_2") << None
    script >> speaks(0, 500, "item_2", "resp_2") << TruncateItem("item_2", 0, 0) << None
    script >> ResponseDone("resp_2", "cancelled") << None >> 500 >> STOPPED << ANSWER << None >> 20_000 << None
    assert not script.of(HangUp)


def test_a_goodbye_that_waits_for_its_turn_is_withdrawn() -> None:
    """
    The response that hung up is not over when the caller speaks.
    """
    phone = Phone()
    plan = replace(IMMEDIATE, goodbye=Goodbye("Goodbye!"))
    script = (
        on_the_phone(plan, phone, SERVER_WAITS) >> speaks(0, LENGTH_MS) << ... >> HANGS_UP << SendToolOutput << None
    )
    hears(script >> 500, phone, WORDS) << ClearAudio() << CancelResponse("resp_1") << None >> 500 << ...
    script >> ResponseDone("resp_1", "cancelled") << None >> STOPPED << ANSWER << None >> 20_000 << None
    assert script.of(CreateResponse) == [ANSWER]


def test_a_call_that_the_provider_does_not_end_is_ended() -> None:
    """
    A hang-up that had no effect costs 8 s, not a call that stays open for ever.
    """
    script = saying_goodbye(Phone(), heard_ms=LENGTH_MS + DATED_MS)
    assert script.of(HangUp) == [HangUp()]
    script >> 20_000 << CloseStream(1000, "agent_hung_up") << NoteEnded("success", "agent_hung_up") << None
    assert len(script.of(NoteEnded)) == 1


@pytest.mark.parametrize(
    "event", [StreamStopped(), StreamClosed(1006), HangUpRequested("gateway_stopped")], ids=lambda event: str(event)
)
def test_however_it_ends_the_agent_hung_up(event: StreamStopped | StreamClosed | HangUpRequested) -> None:
    """
    Once the agent has hung up the rest is a matter of form.
    """
    script = saying_goodbye(Phone(), heard_ms=LENGTH_MS + DATED_MS) >> 100 >> event
    script << CloseStream(1000, "agent_hung_up") << NoteEnded("success", "agent_hung_up") << None


def test_a_caller_who_hangs_up_first_has_hung_up() -> None:
    """
    While the last words are still to be heard it is the caller who ends the call.
    """
    script = saying_goodbye(Phone()) >> StreamStopped() << CloseModel() << ...
    assert script.of(NoteEnded) == [NoteEnded("success", "caller_hung_up")]
    assert not script.of(HangUp)


def test_a_model_that_leaves_before_the_last_words_were_heard_makes_way() -> None:
    """
    Without a model nobody can say that the conversation is over: the caller gets the fallback, after what is queued.
    """
    script = saying_goodbye(Phone()) >> ModelClosed("model_lost") << CloseModel() << None >> LENGTH_MS << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_lost")]
    assert not script.of(HangUp)


def test_nothing_happens_between_the_hang_up_and_the_end() -> None:
    """
    The session is gone, so whatever the caller says, and whatever still comes of the model, is for nobody.
    """
    phone = Phone()
    script = saying_goodbye(phone, heard_ms=LENGTH_MS + DATED_MS) << ...
    hung_up = len(script.done)
    hears(script, phone, WORDS, SpeechStarted("caller_2", 0)) << None >> STOPPED << None >> HANGS_UP << None
    script >> ModelClosed("model_lost") << None >> speaks(0, 500, "item_2", "resp_2") << None >> completed() << None
    assert not [done for done in script.done[hung_up:] if isinstance(done, Input)]


def test_only_a_line_with_a_goodbye_can_be_hung_up() -> None:
    """
    To any other line `hang_up` is a tool that does not exist.
    """
    script = talking(IMMEDIATE, SERVER_WAITS) >> ResponseCreated("resp_1") >> HANGS_UP << None
    script >> completed() << SendToolOutput << CreateResponse() << None >> 20_000 << None
    assert "error" in outputs(script)[0]
    assert not script.of(HangUp)
    assert not script.of(AppendAudio)
