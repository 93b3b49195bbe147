"""The conversation in a call that comes by SIP: words that are heard, turns that are kept, speech that is cut."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent import AgentProfile, CheckSpeech, RunTool, SpeechTripped, ToolAnswered
from gateway.call import CallPlan
from gateway.call.commands import HangUp, NoteDeadAir, NoteGuardrailTripped, NoteInterrupted, NoteReceipt
from gateway.call.plan import BargeInMode, Goodbye, Segment
from gateway.call.sip_commands import AcceptCall, SipEvent
from gateway.protocol.events import (
    AudioDelta,
    ErrorReceived,
    FunctionCalled,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import (
    AppendAudio,
    CancelResponse,
    ClearOutputAudio,
    CreateResponse,
    SendToolOutput,
    TruncateItem,
    UpdateAudio,
)
from gateway.protocol.session import PCMU
from tests.call.sip_script import (
    GATEWAY_ANSWERS,
    GREETED,
    GREETING,
    PLAN,
    SERVER_ANSWERS,
    SESSION_CREATED,
    SipScript,
    attaching,
    completed,
    heard,
    says,
    speaks,
    talking,
)

STARTED = SpeechStarted("caller_1", 0)
STOPPED = SpeechStopped("caller_1", 900)
ANSWER = CreateResponse()
INTERRUPTS = SessionUpdated(PCMU, PCMU, interrupts=True, responds=False)


def must_hear(*modes: BargeInMode) -> CallPlan:
    """A line whose words must be heard, one segment for each of *modes*."""
    segments = (Segment(f"s{number}", f"Words {number}.", mode, True) for number, mode in enumerate(modes, start=1))
    return replace(PLAN, opening=tuple(segments))


def words(script: SipScript) -> list[str]:
    """Which words of the line were asked for, in order; empty for an answer."""
    return [response.segment for response in script.of(CreateResponse)]


def turns(script: SipScript) -> list[tuple[object, object]]:
    """Who was to interrupt and to answer, since the call was accepted."""
    configs = [script.of(AcceptCall)[0].session, *(update.config for update in script.of(UpdateAudio))]
    detections = [config.turn_detection for config in configs if config]
    return [(turns.get("interrupt_response"), turns.get("create_response")) for turns in detections]


# The greeting


def test_the_greeting_is_asked_for_as_soon_as_there_is_a_session() -> None:
    """
    Once, and how long the caller waited for it is noted; nothing is said by the gateway itself.
    """
    script = attaching(GREETED) >> SESSION_CREATED << ... >> SERVER_ANSWERS << CreateResponse << None >> 700
    heard(script, "resp_1") << None
    assert words(script) == ["greeting"]
    assert GREETING.text in (script.of(CreateResponse)[0].instructions or "")
    assert script.of(NoteDeadAir) == [NoteDeadAir(700.0)]
    assert not script.of(AppendAudio)


def test_a_caller_who_speaks_before_the_greeting_is_answered_by_the_server() -> None:
    """
    After that a greeting would come too late.
    """
    script = attaching(GREETED) >> SESSION_CREATED << ... >> STARTED << None >> SERVER_ANSWERS << None >> STOPPED
    speaks(script << None, "resp_1") << None >> OutputAudioStopped("resp_1") << None
    assert words(script) == []


def test_what_the_caller_cuts_is_the_servers_affair() -> None:
    """
    It throws away what it has not played, and truncates; a greeting that was cut is not said again.
    """
    script = speaks(talking(GREETED), "resp_1") << None >> STARTED << None
    script >> OutputAudioCleared("resp_1") << NoteInterrupted() << None >> STOPPED << None >> 20_000 << None
    assert words(script) == ["greeting"]
    assert script.call.barge_ins == 1
    assert not script.of(TruncateItem)


# Words that must be heard


def test_words_that_must_be_heard_are_said_one_after_the_other() -> None:
    """
    The next are asked for when those before were played, and leave a receipt with the server's times.
    """
    script = talking(must_hear("off", "off"), GATEWAY_ANSWERS) >> 300
    script >> ResponseCreated("resp_1") >> says("resp_1") >> 200 >> OutputAudioStarted("resp_1")
    script >> completed("resp_1") << None >> 2_500 << None >> OutputAudioStopped("resp_1")
    script << NoteReceipt << CreateResponse << None
    heard(script, "resp_2") << NoteReceipt << UpdateAudio << None
    first, second = (note.receipt for note in script.of(NoteReceipt))
    assert (first.segment, first.from_ms, first.until_ms, first.acked_ms) == ("s1", 500, 3_000, 3_000)
    assert (second.segment, second.from_ms, second.until_ms) == ("s2", 3_000, 5_000)
    assert words(script) == ["s1", "s2"]
    assert turns(script) == [(False, False), (None, None)]


@pytest.mark.parametrize("order", ["done first", "played first"])
def test_words_are_heard_when_they_were_said_and_played(order: str) -> None:
    """
    Whichever the server tells first.
    """
    script = speaks(talking(must_hear("off"), GATEWAY_ANSWERS), "resp_1", generated=False)
    told: list[SipEvent] = [completed("resp_1"), OutputAudioStopped("resp_1")]
    first, second = told if order == "done first" else reversed(told)
    script >> first << None >> second << NoteReceipt << UpdateAudio << None


def test_the_start_of_the_next_response_is_the_end_of_the_one_before() -> None:
    """
    A server that plays one after the other has played the first to its end.
    """
    script = speaks(talking(must_hear("off"), GATEWAY_ANSWERS), "resp_1") << None
    script >> ResponseCreated("resp_2") << None >> OutputAudioStarted("resp_2") << NoteReceipt << UpdateAudio << None


def test_words_that_were_cut_are_said_again() -> None:
    """
    When the caller has finished; and then the caller is answered, who was not answered before.
    """
    script = talking(must_hear("immediate"), INTERRUPTS)
    speaks(script, "resp_1", generated=False) << None >> 800 >> STARTED << None
    script >> OutputAudioCleared("resp_1") << NoteInterrupted() << None >> ResponseDone("resp_1", "cancelled") << None
    script >> STOPPED << CreateResponse << None
    heard(script, "resp_2") << NoteReceipt << UpdateAudio << ANSWER << None
    assert words(script) == ["s1", "s1", ""]
    assert turns(script) == [(True, False), (None, None)]


def test_a_caller_who_speaks_over_words_that_cannot_be_cut_is_answered_behind_them() -> None:
    """
    However often the caller speaks, there is one answer, and it comes last.
    """
    script = speaks(talking(must_hear("off", "off"), GATEWAY_ANSWERS), "resp_1") << None
    script >> STARTED << None >> STOPPED << None >> STARTED << None >> STOPPED << None
    script >> OutputAudioStopped("resp_1") << NoteReceipt << CreateResponse << None
    heard(script, "resp_2") << NoteReceipt << UpdateAudio << ANSWER << None
    assert words(script) == ["s1", "s2", ""]


def test_turns_are_not_changed_in_the_middle_of_speech() -> None:
    """
    The server would forget what it has heard of it.
    """
    script = speaks(talking(must_hear("off"), GATEWAY_ANSWERS), "resp_1") << None >> STARTED << None
    script >> OutputAudioStopped("resp_1") << NoteReceipt << None >> STOPPED << UpdateAudio << ANSWER << None


def test_words_that_come_to_nothing_are_asked_for_again() -> None:
    """
    Three times, whether they were refused, broken off, silent, or failed; then the call is of no use.
    """
    cut_short = ResponseDone("resp_2", "incomplete", reason="max_output_tokens")
    script = talking(must_hear("off"), GATEWAY_ANSWERS)
    script >> ErrorReceived("invalid_value", "", script.of(CreateResponse)[0]) << CreateResponse << None
    speaks(script, "resp_2", generated=False) >> cut_short << None
    script >> OutputAudioStopped("resp_2") << CreateResponse << None
    script >> ResponseCreated("resp_3") >> completed("resp_3") << ...
    assert words(script) == ["s1", "s1", "s1"]
    assert script.ended is not None
    assert (script.ended.result, script.ended.reason) == ("failed", "response_failed")


def test_words_of_which_nothing_is_told_are_not_waited_for_without_end() -> None:
    """
    There is no receipt then, and the conversation goes on.
    """
    script = speaks(talking(must_hear("off"), GATEWAY_ANSWERS), "resp_1") << None >> 89_999 << None
    script >> 1 << UpdateAudio << None
    assert not script.of(NoteReceipt)


# A line on which nothing is cut

OFF = replace(
    GREETED,
    barge_in="off",
    session=replace(PLAN.session, turn_detection={"create_response": False, "interrupt_response": False}),
)


def test_where_nothing_is_cut_the_caller_is_answered_when_the_agent_is_done() -> None:
    """
    Which it is when all that it said was played.
    """
    script = speaks(talking(OFF, GATEWAY_ANSWERS), "resp_1") << None >> STARTED << None >> STOPPED << None
    script >> OutputAudioStopped("resp_1") << ANSWER << None
    heard(script, "resp_2") << None >> STARTED << None >> STOPPED << ANSWER << None


def test_a_line_whose_agent_is_not_to_answer_by_itself_is_not_answered_for() -> None:
    """
    Its author has said so.
    """
    quiet = replace(PLAN, session=replace(PLAN.session, turn_detection={"create_response": False}))
    talking(quiet, GATEWAY_ANSWERS) >> STARTED << None >> STOPPED << None >> 20_000 << None


# Tools and guardrails

ABLE = replace(PLAN, agent=AgentProfile("baker", "You bake.", ({"name": "bake"},), guarded=True))


def test_tools_are_answered_and_spoken_of_while_the_agent_is_still_heard() -> None:
    """
    Nothing is gained by waiting for the line to be quiet.
    """
    script = speaks(talking(ABLE), "resp_1", generated=False) << None
    script >> FunctionCalled("resp_1", "item_2", "call_1", "bake", "{}") << RunTool << None
    script >> ToolAnswered("call_1", '"baked"') << None
    script >> completed("resp_1") << CheckSpeech << SendToolOutput("call_1", '"baked"') << ANSWER << None


def test_what_the_line_says_is_not_judged() -> None:
    """
    Neither its greeting nor its goodbye; what the agent makes of it is.
    """
    script = talking(replace(ABLE, opening=(GREETING,), goodbye=Goodbye("Goodbye."))) << ...
    heard(script, "resp_1") << None >> ResponseCreated("resp_2") >> says("resp_2") << None
    script >> FunctionCalled("resp_2", "item_2", "call_1", "hang_up", "{}") << SendToolOutput << None
    script >> completed("resp_2") << CheckSpeech << CreateResponse << None
    script >> ResponseCreated("resp_3") >> says("resp_3", "Goodbye.") >> completed("resp_3") << None
    assert words(script) == ["greeting", "goodbye"]


def test_what_must_not_be_heard_is_thrown_away_by_the_server() -> None:
    """
    The model is stopped first, or it would speak on; then something else is said, and no caller has cut in.
    """
    script = speaks(talking(ABLE), "resp_1", generated=False) << None
    script >> SpeechTripped("resp_1", "item_1", "no recipes") << NoteGuardrailTripped("no recipes", "item_1")
    script << CancelResponse("resp_1") << ClearOutputAudio() << None
    script >> OutputAudioCleared("resp_1") << None >> ResponseDone("resp_1", "cancelled") << ... << None
    assert "no recipes" in (script.of(CreateResponse)[-1].instructions or "")
    assert script.call.barge_ins == 0


def test_an_answer_that_is_generated_but_not_played_can_still_be_cut() -> None:
    """
    Models speak faster than they are heard.
    """
    script = speaks(talking(ABLE), "resp_1") << ... >> SpeechTripped("resp_1", "item_1", "no recipes")
    script << NoteGuardrailTripped << ClearOutputAudio() << CreateResponse << None


# Any order

RESPONSES = ("resp_1", "resp_2", "resp_3")
EVENTS: list[SipEvent | float] = [
    STARTED,
    STOPPED,
    SERVER_ANSWERS,
    GATEWAY_ANSWERS,
    ErrorReceived("conversation_already_has_active_response", "", ANSWER),
    100,
    60_000,
    *(
        event
        for response in RESPONSES
        for event in (
            ResponseCreated(response),
            says(response),
            AudioDelta(response, f"item of {response}", 0, "/w=="),
            OutputAudioStarted(response),
            OutputAudioStopped(response),
            OutputAudioCleared(response),
            completed(response),
            ResponseDone(response, "cancelled"),
        )
    ),
]


@given(st.lists(st.sampled_from(EVENTS), max_size=50))
def test_there_is_no_receipt_for_what_was_not_heard(happenings: list[SipEvent | float]) -> None:
    """
    Words leave one receipt at most, after a response of theirs was generated and played to its end; and whatever comes,
    audio is neither sent nor truncated, and nobody hangs up.
    """
    script = talking(must_hear("off", "immediate"), GATEWAY_ANSWERS)
    for index, happening in enumerate(happenings):
        before = len(script.of(NoteReceipt))
        script << ... >> happening << ...
        if len(script.of(NoteReceipt)) > before:
            came = happenings[: index + 1]
            assert any(completed(response) in came for response in RESPONSES)
            assert any(isinstance(event, OutputAudioStarted | OutputAudioStopped) for event in came)
    receipts = [note.receipt.segment for note in script.of(NoteReceipt)]
    assert len(receipts) == len(set(receipts))
    assert not [command for command in script.done if isinstance(command, AppendAudio | TruncateItem | HangUp)]
