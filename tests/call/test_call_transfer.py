"""The agent passes a call on: when its last words were heard; and goes on with it when nobody takes it."""

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent import CheckSpeech, RunTool, SpeechTripped, ToolAnswered
from gateway.call import CallPlan, Event
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    HangUp,
    NoteEnded,
    NoteTransfer,
    PlayAudio,
    SendMark,
    TransferCall,
)
from gateway.call.events import (
    CallerLeft,
    HangUpRequested,
    ModelClosed,
    StreamClosed,
    StreamResumed,
    TransferEnded,
    TransferRefused,
)
from gateway.call.farewell import HANG_UP
from gateway.call.plan import Goodbye, Segment, Transfer
from gateway.call.transferring import MOMENT, TRANSFER
from gateway.protocol.events import ErrorReceived, FunctionCalled, ResponseCreated, ResponseDone, SpeechStarted
from gateway.protocol.inputs import CancelResponse, CreateResponse, SendToolOutput, TruncateItem
from gateway.providers.dialect import DialOutcome
from gateway.providers.events import StreamStopped
from tests.call.phone import Phone
from tests.call.script import (
    PLAN,
    SERVER_WAITS,
    SESSION_UPDATED,
    Script,
    completed,
    on_the_phone,
    said,
    says,
    speech,
    talking,
)
from tests.call.test_call_errands import BAKERY, called, words
from tests.call.turns import AGENT, ANSWER, CONFIRMED, COUGH, IMMEDIATE, LATENCY_MS, STOPPED, WORDS, hears, speaks

DESK = Transfer("desk", "tel:+15550155", "for everything else", ring_ms=20_000)
SPOKEN = replace(DESK, say="One moment, please.")
TO_DESK = TransferCall(DESK)
PASSES_ON = FunctionCalled("resp_1", "item_call", "call_1", TRANSFER, '{"destination": "desk"}')
HANGS_UP = FunctionCalled("resp_1", "item_call_2", "call_2", HANG_UP, "{}")
LENGTH_MS = 2_000
DATED_MS = 61
"""A mark that came back is dated within that time."""
FRAME_MS = 20
NOT_THROUGH: list[DialOutcome] = ["busy", "no_answer", "failed"]
MODEL_LOST = ModelClosed("model_lost")


def passing_on(
    phone: Phone, plan: CallPlan = IMMEDIATE, transfer: Transfer = DESK, *, heard_ms: int = LENGTH_MS + DATED_MS
) -> Script:
    """An agent that has said that it passes the caller on."""
    session = SERVER_WAITS if plan.takes_turns else SESSION_UPDATED
    script = on_the_phone(replace(plan, transfers=(transfer,)), phone, session) >> ResponseCreated("resp_1")
    script >> speaks(0, LENGTH_MS) << ... >> said("item_1") << ... >> PASSES_ON << ... >> completed() << ...
    return script >> heard_ms


def rings(plan: CallPlan = IMMEDIATE) -> Script:
    """A call that the provider has taken out of our hands."""
    script = passing_on(Phone(), plan) << TO_DESK << None >> 200 >> StreamStopped() << None
    return script.exchange(None) >> StreamClosed(1000) << None


def comes_back(script: Script, outcome: DialOutcome = "busy") -> Phone:
    """Nobody takes the call: it has another stream, 300 ms later."""
    script >> TransferEnded(outcome) << NoteTransfer(outcome) << SendToolOutput << None >> 300 << None
    phone = Phone(began_ms=script.now_ms)
    script.exchange(phone) >> StreamResumed() << SendMark << CreateResponse() << None
    return phone


def outputs(script: Script) -> list[str]:
    """What the tool has answered."""
    return [next(iter(json.loads(output.output).values())) for output in script.of(SendToolOutput)]


def ended(script: Script) -> NoteEnded:
    """How the call has ended; after that nothing happens."""
    (end,) = script.of(NoteEnded)
    script << ... >> 60_000 << None >> TransferEnded("busy") << None >> StreamResumed() << None
    return end


# Before it


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE, CONFIRMED], ids=["server", "immediate", "confirmed"])
def test_the_last_words_are_heard_before_the_call_is_passed_on(plan: CallPlan) -> None:
    """
    Until the mark behind them has come back nothing happens; then the provider is asked, once, and the model waits.
    """
    phone = Phone()
    script = passing_on(phone, plan, heard_ms=LENGTH_MS - 1) << None
    script >> DATED_MS << TO_DESK << None >> 10_000 << None
    assert phone.played == AGENT[: LENGTH_MS * 8]


def test_the_lines_words_are_said_first() -> None:
    """
    They are asked for when the response is over that wanted it, and the provider is asked when they were heard.
    """
    script = passing_on(Phone(), transfer=SPOKEN) << None
    (asked,) = script.of(CreateResponse)
    assert (asked.segment, "One moment, please." in (asked.instructions or "")) == (MOMENT, True)
    script >> speaks(LENGTH_MS, 3_000, "item_2", "resp_2") << ... >> completed("resp_2") << ... >> 999 << None
    script >> DATED_MS << TransferCall(SPOKEN) << None
    assert outputs(script) == []


def test_the_last_words_are_not_waited_for_without_end() -> None:
    """
    A provider that echoes nothing costs ten seconds.
    """
    script = talking(replace(IMMEDIATE, transfers=(DESK,)), SERVER_WAITS) >> speaks(0, LENGTH_MS) << ... >> PASSES_ON
    script << None >> completed() << ... >> 9_999 << None >> 1 << TO_DESK << None


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE], ids=["server", "gateway"])
def test_a_caller_who_speaks_first_is_listened_to(plan: CallPlan) -> None:
    """
    The agent is cut like any other, the tool answers that the caller spoke first, and nobody is asked.
    """
    phone = Phone()
    script = hears(passing_on(phone, plan, heard_ms=600), phone, WORDS) << ClearAudio() << SendToolOutput << None
    script >> 500 << ...
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, 600 + LATENCY_MS)]
    assert "the caller spoke first" in outputs(script)[0]
    script >> STOPPED << ... >> 20_000 << None
    assert not script.of(TransferCall)
    assert len(script.of(CreateResponse)) == plan.takes_turns


def test_words_that_wait_for_their_turn_are_withdrawn() -> None:
    """
    A caller who speaks before `say` was begun does not hear it.
    """
    phone = Phone()
    script = on_the_phone(replace(IMMEDIATE, transfers=(SPOKEN,)), phone, SERVER_WAITS) >> speaks(0, LENGTH_MS) << ...
    script >> PASSES_ON << None
    hears(script >> 500, phone, WORDS) << ClearAudio() << CancelResponse("resp_1") << SendToolOutput << None >> 500
    script << ... >> ResponseDone("resp_1", "cancelled") << None >> STOPPED << ANSWER << None >> 20_000 << None
    assert script.of(CreateResponse) == [ANSWER]


def test_a_cough_does_not_keep_the_call_here() -> None:
    """
    The last words go on where they were stopped, and then the call is passed on.
    """
    phone = Phone()
    script = hears(passing_on(phone, CONFIRMED, heard_ms=600), phone, COUGH) << ClearAudio() << None >> 500 << ...
    script >> STOPPED << None >> LENGTH_MS << TO_DESK << None
    assert phone.played == AGENT[: LENGTH_MS * 8]
    assert outputs(script) == []


ARGUMENTS = ['{"destination": "tel:+1900"}', '{"destination": ["desk"]}', '{"target": "desk"}', "[]", "{}", "7", "{"]


@given(st.one_of(st.text(), st.sampled_from(ARGUMENTS)))
def test_nobody_else_can_be_reached(arguments: str) -> None:
    """
    Whatever the model asks for, a call goes to the destinations that the line names, or nowhere.
    """
    script = talking(replace(IMMEDIATE, transfers=(DESK,)), SERVER_WAITS) >> ResponseCreated("resp_1")
    script >> replace(PASSES_ON, arguments=arguments) << SendToolOutput << None >> completed() << CreateResponse()
    assert "expected one of desk" in outputs(script)[0]
    script >> 60_000 << None
    assert not script.of(TransferCall)


def test_only_a_line_with_destinations_can_pass_calls_on() -> None:
    """
    To any other line `transfer` is a tool that does not exist.
    """
    script = talking(IMMEDIATE, SERVER_WAITS) >> ResponseCreated("resp_1") >> PASSES_ON << None
    script >> completed() << SendToolOutput << CreateResponse() << None
    assert "there is no tool" in outputs(script)[0]


def test_a_call_is_passed_on_once() -> None:
    """
    A model that wants it twice is told that it is being done.
    """
    script = passing_on(Phone(), heard_ms=500) >> replace(PASSES_ON, response_id="resp_2", call_id="call_2")
    script << SendToolOutput << None >> completed("resp_2") << ...
    assert outputs(script) == ["the call is being transferred already"]


@pytest.mark.parametrize("calls", [(PASSES_ON, HANGS_UP), (HANGS_UP, PASSES_ON)], ids=["transfer", "hang_up"])
def test_a_call_is_passed_on_or_hung_up(calls: Sequence[FunctionCalled]) -> None:
    """
    Of a model that wants both in one breath the first wish counts, and the second is told so.
    """
    plan = replace(IMMEDIATE, transfers=(DESK,), goodbye=Goodbye())
    script = talking(plan, SERVER_WAITS) >> ResponseCreated("resp_1") >> calls[0] << None
    script >> calls[1] << SendToolOutput << None >> completed() << ...
    if calls[0] is PASSES_ON:
        assert script.of(TransferCall) == [TO_DESK]
        assert not script.of(HangUp)
    else:
        assert "being ended" in outputs(script)[0]
        script >> 20_000 << ...
        assert not script.of(TransferCall)


# What comes of it


def test_a_call_that_somebody_takes_is_over() -> None:
    """
    The end of its stream was not its end; that it was taken is, and a success.
    """
    script = rings() >> 30_000 << None >> TransferEnded("transferred") << NoteTransfer("transferred")
    script << CloseModel() << CloseStream << NoteEnded("success", "transferred") << None
    ended(script)


def test_who_says_nothing_has_taken_the_call() -> None:
    """
    A provider tells when nobody answers; when it should have, and has not, somebody did.
    """
    script = rings() >> 35_000 - 200 - DATED_MS - 1 << None >> DATED_MS + 1 << NoteTransfer("transferred") << ...
    assert ended(script) == NoteEnded("success", "transferred")


@pytest.mark.parametrize("outcome", NOT_THROUGH)
def test_a_call_that_nobody_takes_goes_on(outcome: DialOutcome) -> None:
    """
    The model is told why at once, and asked to speak when there is a stream again.
    """
    script = rings() >> 5_000 << None
    comes_back(script, outcome)
    why = {"busy": "the line is busy", "no_answer": "nobody answers", "failed": "cannot be reached"}[outcome]
    assert why in outputs(script)[0]
    assert "still on the line" in outputs(script)[0]
    script >> StreamStopped() << ...
    assert ended(script) == NoteEnded("success", "caller_hung_up")


def test_what_is_heard_of_a_new_stream_is_accounted_for_anew() -> None:
    """
    Its clock begins at zero, and its queue is empty: a caller who cuts in there is understood to the frame.
    """
    script = rings() >> 5_000
    phone = comes_back(script)
    script >> ResponseCreated("resp_2") >> speaks(0, 3_000, "item_2", "resp_2") << ... >> 700 << None
    hears(script, phone, WORDS, SpeechStarted("caller_2", 0)) << ... >> 500 << ...
    assert script.of(TruncateItem) == [TruncateItem("item_2", 0, 700 + LATENCY_MS)]
    assert phone.played == AGENT[: (700 + LATENCY_MS) * 8]


def test_a_call_may_be_passed_on_again() -> None:
    """
    The model may try another time, and so it goes.
    """
    script = rings()
    for attempt in range(2, 5):
        phone = comes_back(script, "no_answer")
        script >> ResponseCreated(f"resp_{attempt}") >> speaks(0, 500, f"item_{attempt}", f"resp_{attempt}") << ...
        script >> replace(PASSES_ON, response_id=f"resp_{attempt}", call_id=f"call_{attempt}") << None
        script >> completed(f"resp_{attempt}") << ... >> 500 + DATED_MS << TO_DESK << None >> StreamStopped() << None
        script.exchange(None) >> StreamClosed(1000) << None
        assert phone.played == AGENT[: 500 * 8]
    assert len(outputs(script)) == 3
    script >> TransferEnded("transferred") << ...
    assert ended(script) == NoteEnded("success", "transferred")


@pytest.mark.parametrize("perhaps", [False, True], ids=["surely", "perhaps"])
def test_a_provider_that_refuses_leaves_everything_as_it_is(perhaps: bool) -> None:
    """
    The stream goes on, and the model is told at once; where it may have been done all the same, two seconds later.
    """
    script = passing_on(Phone()) << TO_DESK << None >> 200 >> TransferRefused(maybe_done=perhaps)
    if perhaps:
        script << None >> 1_999 << None >> 1
    script << NoteTransfer("refused") << SendToolOutput << CreateResponse() << None
    assert "it was refused" in outputs(script)[0]
    script >> ResponseCreated("resp_2") >> speaks(0, 500, "item_2", "resp_2") << SendMark << PlayAudio << ...
    script >> StreamStopped() << ...
    assert ended(script) == NoteEnded("success", "caller_hung_up")


def test_a_provider_that_does_nothing_is_not_waited_for_without_end() -> None:
    """
    It said that it would, and the stream has not ended.
    """
    script = passing_on(Phone()) << TO_DESK << None >> 35_000 - DATED_MS - 1 << None
    script >> DATED_MS + 1 << NoteTransfer("refused") << SendToolOutput << CreateResponse() << None


@pytest.mark.parametrize("left", [CallerLeft(), TransferRefused()], ids=lambda event: type(event).__name__)
def test_a_caller_who_hangs_up_while_it_rings_has_hung_up(left: Event) -> None:
    """
    The provider says so; or refuses what it was asked of a call that has no stream any more.
    """
    script = rings() >> left << NoteTransfer("caller_left") << CloseModel() << ...
    assert ended(script) == NoteEnded("success", "caller_hung_up")


def test_an_answer_that_got_lost_is_waited_for() -> None:
    """
    Where the stream has ended, or soon does, the provider has done what it was asked, whether or not it could say so.
    """
    script = rings() >> TransferRefused(maybe_done=True) << None >> 30_000 << None
    comes_back(script)
    script = passing_on(Phone()) << TO_DESK << None >> TransferRefused(maybe_done=True) << None >> 1_900 << None
    script >> StreamStopped() << None
    comes_back(script.exchange(None))


def test_a_caller_who_left_is_of_interest_only_while_there_is_no_stream() -> None:
    """
    A stream tells by itself.
    """
    script = passing_on(Phone()) << TO_DESK << None >> CallerLeft() << None
    script >> StreamStopped() << None >> TransferEnded("failed") << ... >> CallerLeft() << CloseModel() << ...
    assert ended(script) == NoteEnded("success", "caller_hung_up")


def test_a_call_that_does_not_come_back_is_over() -> None:
    """
    Ten seconds after it should have; whoever has the caller goes on with the fallback.
    """
    script = rings() >> TransferEnded("busy") << ... >> 9_999 << None >> 1 << CloseModel() << ...
    assert ended(script) == NoteEnded("fallback", "not_come_back")


def test_a_call_may_be_back_before_its_stream_has_ended() -> None:
    """
    A number that cannot be called fails at once, and its news may overtake the end of the stream.
    """
    script = passing_on(Phone()) << TO_DESK << None >> TransferEnded("failed") << NoteTransfer("failed")
    script << SendToolOutput << None >> StreamStopped() << None
    script.exchange(Phone(began_ms=script.now_ms)) >> StreamResumed() << SendMark << CreateResponse() << None


@pytest.mark.parametrize("gone", [MODEL_LOST, ErrorReceived("session_expired", "Bye.")], ids=["lost", "expired"])
def test_whoever_takes_the_call_needs_no_model(gone: Event) -> None:
    """
    A model that is lost while it rings spoils nothing; only when nobody answers is it missed.
    """
    script = rings() >> gone << CloseModel() << None >> 5_000 << None >> TransferEnded("transferred") << ...
    assert ended(script) == NoteEnded("success", "transferred")
    script = rings() >> gone << CloseModel() << None >> TransferEnded("busy") << ...
    assert ended(script) == NoteEnded("fallback", gone.reason if isinstance(gone, ModelClosed) else "session_expired")


def test_a_model_that_is_lost_before_the_stream_ends_is_not_waited_for() -> None:
    """
    The call is passed on all the same; and if it is not, it makes way for the fallback.
    """
    script = passing_on(Phone()) << TO_DESK << None >> MODEL_LOST << CloseModel() << None >> StreamStopped() << None
    script >> TransferEnded("transferred") << ...
    assert ended(script) == NoteEnded("success", "transferred")
    script = passing_on(Phone()) << TO_DESK << None >> MODEL_LOST << CloseModel() << None >> TransferRefused()
    script << NoteTransfer("refused") << CloseStream << NoteEnded("fallback", "model_lost") << None


def test_a_model_that_is_lost_on_the_way_back_makes_way() -> None:
    """
    The stream that comes finds nobody, and its caller hears the fallback.
    """
    script = rings() >> TransferEnded("busy") << ... >> MODEL_LOST << CloseModel() << ...
    assert ended(script) == NoteEnded("fallback", "model_lost")


def test_a_gateway_that_stops_does_not_wait() -> None:
    """
    The caller is with somebody else, or will hear the fallback.
    """
    script = rings() >> HangUpRequested("gateway_stopped") << CloseModel() << ...
    assert ended(script) == NoteEnded("success", "gateway_stopped")


# What nobody hears


def test_what_was_not_heard_when_the_stream_ended_is_forgotten() -> None:
    """
    Like at a barge-in, and once; but nothing is cleared, and nobody has cut in.
    """
    phone = Phone()
    script = passing_on(phone) << TO_DESK << None >> ResponseCreated("resp_2") << ...
    script >> speaks(0, 1_000, "item_2", "resp_2") << ... >> speaks(1_000, 2_000, "item_3", "resp_2") << ... >> 600
    script >> StreamStopped() << TruncateItem << TruncateItem("item_3", 0, 0) << CancelResponse("resp_2") << None
    (first, _) = script.of(TruncateItem)
    assert first.item_id == "item_2"
    assert abs(first.audio_end_ms - 600) <= FRAME_MS
    assert not script.of(ClearAudio)
    assert script.call.barge_ins == 0
    script.exchange(None) >> speaks(2_000, 2_500, "item_3", "resp_2") << None >> completed("resp_2") << None


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE], ids=["server", "gateway"])
def test_a_barge_in_that_was_under_way_is_settled(plan: CallPlan) -> None:
    """
    The stream ends before the flushed marks are back: by the clock the item is cut where the clear arrived.
    """
    phone = Phone(echoes_flushed=False)
    script = passing_on(phone, plan) << TO_DESK << None >> ResponseCreated("resp_2") << ...
    script >> speaks(0, 1_000, "item_2", "resp_2") << ... >> 400
    hears(script, phone, WORDS) << ClearAudio() << ... >> 40 << None >> StreamStopped() << ...
    (cut,) = script.of(TruncateItem)
    assert abs(cut.audio_end_ms - 400 - LATENCY_MS) <= FRAME_MS
    assert script.call.barge_ins == 1


def test_an_answer_that_nobody_would_hear_is_cancelled() -> None:
    """
    A server that answers by itself what was said last is stopped, and what it has said forgotten.
    """
    script = rings(PLAN) >> ResponseCreated("resp_9") << CancelResponse("resp_9") << None
    script >> speaks(0, 500, "item_9", "resp_9") << TruncateItem("item_9", 0, 0) << None
    script >> ResponseDone("resp_9", "cancelled") << None
    comes_back(script)


def test_an_answer_that_was_cancelled_is_made_up_for() -> None:
    """
    The server answers what was said last, to nobody, after it was known that nobody took the call.
    """
    script = passing_on(Phone(), PLAN) << TO_DESK << None >> SpeechStarted("caller_2", 0) << None >> StreamStopped()
    script.exchange(None) << None >> TransferEnded("busy") << NoteTransfer("busy") << SendToolOutput << None
    script >> STOPPED << None >> ResponseCreated("resp_9") << CancelResponse("resp_9") << None
    script >> ResponseDone("resp_9", "cancelled") << None >> StreamResumed() << SendMark << CreateResponse() << None


def test_a_guardrail_has_nothing_to_cut_when_nobody_listens() -> None:
    """
    What it stands for is not said to an empty line either.
    """
    plan = replace(IMMEDIATE, agent=replace(BAKERY, guarded=True), transfers=(DESK,))
    script = talking(plan, SERVER_WAITS) >> ResponseCreated("resp_1") >> words("No." * 40) << CheckSpeech >> PASSES_ON
    script << None >> completed() << TO_DESK << None >> StreamStopped() << None
    script >> SpeechTripped("resp_1", "item_1", "no") << None


def test_a_caller_who_was_speaking_when_the_stream_ended_has_spoken() -> None:
    """
    The server is given silence, so that the turn ends; who answers it is the agent that is told what became of it all.
    """
    phone = Phone()
    script = hears(passing_on(phone) << TO_DESK << None, phone, WORDS) << None >> StreamStopped() << None
    script.exchange(None) >> 1_000 << None >> STOPPED << None
    comes_back(script)


def test_a_tool_that_answers_meanwhile_is_not_lost() -> None:
    """
    Its answer is with the model before the caller is back; nothing is said until then.
    """
    plan = replace(IMMEDIATE, agent=BAKERY, transfers=(DESK,))
    script = (
        talking(plan, SERVER_WAITS)
        >> ResponseCreated("resp_1")
        >> called(call_id="call_9")
        << RunTool
        >> PASSES_ON
        << None
    )
    script >> completed() << TO_DESK << None >> StreamStopped() << None
    script >> ToolAnswered("call_9", "Done.") << SendToolOutput("call_9", "Done.") << None
    script >> TransferEnded("busy") << ... >> StreamResumed() << SendMark << CreateResponse() << None


def test_what_must_be_heard_is_played_again_to_a_caller_who_is_back() -> None:
    """
    From its start, on the new stream.
    """
    plan = replace(IMMEDIATE, opening=(Segment("terms", "No refunds.", must_hear=True),), transfers=(DESK,))
    script = on_the_phone(plan, Phone(), SERVER_WAITS) << ... >> ResponseCreated("resp_1")
    script >> says("item_1", 20_000) << ... >> said("item_1") << ... >> PASSES_ON << None >> completed() << None
    script >> 10_000 << TO_DESK << None >> StreamStopped() << None
    phone = Phone(began_ms=script.now_ms)
    script >> TransferEnded("busy") << ...
    script.exchange(phone) >> StreamResumed() << ...
    assert phone.played == b64decode(speech(20_000))
    assert not script.of(TruncateItem)
