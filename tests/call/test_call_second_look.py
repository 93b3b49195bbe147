"""After a sound was taken for no barge-in: words that are known late, a second look, and the next sound."""

from dataclasses import replace

import pytest

from gateway.call.commands import (
    ClearAudio,
    NoteBargeIn,
    NoteDismissed,
    NoteResumed,
)
from gateway.protocol.events import CallerTranscript, ResponseDone, SpeechStarted
from gateway.protocol.inputs import CancelResponse, TruncateItem
from gateway.sim.echo_path import EchoPath
from tests.call.phone import Phone
from tests.call.script import Script, completed
from tests.call.turns import (
    AGENT,
    ANSWER,
    COUGH,
    LATENCY_MS,
    STOPPED,
    WORD,
    WORDS,
    hears,
    listening,
    on_its_way,
    speaks,
)

CUT_OFF = ResponseDone("resp_1", "cancelled", "client_cancelled")
settles = pytest.mark.parametrize("echoes_flushed", [True, False], ids=["settled before", "settled after"])
"""What a clear threw away comes back at once, before the verdict; or nothing does, and the clock settles it later."""


def coughed(phone: Phone) -> Script:
    """A call in which the agent was stopped by a cough, and spoke on."""
    return hears(listening(phone, heard_ms=1_000), phone, COUGH) << ... >> 500 << ...


@settles
def test_words_that_are_known_late_interrupt_after_all(echoes_flushed: bool) -> None:
    """
    "No." is as short as a cough; when its transcription comes the agent has gone on, and is cut where it is by then.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, WORD) << ... >> completed() << None >> 250 >> STOPPED << ... >> 500 << ...
    assert script.of(NoteDismissed) == [NoteDismissed("noise")]
    silent_ms = script.of(NoteResumed)[0].silent_ms
    heard_ms = round(600 + LATENCY_MS + 750 - silent_ms)
    script >> CallerTranscript("caller_1", "No.") << ClearAudio() << None
    script >> 500 << TruncateItem("item_1", 0, heard_ms) << NoteBargeIn << ANSWER << None
    assert phone.played == AGENT[: heard_ms * 8]


def test_words_that_are_known_before_the_agent_goes_on_cut_it_where_it_stopped() -> None:
    """
    Between the verdict and its effect lies the time in which it is found out what was heard.
    """
    phone = Phone(echoes_flushed=False)
    script = hears(listening(phone), phone, WORD) << ... >> completed() << None >> 250 >> STOPPED << ... >> 200 << ...
    assert script.of(NoteDismissed) == [NoteDismissed("noise")]
    script >> CallerTranscript("caller_1", "No.") << None
    script >> 500 << TruncateItem("item_1", 0, 600 + LATENCY_MS) << NoteBargeIn << ANSWER << None
    assert not script.of(NoteResumed)


@pytest.mark.parametrize("transcript", ["Uh-huh.", "", "Mm."])
def test_a_nod_that_is_transcribed_late_stays_a_nod(transcript: str) -> None:
    """
    Only words that ask for a turn undo a verdict.
    """
    phone = Phone()
    script = hears(listening(phone), phone, WORD) << ... >> 250 >> STOPPED << ... >> 500 << ...
    script >> CallerTranscript("caller_1", transcript) << None >> 5_000 << None
    assert phone.played == AGENT[: 3_000 * 8]


def test_an_echo_has_words_and_they_are_the_agents() -> None:
    """
    What our own voice is transcribed to, late or not, interrupts nobody.
    """
    phone = Phone(echo=EchoPath(120.6, loss_db=6))
    script = hears(listening(phone, heard_ms=1_000), phone, b"") << ... >> 500 << ... >> STOPPED << None
    assert script.of(NoteDismissed) == [NoteDismissed("echo")]
    script >> CallerTranscript("caller_1", "Thank you for waiting") << None >> 5_000 << None
    assert phone.played == AGENT[: 3_000 * 8]


def test_late_words_settle_what_is_open_by_then() -> None:
    """
    A caller who has said "No." and makes another sound has spoken: the agent does not go on, and is cut once.
    """
    phone = Phone()
    script = hears(listening(phone), phone, WORD) << ... >> completed() << None >> 250 >> STOPPED << ... >> 500 << ...
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ClearAudio() << None >> 100
    script >> CallerTranscript("caller_1", "No.") << TruncateItem << NoteBargeIn << None
    script >> 100 >> replace(STOPPED, item_id="caller_2") << ANSWER << None >> 2_000 << None
    assert len(script.of(ClearAudio)) == 2
    hears(script, phone, WORDS, SpeechStarted("caller_3", 0)) << None


def test_who_speaks_on_after_a_cough_is_heard_on_the_second_look() -> None:
    """
    The server tells nothing of a caller who begins to speak in what began as a cough, so it is looked at again.
    """
    phone = Phone()
    script = hears(listening(phone), phone, COUGH) << ... >> 420 << ...
    assert script.of(NoteDismissed) == [NoteDismissed("noise")]
    phone.speak(WORDS)
    script >> 1_000 << ...
    assert script.of(CancelResponse) == [CancelResponse("resp_1")]
    (cut,) = script.of(TruncateItem)
    assert len(phone.played) == cut.audio_end_ms * 8 < 2_500 * 8
    script >> CUT_OFF << None >> STOPPED << ANSWER << None


@settles
def test_two_coughs_in_a_row_cost_two_silences_and_nothing_else(echoes_flushed: bool) -> None:
    """
    What was sent again can be stopped again, and again goes on at the very byte.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = coughed(phone) >> STOPPED << None >> 300
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ... >> 501 << ...
    script >> STOPPED << None >> 5_000
    assert phone.played == AGENT[: 3_000 * 8]
    assert len(script.of(NoteDismissed)) == len(script.of(NoteResumed)) == 2
    assert not on_its_way(script)


def test_a_cough_before_the_agent_has_gone_on_is_no_more_than_the_one_before() -> None:
    """
    The agent is silent still, since it is not known yet what was heard; it stays silent until both are dismissed.
    """
    phone = Phone(echoes_flushed=False)
    script = hears(listening(phone), phone, COUGH) << ... >> 200 >> STOPPED << ... >> 210 << ...
    assert script.of(NoteDismissed) == [NoteDismissed("noise")]
    phone.speak(COUGH)
    script >> 60 >> SpeechStarted("caller_2", 0) << None >> 390 << None >> 200 << ...
    assert len(script.of(NoteDismissed)) == 2
    script >> STOPPED << None >> 5_000
    assert phone.played == AGENT[: 3_000 * 8]
    assert not on_its_way(script)


def test_a_barge_in_after_a_cough_cuts_at_what_was_heard_by_then() -> None:
    """
    What was heard before the cough and after it counts, and the silence between does not.
    """
    phone = Phone()
    script = coughed(phone) >> STOPPED << None >> 300
    silent_ms = script.of(NoteResumed)[0].silent_ms
    hears(script, phone, WORDS, SpeechStarted("caller_2", 0)) << ... >> 600 << ...
    heard_ms = round(1_000 + LATENCY_MS + 500 - silent_ms + 300 + LATENCY_MS)
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, heard_ms)]
    assert phone.played == AGENT[: heard_ms * 8]


def test_a_cough_after_a_barge_in_stops_the_next_response_only() -> None:
    """
    What was cut is gone for good: the next response goes on at its own byte.
    """
    phone = Phone()
    script = (
        hears(listening(phone), phone, WORDS[: 500 * 8]) << ... >> 600 << ... >> CUT_OFF << ... >> STOPPED << ANSWER
    )
    script >> 200 >> speaks(4_000, 7_000, "item_2", "resp_2") << ... >> 500
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ... >> 500 << ... >> STOPPED << None >> 5_000
    heard_ms = 600 + LATENCY_MS
    assert phone.played == AGENT[: heard_ms * 8] + AGENT[4_000 * 8 : 7_000 * 8]


def test_an_agent_who_was_stopped_between_two_pieces_can_be_stopped_again() -> None:
    """
    An item that was heard as far as it came, and is not over, is still being spoken after a cough.
    """
    phone = Phone()
    script = hears(listening(phone, sent_ms=700), phone, COUGH) << ... >> 500 << ... >> STOPPED << None
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ClearAudio() << ... >> 500 << ... >> STOPPED << None
    script >> speaks(700, 3_000) << ... >> 3_000
    assert phone.played == AGENT[: 3_000 * 8]
    assert not on_its_way(script)
