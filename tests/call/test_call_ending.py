"""How a call ends, and what happens to it then: nothing."""

import pytest

from gateway.call import Event
from gateway.call.commands import ClearAudio, CloseModel, CloseStream, NoteEnded
from gateway.call.events import (
    CallerLeft,
    FrameRejected,
    HangUpRequested,
    ModelClosed,
    StreamClosed,
    StreamResumed,
    TransferEnded,
    TransferRefused,
)
from gateway.protocol.events import (
    AudioDone,
    CallerTranscript,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    ResponseCreated,
    ResponseDone,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.protocol.inputs import (
    ConfigureSession,
    Input,
    TruncateItem,
)
from gateway.providers.events import (
    CallerAudio,
    DtmfPressed,
    FrameIgnored,
    MarkEchoed,
    StreamStarted,
    StreamStopped,
)
from tests.call.phone import FRAME
from tests.call.script import (
    CALLER_CUTS_IN,
    PLAN,
    SESSION_CREATED,
    SESSION_UPDATED,
    Script,
    completed,
    on_the_phone,
    said,
    says,
    talking,
)

MODEL_LOST = ModelClosed("model_lost")
ANYTHING: list[Event] = [
    CALLER_CUTS_IN,
    AudioDone("resp_1", "item_1", 0),
    CallerAudio(FRAME, 1_000),
    CallerLeft(),
    CallerTranscript("caller_1", "Hello?"),
    DtmfPressed("1"),
    ErrorReceived("insufficient_quota", "You have no money."),
    ErrorReceived("invalid_value", "3ms is already shorter than 20ms", TruncateItem("item_1", 0, 20)),
    ErrorReceived("invalid_value", "No.", ConfigureSession(PLAN.session)),
    EventIgnored("rate_limits.updated"),
    FrameIgnored("connected"),
    FrameRejected("model", "malformed"),
    FrameRejected("provider", "malformed"),
    FunctionCalled("resp_1", "item_2", "call_1", "lookup", "{}"),
    HangUpRequested("gateway_stopped"),
    ItemTruncated("item_1", 0, 20),
    MarkEchoed("e0.2"),
    MarkEchoed("e0.3"),
    MODEL_LOST,
    ResponseCreated("resp_2"),
    ResponseDone("resp_1", "failed"),
    SESSION_CREATED,
    SESSION_UPDATED,
    SpeechStopped("caller_1", 500),
    StreamClosed(1006),
    StreamResumed(),
    StreamStarted("MZ1", "CA1", "AC1"),
    StreamStopped(),
    TransferEnded("busy"),
    TransferEnded("transferred"),
    TransferRefused(),
    TranscriptDelta("resp_1", "item_1", "Good"),
    TranscriptDone("resp_1", "item_1", "Good morning."),
    completed(),
    says("item_1", 60),
    says("item_9", 500, "resp_9"),
]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (StreamStopped(), "caller_hung_up"),
        (StreamClosed(1006), "provider_closed_1006"),
        (HangUpRequested("gateway_stopped"), "gateway_stopped"),
    ],
)
@pytest.mark.parametrize("script", [Script, talking])
def test_a_hang_up_lets_go_of_both_sides_at_once(script: type[Script], event: Event, reason: str) -> None:
    """
    Nothing is played out to a caller who is gone, and no session is paid for.
    """
    call = script() << ... >> says("item_1", 5_000) << ... >> event
    call << CloseModel() << CloseStream(1000, reason) << NoteEnded("success", reason) << None


def test_a_lost_model_with_nothing_queued_makes_way_at_once() -> None:
    """
    The provider goes on with the fallback when the stream closes.
    """
    script = talking() >> MODEL_LOST << CloseModel() << ...
    assert script.of(CloseStream) == [CloseStream(1000, "model_lost")]
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_lost")]


def test_what_is_queued_is_played_out_before_the_fallback() -> None:
    """
    When the model is lost the caller hears the sentence to its end, and the fallback as soon as it has ended.
    """
    script = on_the_phone() >> says("item_1", 500) << ... >> said("item_1") >> completed() >> 100
    script >> MODEL_LOST << CloseModel() << None >> 399 << None >> 61 << ...
    assert script.result == "fallback"
    assert not script.of(ClearAudio)


def test_a_sentence_that_the_model_did_not_finish_is_played_out_too() -> None:
    """
    Its tail gets a mark, as nobody else will say when it has ended.
    """
    script = on_the_phone() >> says("item_1", 500) << ... >> says("item_1", 60) << ... >> 100
    script >> MODEL_LOST << CloseModel() << ... >> 459 << None >> 61 << ...
    assert script.result == "fallback"


def test_playing_out_is_bounded() -> None:
    """
    Half a minute of speech is not waited for, nor a provider that echoes nothing.
    """
    for script in (on_the_phone(), talking()):
        script >> says("item_1", 30_000) << ... >> said("item_1") << ... >> 100 >> MODEL_LOST << CloseModel() << None
        script >> 2_999 << None >> 1 << ...
        assert script.of(CloseStream) == [CloseStream(1000, "model_lost")]
        assert script.result == "fallback"


def test_a_provider_that_closes_while_the_rest_is_played_out_ends_the_call() -> None:
    """
    The call had failed before.
    """
    script = (
        talking() >> says("item_1", 30_000) << ... >> MODEL_LOST << CloseModel() << None >> StreamClosed(1000) << ...
    )
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_lost")]


@pytest.mark.parametrize("event", ANYTHING, ids=str)
def test_nothing_is_done_after_the_end(event: Event) -> None:
    """
    When a call is over, whatever still arrives is nobody's business, and no deadline is left.
    """
    script = (
        talking() >> says("item_1", 40) << ... >> 20 >> CALLER_CUTS_IN << ... >> says("item_9", 40, "resp_9") << ...
    )
    script >> MarkEchoed("e0.2") << ... >> StreamStopped() << CloseModel() << CloseStream << NoteEnded << None
    ended = len(script.done)
    script >> event << None >> 20_000 << None
    assert script.done[ended:] == []


@pytest.mark.parametrize("event", ANYTHING, ids=str)
def test_nothing_is_asked_of_a_model_that_is_gone(event: Event) -> None:
    """
    While the rest is played out, the session gets no more of anything.
    """
    script = talking() >> says("item_1", 5_000) << ... >> MODEL_LOST << ...
    gone = len(script.done)
    script >> event << ... >> 20_000 << ...
    assert not [command for command in script.done[gone:] if isinstance(command, Input)]


def test_a_call_can_be_left_only_once() -> None:
    """
    The first reason counts.
    """
    script = talking() >> says("item_1", 5_000) << ... >> MODEL_LOST << CloseModel() << ... >> MODEL_LOST << None
    script >> ErrorReceived("session_expired", "Sixty minutes are over.") << None >> 3_000 << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_lost")]
