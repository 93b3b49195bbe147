"""When the model is asked to speak."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.commands import CloseModel, NoteEnded, SendMark
from gateway.protocol.events import (
    ErrorReceived,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import CreateResponse, SendToolOutput
from gateway.protocol.session import PCMU
from tests.call.script import PLAN, completed, opening, says, talking

SPEECH_STARTED = SpeechStarted("caller_1", 0)
SPEECH_STOPPED = SpeechStopped("caller_1", 900)
SERVER_WAITS = SessionUpdated(PCMU, PCMU, interrupts=True, responds=False)
WITH_GREETING = replace(PLAN, opening=opening("Good morning."))


def called(call_id: str, name: str = "lookup", response_id: str = "resp_1") -> FunctionCalled:
    """The model wants a tool that the line does not have."""
    return FunctionCalled(response_id, f"item_{call_id}", call_id, name, "{}")


def failed(code: str = "server_error", response_id: str = "resp_1") -> ResponseDone:
    """A response came to nothing."""
    return ResponseDone(response_id, "failed", error_code=code)


def busy(asked: CreateResponse) -> ErrorReceived:
    """The server runs a response already."""
    return ErrorReceived("conversation_already_has_active_response", "Wait until it is finished.", refused=asked)


def test_a_function_call_is_answered_and_spoken_of_once() -> None:
    """
    When the response that called is done, each call gets its output, and then one response is asked for.
    """
    script = talking() >> ResponseCreated("resp_1") >> called("call_1") << None >> called("call_2") << None
    (
        script
        >> completed()
        << SendToolOutput
        << SendToolOutput
        << CreateResponse()
        << None
        >> ResponseCreated("resp_2")
        << None
        >> completed("resp_2")
        << None
    )
    assert [output.call_id for output in script.of(SendToolOutput)] == ["call_1", "call_2"]


def test_a_function_call_belongs_to_a_response_that_runs() -> None:
    """
    A response whose beginning was missed is not interrupted with a question either.
    """
    talking() >> called("call_1") << None >> completed() << SendToolOutput << CreateResponse() << None


@given(st.text())
def test_a_tools_answer_is_json(name: str) -> None:
    """
    The model may call a tool by any name, and is told in JSON that there is none.
    """
    (answer,) = (talking() >> called("call_1", name) >> completed() << ...).of(SendToolOutput)
    assert "error" in json.loads(answer.output)


def test_a_failed_response_is_asked_for_again() -> None:
    """
    A failed response is silence to the caller.
    """
    talking() >> ResponseCreated("resp_1") >> failed() << CreateResponse() << None


def test_three_failures_in_a_row_end_in_the_fallback() -> None:
    """
    A model that cannot answer is not asked for ever.
    """
    script = talking() >> failed() << CreateResponse() >> failed() << CreateResponse() >> failed() << CloseModel << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "server_error")]


def test_a_success_forgives_the_failures_before_it() -> None:
    """
    Only failures in a row count.
    """
    script = talking() >> failed() << CreateResponse() >> failed() << CreateResponse() >> completed() << None
    script >> failed() << CreateResponse() >> failed() << CreateResponse() << None


@pytest.mark.parametrize("code", ["insufficient_quota", "session_expired", "invalid_api_key"])
def test_a_response_that_can_only_fail_is_not_asked_for_again(code: str) -> None:
    """
    A fatal code ends in the fallback the first time.
    """
    script = talking() >> failed(code) << CloseModel << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", code)]


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled", "max_output_tokens"])
def test_a_response_that_was_cut_short_is_not_asked_for_again(reason: str) -> None:
    """
    To be cancelled or incomplete is not to fail.
    """
    status = "incomplete" if reason == "max_output_tokens" else "cancelled"
    talking() >> ResponseDone("resp_1", status, reason) << None  # type: ignore[arg-type]  # one of the two


def test_a_wish_waits_for_the_response_that_runs() -> None:
    """
    A conversation takes one response at a time.
    """
    script = talking() >> says("item_1", 150) << ... >> called("call_1", response_id="resp_0") << None
    script >> completed("resp_0") << SendToolOutput << None >> completed("resp_1") << CreateResponse() << None


def test_a_wish_that_was_refused_for_a_running_response_waits_for_its_end() -> None:
    """
    The server can be faster than the gateway; the wish is kept, and asked for when a response has ended, not before.
    """
    script = talking(WITH_GREETING, SERVER_WAITS)
    (greeting,) = script.of(CreateResponse)
    script >> busy(greeting) << None >> 5_000 << None >> SPEECH_STARTED << None >> SPEECH_STOPPED << None
    script >> ResponseCreated("theirs") << None >> completed("theirs") << greeting << None


def test_a_wish_is_kept_when_the_running_response_is_seen_before_the_refusal() -> None:
    """
    The server tells of its own response first, and refuses then.
    """
    script = talking(WITH_GREETING)
    (greeting,) = script.of(CreateResponse)
    script >> ResponseCreated("theirs") >> busy(greeting) << None >> completed("theirs") << greeting << None


def test_a_wish_waits_while_the_caller_speaks() -> None:
    """
    Where the server does not answer by itself, the wish is asked for when the caller's turn ends.
    """
    script = talking(session=SERVER_WAITS) >> SPEECH_STARTED << None >> called("call_1") << None
    script >> completed() << SendToolOutput << None >> SPEECH_STOPPED << CreateResponse() << None


def test_a_servers_own_answer_covers_what_was_wanted() -> None:
    """
    Where the server answers the caller's turn, its response takes the place of ours.
    """
    script = talking() >> SPEECH_STARTED << None >> called("call_1") >> completed() << SendToolOutput << None
    script >> SPEECH_STOPPED << None >> ResponseCreated("theirs") >> completed("theirs") << None


def test_what_is_refused_for_good_is_not_asked_for_again() -> None:
    """
    It would be refused again, and must not stand in the way of others.
    """
    script = talking(WITH_GREETING)
    (greeting,) = script.of(CreateResponse)
    script >> ErrorReceived("unknown_parameter", "Unknown parameter", refused=greeting) << None
    script >> ResponseCreated("resp_1") >> called("call_1") >> completed() << SendToolOutput << CreateResponse() << None


def test_a_failed_response_that_was_partly_said_is_still_marked() -> None:
    """
    What was said of it is in the provider's queue, however it ended.
    """
    script = talking() >> says("item_1", 60) << ... >> failed() << SendMark << CreateResponse() << None
    assert script.result is None
