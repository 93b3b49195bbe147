"""What goes wrong: which of it ends a call, and what never does."""

import pytest

from gateway.call import CallPlan
from gateway.call.commands import CloseModel, CloseStream, NoteEnded
from gateway.call.events import FrameRejected
from gateway.protocol.events import ErrorReceived
from gateway.protocol.inputs import (
    AppendAudio,
    ConfigureSession,
    CreateResponse,
    Input,
    SendToolOutput,
    TruncateItem,
)
from gateway.providers.events import CallerAudio
from tests.call.phone import FRAME
from tests.call.script import PLAN, SESSION_CREATED, Script, opening, talking

FATAL = [
    "account_deactivated",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "insufficient_quota",
    "invalid_api_key",
    "session_expired",
]
BENIGN = [
    "cannot_update_voice",
    "conversation_already_has_active_response",
    "input_audio_buffer_commit_empty",
    "invalid_event",
    "invalid_tool_call_id",
    "invalid_value",
    "item_truncate_invalid_item_id",
    "missing_required_parameter",
    "rate_limit_exceeded",
    "response_cancel_not_active",
    "server_error",
    "unknown",
    "unknown_parameter",
    "unsupported_content_type",
]
REFUSED: list[Input | None] = [
    None,
    AppendAudio(FRAME),
    CreateResponse(),
    SendToolOutput("call_1", "{}"),
    TruncateItem("item_1", 0, 20),
]
WITH_GREETING = CallPlan(PLAN.session, opening("Good morning."))


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: type(refused).__name__)
@pytest.mark.parametrize("code", FATAL)
def test_fatal_errors_make_way_for_the_fallback(code: str, refused: Input | None) -> None:
    """
    A session that is of no use is not held on to, whatever the error quotes.
    """
    script = talking(WITH_GREETING) >> ErrorReceived(code, "No.", refused) << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", code)]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: type(refused).__name__)
@pytest.mark.parametrize("code", BENIGN)
def test_benign_errors_never_end_a_call(code: str, refused: Input | None) -> None:
    """
    Most errors leave the session alive, and the caller on the line.
    """
    script = talking(WITH_GREETING)
    for _ in range(30):
        script >> ErrorReceived(code, "No.", refused) << ...
    assert not script.of(CloseModel)
    assert not script.of(CloseStream)
    script >> CallerAudio(FRAME, 20) << AppendAudio(FRAME) << None


def test_a_refused_configuration_makes_way_for_the_fallback() -> None:
    """
    An update is taken whole or not at all, so the server has not heard of mu-law.
    """
    refused = ErrorReceived("unknown_parameter", "Unknown parameter", ConfigureSession(PLAN.session))
    script = Script() << ... >> SESSION_CREATED << ConfigureSession >> refused << CloseModel() << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_refused_session")]


def test_twenty_malformed_frames_in_ten_seconds_close_the_stream() -> None:
    """
    A provider that talks nonsense is not a provider.
    """
    script = talking()
    for _ in range(19):
        script >> 500 >> FrameRejected("provider", "malformed") << None
    script >> 500 >> FrameRejected("provider", "malformed") << CloseModel() << CloseStream(1008, "malformed_frames")
    script << NoteEnded("rejected", "malformed_frames") << None


def test_malformed_frames_now_and_then_are_only_skipped() -> None:
    """
    Twenty in more than ten seconds are bad luck.
    """
    script = talking()
    for _ in range(100):
        script >> 527 >> FrameRejected("provider", "malformed") << None


def test_malformed_events_of_the_model_are_only_skipped() -> None:
    """
    The model's nonsense is not counted against the provider.
    """
    script = talking()
    for _ in range(100):
        script >> FrameRejected("model", "malformed") << None
