"""A call that comes by SIP: accepted, attached to, followed, and ended; nothing of it is left to look after itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent import SpeechTripped
from gateway.call.commands import CloseModel, HangUp, NoteAccept, NoteEnded, NoteTransfer, TransferCall
from gateway.call.events import FrameRejected, HangUpRequested, ModelClosed, TransferRefused
from gateway.call.plan import Goodbye, Transfer
from gateway.call.sip_call import SipTerms
from gateway.call.sip_commands import (
    AcceptCall,
    AcceptFailed,
    AttachModel,
    CallAccepted,
    CallGone,
    EndCall,
    SipCommand,
    SipEvent,
)
from gateway.call.transferring import TRANSFER
from gateway.protocol.events import (
    DtmfReceived,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import ConfigureSession, CreateResponse, Input, SendToolOutput
from tests.call.sip_script import (
    GREETED,
    PLAN,
    SERVER_ANSWERS,
    SESSION_CREATED,
    SipScript,
    attaching,
    completed,
    ringing,
    says,
    talking,
)

BROKEN = ModelClosed("connection_lost")
UNREACHABLE = ModelClosed("model_unavailable")


def ends(script: SipScript, result: str, reason: str, by: SipCommand | None = None) -> SipScript:
    """The call ends so, with a request to end it or without, and nothing happens any more."""
    if by is not None:
        script << by
    script << CloseModel() << NoteEnded(result, reason) << None  # type: ignore[arg-type]  # any text, to be compared
    return script >> SESSION_CREATED << None >> CallGone() << None >> 8_000_000 << None


# Ringing


def test_a_call_is_accepted_with_the_whole_session_and_attached_to() -> None:
    """
    The formats are not in it, which the call has agreed on; what attaches sets it up once more, and keeps the voice.
    """
    script = ringing() << AcceptCall(PLAN.session) << None >> CallAccepted()
    script << NoteAccept("accepted") << AttachModel() << None >> SESSION_CREATED
    script << ConfigureSession(replace(PLAN.session, voice=None)) << None >> SERVER_ANSWERS << None
    assert script.call.phase == "talking"
    assert "format" not in str(PLAN.session.to_wire())


def test_a_caller_who_left_is_no_error() -> None:
    """
    There is nothing to be ended either.
    """
    ends(ringing() << AcceptCall >> CallGone() << NoteAccept("caller_left"), "rejected", "caller_left")


def test_a_session_that_is_refused_is_set_up_when_it_is_attached_to() -> None:
    """
    The call is accepted with nothing but its model, once; then everything is sent, the voice among it.
    """
    script = ringing() << AcceptCall >> AcceptFailed(session_refused=True) << AcceptCall(None) << None
    script >> CallAccepted() << NoteAccept("accepted") << AttachModel() >> SESSION_CREATED
    script << ConfigureSession(PLAN.session) << None >> SERVER_ANSWERS << None
    assert script.call.phase == "talking"


@pytest.mark.parametrize("silent", [True, False], ids=["never answered", "refused"])
def test_a_call_that_was_accepted_with_nothing_is_not_left_to_nobodys_agent(silent: bool) -> None:
    """
    If its session cannot be set up the call is ended.
    """
    script = ringing() << AcceptCall >> AcceptFailed(session_refused=True) << ... >> CallAccepted() << ...
    script >> SESSION_CREATED << ConfigureSession
    script >> (3_000 if silent else ErrorReceived("invalid_value", "", ConfigureSession(PLAN.session)))
    ends(script, "failed", "model_refused_session", EndCall())


def test_a_session_that_was_accepted_serves_whether_or_not_it_is_confirmed() -> None:
    """
    A server that forgets to answer, or does not want to be told twice, has been told when the call was accepted.
    """
    for opened in (3_000, ErrorReceived("invalid_value", "", ConfigureSession(PLAN.session))):
        script = attaching(GREETED) >> SESSION_CREATED << ConfigureSession >> opened << CreateResponse << None
        assert script.call.phase == "talking"


def test_an_accept_that_may_have_succeeded_is_probed() -> None:
    """
    Without an answer it is seen whether there is a session: it is followed if there is, and else there is no call.
    """
    script = ringing() << AcceptCall >> AcceptFailed(session_refused=False) << AttachModel() << None
    script >> SESSION_CREATED << NoteAccept("accepted") << ConfigureSession << None
    script = ringing() << AcceptCall >> AcceptFailed(session_refused=False) << AttachModel() << None
    ends(script >> CallGone() << NoteAccept("failed"), "failed", "accept_failed")


def test_a_second_refusal_of_the_session_is_probed_too() -> None:
    """
    The service may have taken the first one, and lost its answer.
    """
    script = ringing() << AcceptCall >> AcceptFailed(session_refused=True) << AcceptCall(None)
    script >> AcceptFailed(session_refused=True) << AttachModel() << None


# Attaching


def test_a_session_that_cannot_be_attached_to_for_5_s_is_ended() -> None:
    """
    It is tried again and again until then; nobody is left to talk to an agent that nobody looks after.
    """
    script = attaching()
    while script.now_ms < 4_750:
        script >> UNREACHABLE << None >> 250 << AttachModel() << None
    ends(script >> UNREACHABLE << None >> 250, "failed", "attach_failed", EndCall())


def test_a_connection_that_takes_too_long_is_given_up() -> None:
    """
    The limit holds for an attempt that does not end, and for a server that does not speak.
    """
    ends(attaching() >> 4_999 << None >> 1, "failed", "attach_failed", EndCall())
    ends(attaching(terms=SipTerms(attach_within_ms=70)) >> 70, "failed", "attach_failed", EndCall())


def test_a_call_that_was_just_accepted_may_not_be_there_yet() -> None:
    """
    For half a second it is looked for again; after that a call that is not found is one whose caller has left.
    """
    script = attaching() >> CallGone() << None >> 250 << AttachModel() << None >> SESSION_CREATED << ConfigureSession
    script = attaching() >> CallGone() << None >> 250 << AttachModel() << None >> 300 >> CallGone()
    ends(script, "rejected", "caller_left")


def test_a_call_of_a_gateway_that_is_gone_is_attached_to() -> None:
    """
    It is accepted no more, keeps its voice, and is over when it is not found.
    """
    script = SipScript(accepted_for_ms=60_000) << AttachModel() << None >> SESSION_CREATED
    script << ConfigureSession(replace(PLAN.session, voice=None)) << None >> SERVER_ANSWERS << None
    ends(SipScript(accepted_for_ms=60_000) << AttachModel() >> CallGone(), "success", "caller_hung_up")


# The end


def test_the_caller_hangs_up() -> None:
    """
    The connection breaks; it is made again at once, and a call that is not found any more is over.
    """
    ends(talking() >> 10_000 >> BROKEN << AttachModel() << None >> CallGone(), "success", "caller_hung_up")


def test_a_connection_that_only_broke_is_made_again() -> None:
    """
    The session goes on as it is, and what must have been answered meanwhile is asked for.
    """
    script = talking(GREETED) >> ResponseCreated("resp_1") >> FunctionCalled("resp_1", "item_1", "call_1", "cook", "{}")
    script >> 6_000 << None >> BROKEN << AttachModel() << None >> SESSION_CREATED << ConfigureSession << None
    script >> SERVER_ANSWERS << SendToolOutput << CreateResponse() << None
    assert script.call.phase == "talking"


def test_a_connection_that_breaks_again_and_again_is_not_made_for_ever() -> None:
    """
    Five times in a row; then the call is ended.
    """
    script = talking()
    for _ in range(5):
        script >> 100 >> BROKEN << AttachModel() >> SESSION_CREATED << ConfigureSession >> SERVER_ANSWERS << None
    ends(script >> 100 >> BROKEN, "failed", "model_lost", EndCall())


def test_a_gateway_that_stops_ends_its_calls() -> None:
    """
    Here nobody else takes them over; one that is just being accepted is ended as soon as it is.
    """
    stopped = HangUpRequested("gateway_stopped")
    ends(talking() >> stopped, "success", "gateway_stopped", EndCall())
    ends(attaching() >> stopped, "success", "gateway_stopped", EndCall())
    script = ringing() << AcceptCall >> stopped << None >> CallAccepted() << NoteAccept("accepted")
    ends(script, "success", "gateway_stopped", EndCall())
    script = ringing() << AcceptCall >> stopped << None >> AcceptFailed(session_refused=True) << NoteAccept("failed")
    ends(script, "failed", "accept_failed", EndCall())


def test_a_call_of_which_nothing_is_heard_is_ended() -> None:
    """
    Ten minutes without an event are nobody's conversation; any event begins them anew.
    """
    script = talking() >> 599_000 << None >> EventIgnored("rate_limits.updated") << None >> 599_999 << None
    ends(script >> 1, "success", "nothing_heard", EndCall())


def test_no_call_lasts_for_ever() -> None:
    """
    Two hours, if the line does not say otherwise, since it was accepted, by whomever.
    """
    script = talking()
    for _ in range(119):
        script >> 60_000 >> EventIgnored("ping") << None
    ends(script >> 60_000, "success", "too_long", EndCall())
    script = SipScript(accepted_for_ms=7_199_000) << ... >> SESSION_CREATED << ... >> SERVER_ANSWERS << None
    ends(script >> 1_000, "success", "too_long", EndCall())


@pytest.mark.parametrize("code", ["insufficient_quota", "session_expired"])
def test_a_session_that_is_of_no_use_ends_the_call(code: str) -> None:
    """
    There is no fallback behind it.
    """
    ends(talking() >> ErrorReceived(code, ""), "failed", code, EndCall())
    script = talking(GREETED) >> ResponseCreated("resp_1")
    ends(script >> ResponseDone("resp_1", "failed", error_code=code), "failed", code, EndCall())


def test_three_failed_responses_in_a_row_end_the_call() -> None:
    """
    Until then each is asked for again, in the words in which it was.
    """
    script = talking(GREETED)
    asked = script.of(CreateResponse)
    for number in (1, 2):
        script >> ResponseCreated(f"resp_{number}") >> ResponseDone(f"resp_{number}", "failed") << asked[0] << None
    script >> ResponseCreated("resp_3") >> ResponseDone("resp_3", "failed")
    ends(script, "failed", "response_failed", EndCall())


# Hanging up

HANGS_UP = FunctionCalled("resp_1", "item_call", "call_1", "hang_up", "{}")


def parting(goodbye: Goodbye) -> SipScript:
    """An agent that speaks, and hangs up while its words are still played."""
    script = talking(replace(PLAN, goodbye=goodbye)) >> ResponseCreated("resp_1") >> says("resp_1")
    return script >> OutputAudioStarted("resp_1") << ... >> HANGS_UP << ... >> completed("resp_1") << ...


def test_the_last_words_are_heard_before_the_agent_hangs_up() -> None:
    """
    The server says when it has played them; until then nothing happens.
    """
    script = parting(Goodbye()) >> 3_000 << None >> OutputAudioStopped("resp_1")
    ends(script, "success", "agent_hung_up", HangUp())


def test_words_that_the_line_gives_are_said_first() -> None:
    """
    The model is asked for them, and they are heard to their end.
    """
    script = parting(Goodbye("Goodbye.")) >> OutputAudioStopped("resp_1") << None
    assert "Goodbye." in (script.of(CreateResponse)[-1].instructions or "")
    script >> ResponseCreated("resp_2") >> says("resp_2", "Goodbye.") >> completed("resp_2") << None
    script >> OutputAudioStarted("resp_2") << None >> OutputAudioStopped("resp_2")
    ends(script, "success", "agent_hung_up", HangUp())


def test_last_words_are_not_waited_for_without_end() -> None:
    """
    A server that does not say that it has played them costs ten seconds.
    """
    ends(parting(Goodbye()) >> 9_999 << None >> 1, "success", "agent_hung_up", HangUp())


def test_a_caller_who_speaks_first_is_listened_to() -> None:
    """
    The model is told that the call goes on.
    """
    script = parting(Goodbye()) >> SpeechStarted("caller_1", 0) << SendToolOutput << None
    script >> OutputAudioCleared("resp_1") << ... >> 20_000 << None
    assert not script.of(HangUp)


# Passing on

KITCHEN = Transfer("kitchen", "tel:+15550155", "for orders")
TO_KITCHEN = TransferCall(KITCHEN)
PASSES_ON = FunctionCalled("resp_1", "item_call", "call_1", TRANSFER, '{"destination": "kitchen"}')


def passing_on(call: FunctionCalled = PASSES_ON) -> SipScript:
    """An agent that says that it passes the call on, and does."""
    script = talking(replace(PLAN, transfers=(KITCHEN,))) >> ResponseCreated("resp_1") >> says("resp_1")
    return script >> OutputAudioStarted("resp_1") >> call << ... >> completed("resp_1") << ...


def referred() -> SipScript:
    """A call that the service was asked to pass on."""
    script = passing_on() >> 1_000 << None >> OutputAudioStopped("resp_1")
    return script << TO_KITCHEN << None


def test_a_call_that_is_passed_on_ends_here() -> None:
    """
    When what the agent said was heard the service is asked; when the call is not there any more it has succeeded.
    """
    script = referred() >> 4_000 >> BROKEN << AttachModel() << None >> CallGone() << NoteTransfer("transferred")
    ends(script, "success", "transferred")


def test_a_transfer_is_not_spoilt_by_a_connection_that_cannot_be_made() -> None:
    """
    Nobody is needed for it: the call is not ended before it has had its time.
    """
    script = referred() >> 1_000 >> BROKEN << AttachModel() << None
    while script.now_ms < 10_500:
        script >> UNREACHABLE << None >> 250 << AttachModel()
    script >> CallGone() << NoteTransfer("transferred")
    ends(script, "success", "transferred")


def test_a_transfer_that_does_not_go_through_comes_back_to_the_agent() -> None:
    """
    Ten seconds later the call is still there: the model is told, and may try again.
    """
    script = referred() >> 9_999 << None >> 1 << NoteTransfer("not_through") << SendToolOutput << CreateResponse()
    assert "not transferred" in script.of(SendToolOutput)[-1].output
    script >> ResponseCreated("resp_2") >> replace(PASSES_ON, call_id="call_2") << None >> completed("resp_2")
    script << TO_KITCHEN << None


def test_a_transfer_that_is_refused_comes_back_at_once() -> None:
    """
    And later, when the caller hangs up, it is the caller who has.
    """
    script = referred() >> TransferRefused() << NoteTransfer("refused") << SendToolOutput << CreateResponse() << None
    ends(script >> 20_000 << None >> BROKEN << AttachModel() >> CallGone(), "success", "caller_hung_up")


ARGUMENTS = ['{"destination": "tel:+1900"}', '{"destination": ["kitchen"]}', "[]", "{}", "7"]


@given(st.one_of(st.text(), st.sampled_from(ARGUMENTS)))
def test_nobody_else_can_be_reached(arguments: str) -> None:
    """
    Whatever the model asks for, a call goes to the destinations that the line names, or nowhere.
    """
    script = passing_on(replace(PASSES_ON, arguments=arguments)) >> OutputAudioStopped("resp_1") << ... >> 20_000
    assert not script.of(TransferCall)
    assert "error" in script.of(SendToolOutput)[0].output
    assert script.of(CreateResponse) == [CreateResponse()]


# Any order

EVENTS: list[SipEvent | float] = [
    CallAccepted(),
    AcceptFailed(session_refused=True),
    AcceptFailed(session_refused=False),
    CallGone(),
    TransferRefused(),
    BROKEN,
    UNREACHABLE,
    FrameRejected("model", "malformed"),
    SESSION_CREATED,
    SERVER_ANSWERS,
    SpeechStarted("caller_1", 0),
    SpeechStopped("caller_1", 900),
    says("resp_1"),
    ResponseCreated("resp_1"),
    OutputAudioStarted("resp_1"),
    OutputAudioStopped("resp_1"),
    OutputAudioCleared("resp_1"),
    completed("resp_1"),
    ResponseDone("resp_1", "cancelled"),
    ResponseDone("resp_1", "failed"),
    HANGS_UP,
    PASSES_ON,
    SpeechTripped("resp_1", "item_1", "rule"),
    DtmfReceived("5"),
    ErrorReceived("conversation_already_has_active_response", "", CreateResponse()),
    10,
    1_000,
    20_000,
]
EVERYTHING = replace(
    GREETED,
    opening=(*GREETED.opening, replace(GREETED.opening[0], id="terms", must_hear=True, barge_in="off")),
    goodbye=Goodbye("Goodbye."),
    transfers=(KITCHEN,),
)


@given(st.lists(st.sampled_from(EVENTS), max_size=60))
def test_whatever_happens_a_call_ends_once_and_looked_after(happenings: list[SipEvent | float]) -> None:
    """
    It ends at most once, with nothing behind it; nothing is asked of a model that is not there; and a call that was
    accepted is over only when it was not found, or the service was asked to end it.
    """
    script = SipScript(EVERYTHING)
    for happening in happenings:
        attached = script.call.phase in {"opening", "talking"} or happening in (SESSION_CREATED, SERVER_ANSWERS)
        before = len(script.done)
        script << ... >> happening << ...
        assert attached or not [command for command in script.done[before:] if isinstance(command, Input)]
    script << ... >> 7_300_000 << ...
    assert script.call.phase == "over"
    assert script.done[-2:] == [CloseModel(), script.ended]
    asked_to_end = [command for command in script.done if isinstance(command, EndCall | HangUp)]
    assert len(asked_to_end) == 1 or (not asked_to_end and CallGone() in happenings)
