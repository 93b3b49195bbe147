"""The caller cuts in: the provider's queue is cleared, and the model's memory is cut where the caller was."""

from gateway.call.commands import ClearAudio, NoteBargeIn, NoteTruncateRefused, PlayAudio, SendMark
from gateway.protocol.events import ErrorReceived, ResponseCreated, SessionUpdated
from gateway.protocol.inputs import TruncateItem
from gateway.protocol.session import PCMU
from gateway.providers.events import CallerAudio, MarkEchoed
from tests.call.phone import FRAME
from tests.call.script import CALLER_CUTS_IN, Script, completed, on_the_phone, said, says, speech, talking


def cut_short(length_ms: int = 1_000, heard_ms: int = 47) -> Script:
    """A call whose first item was cut."""
    script = on_the_phone() >> says("item_1", length_ms) << ... >> heard_ms >> CALLER_CUTS_IN << ClearAudio()
    return script >> 20 << TruncateItem("item_1", 0, heard_ms) << NoteBargeIn << None


def test_interruption_truncates_at_what_was_heard() -> None:
    """
    The model is told the point that the caller had reached, not what was sent.
    """
    script = on_the_phone() >> says("item_1", 150) << SendMark("e0.2") << PlayAudio(speech(150)) << SendMark("e0.3")
    script >> 47 >> CALLER_CUTS_IN << ClearAudio() << None
    script >> 20 << TruncateItem("item_1", 0, 47) << NoteBargeIn << None


def test_nothing_waits_in_front_of_a_clear() -> None:
    """
    The queue is cleared at once, whatever else is to be done, behind nothing but a mark for a tail that has none.
    """
    marked = talking() >> says("item_1", 150) << ... >> says("item_2", 5_000) << ...
    marked >> 47 >> CALLER_CUTS_IN << ClearAudio() << None
    unmarked = talking() >> says("item_1", 60) << ...
    unmarked >> 47 >> CALLER_CUTS_IN << SendMark("e0.3") << ClearAudio() << None


def test_a_cut_waits_for_the_frame_behind_the_flushed_echo() -> None:
    """
    The flushed echo left between two frames of the caller, and is dated by both.
    """
    script = talking() >> CallerAudio(FRAME, 0) >> MarkEchoed("e0.1") >> says("item_1", 150) << ...
    script >> MarkEchoed("e0.2") >> 20 >> CallerAudio(FRAME, 20) >> 20 >> CallerAudio(FRAME, 40)
    script >> 7 >> CALLER_CUTS_IN << ClearAudio() << None >> 1 >> MarkEchoed("e0.3") << None
    script >> 12 >> CallerAudio(FRAME, 60) << TruncateItem("item_1", 0, 48) << NoteBargeIn << None


def test_an_item_behind_the_audible_one_is_forgotten_whole() -> None:
    """
    Of what was still queued the caller heard nothing.
    """
    script = on_the_phone() >> says("item_1", 150) << ... >> said("item_1") >> says("item_2", 900) << ...
    script >> says("item_3", 100) << ... >> 47 >> CALLER_CUTS_IN << ...
    script >> 20 << TruncateItem("item_1", 0, 47) << TruncateItem("item_2", 0, 0) << TruncateItem("item_3", 0, 0)
    script << NoteBargeIn << None


def test_an_item_that_was_heard_whole_is_left_alone() -> None:
    """
    A needless cut would strip its transcript, and the model would say it again.
    """
    script = on_the_phone() >> says("item_1", 150) << ... >> said("item_1") >> says("item_2", 900) << ...
    script >> 167 >> CALLER_CUTS_IN << ClearAudio() >> 20 << TruncateItem("item_2", 0, 17) << NoteBargeIn << None


def test_a_caller_who_heard_everything_does_not_interrupt() -> None:
    """
    With nothing in the queue and nothing left to say, nothing is cleared and nothing is cut.
    """
    script = on_the_phone() >> says("item_1", 150) << ... >> said("item_1") >> completed()
    script >> 180 >> CALLER_CUTS_IN << None >> 1_000 << None


def test_the_account_outlives_the_response() -> None:
    """
    Models speak faster than they are heard: long after the response is done it can still be cut.
    """
    script = on_the_phone() >> ResponseCreated("resp_1") >> says("item_1", 30_000) << ...
    script >> said("item_1") << ... >> completed() << None >> 20_000 << None
    script >> CALLER_CUTS_IN << ClearAudio() >> 20 << TruncateItem("item_1", 0, 20_000) << NoteBargeIn << None


def test_a_second_interruption_changes_nothing() -> None:
    """
    What was taken from the queue cannot be taken twice, before it is known what was heard or after.
    """
    script = on_the_phone() >> says("item_1", 1_000) << ... >> 47 >> CALLER_CUTS_IN << ClearAudio()
    script >> CALLER_CUTS_IN << None >> 5 >> CALLER_CUTS_IN << None
    script >> 15 << TruncateItem("item_1", 0, 47) << NoteBargeIn << None >> CALLER_CUTS_IN << None >> 1_000 << None


def test_the_next_response_is_played_and_can_be_cut_too() -> None:
    """
    A clear ends an epoch, not the call.
    """
    script = cut_short() >> completed("resp_1") << None >> says("item_2", 150, "resp_2") << SendMark("e1.10")
    script << PlayAudio(speech(150)) << SendMark("e1.11") << None
    script >> 100 >> CALLER_CUTS_IN << ClearAudio() >> 20 << TruncateItem("item_2", 0, 100) << NoteBargeIn << None


def test_late_audio_of_a_cut_item_is_dropped() -> None:
    """
    What was on its way when the caller cut in is not played, and the item is not cut again.
    """
    script = on_the_phone() >> says("item_1", 1_000) << ... >> 47 >> CALLER_CUTS_IN << ClearAudio()
    script >> says("item_1", 500) << None >> 20 << TruncateItem("item_1", 0, 47) << NoteBargeIn << None
    script >> says("item_1", 500) << None >> said("item_1") << None >> completed() << None >> 1_000 << None


def test_a_late_item_of_a_response_that_was_cut_off_is_cut_once() -> None:
    """
    The caller heard none of it, so the model forgets all of it, whether it comes before the outcome is known or after.
    """
    script = on_the_phone() >> says("item_1", 1_000) << ... >> 47 >> CALLER_CUTS_IN << ClearAudio()
    script >> says("item_2", 500) << None
    script >> 20 << TruncateItem("item_1", 0, 47) << TruncateItem("item_2", 0, 0) << NoteBargeIn << None
    script >> says("item_2", 500) << None
    script >> says("item_3", 500) << TruncateItem("item_3", 0, 0) << None >> says("item_3", 500) << None


def test_a_response_can_be_cut_off_before_it_is_heard() -> None:
    """
    There is nothing to clear yet, but nothing of it is played either.
    """
    script = on_the_phone() >> ResponseCreated("resp_1") >> CALLER_CUTS_IN << None
    script >> says("item_1", 150) << TruncateItem("item_1", 0, 0) << None >> says("item_1", 150) << None


def test_a_late_end_takes_no_mark_from_the_next_response() -> None:
    """
    When a response that was cut off ends at last, the tail of what plays now still gets a mark of its own.
    """
    script = cut_short() >> says("item_2", 60, "resp_2") << SendMark << PlayAudio << None
    script >> said("item_1") << ... >> completed("resp_1") << ...
    script >> said("item_2", "resp_2") << ... >> completed("resp_2") << ... >> 200
    assert not script.call.ledger.unheard
    script >> CALLER_CUTS_IN << None


def test_without_a_flushed_echo_the_wait_is_bounded() -> None:
    """
    After half a second the send clock has to do.
    """
    script = talking() >> CallerAudio(FRAME, 0) >> MarkEchoed("e0.1") >> says("item_1", 150) << ...
    script >> 47 >> CALLER_CUTS_IN << ClearAudio() >> 499 << None
    script >> 1 << TruncateItem("item_1", 0, 47) << NoteBargeIn << None


def test_a_server_that_lets_the_agent_finish_is_obeyed() -> None:
    """
    Where speech does not interrupt, it does not clear.
    """
    script = talking(session=SessionUpdated(PCMU, PCMU, interrupts=False, responds=True)) >> says("item_1", 150) << ...
    script >> CALLER_CUTS_IN << None >> says("item_1", 150) << PlayAudio << SendMark << None


# A truncate that is refused


def too_long(asked: TruncateItem, server_ms: int) -> ErrorReceived:
    """The server has less of an item than it is asked to keep."""
    message = f"Audio content of {server_ms}ms is already shorter than {asked.audio_end_ms}ms"
    return ErrorReceived("invalid_value", message, refused=asked)


def test_a_truncate_that_is_too_long_for_the_server_is_sent_again_once() -> None:
    """
    The server's own count is the second try; a second refusal is taken note of, and that is all.
    """
    script = cut_short(5_000, 3_760) >> too_long(TruncateItem("item_1", 0, 3_760), 3_700)
    script << TruncateItem("item_1", 0, 3_700) << None
    script >> too_long(TruncateItem("item_1", 0, 3_700), 3_690)
    script << NoteTruncateRefused("item_1", "invalid_value") << None
    assert script.result is None


def test_a_server_cannot_make_a_cut_longer() -> None:
    """
    Nonsense in an error message does not make the model remember what the caller has not heard.
    """
    script = cut_short(5_000, 3_760) >> too_long(TruncateItem("item_1", 0, 3_760), 9_999) << ...
    assert max(cut.audio_end_ms for cut in script.of(TruncateItem)) == 3_760


def test_a_truncate_that_is_refused_for_another_reason_is_not_sent_again() -> None:
    """
    It is counted, and the call goes on.
    """
    error = ErrorReceived("item_truncate_invalid_item_id", "Error truncating item", TruncateItem("item_1", 0, 47))
    script = cut_short() >> error << NoteTruncateRefused("item_1", "item_truncate_invalid_item_id") << None
    assert script.result is None
