"""Whose turn it is: on lines that let the agent finish, that listen for echoes, and in segments of their own mode."""

from dataclasses import replace

import pytest

from gateway.call import CallPlan
from gateway.call.commands import ClearAudio, NoteBargeIn, NoteDeadAir, NoteDismissed, PlayAudio
from gateway.call.plan import BargeInMode, Segment
from gateway.protocol.events import CallerTranscript, ResponseCreated, ResponseDone, SpeechStarted
from gateway.protocol.inputs import CancelResponse, CreateResponse, TruncateItem
from gateway.providers.events import CallerAudio
from gateway.sim.echo_path import EchoPath
from tests.call.phone import FRAME, Phone
from tests.call.script import SERVER_WAITS, Script, completed, on_the_phone, said, says, talking
from tests.call.turns import (
    AGENT,
    ANSWER,
    CONFIRMED,
    COUGH,
    GUARDED,
    IMMEDIATE,
    LATENCY_MS,
    OFF,
    STARTED,
    STOPPED,
    WORDS,
    hears,
    listening,
    on_its_way,
    speaks,
)

ECHO = EchoPath(120.6, loss_db=6)


def greeted(mode: BargeInMode, plan: CallPlan, phone: Phone) -> Script:
    """A caller in the middle of a greeting with a mode of its own."""
    plan = replace(plan, opening=(Segment("greeting", "Good morning.", mode),))
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1") >> speaks(0, 2_000) << ...
    return script >> said("item_1") << ... >> completed() << None >> 600


# immediate


def test_the_gateway_cuts_cancels_and_answers_where_the_server_does_not() -> None:
    """
    The queue is cleared first, the response cancelled, the item cut, and the answer asked for when the turn is over.
    """
    phone = Phone()
    script = hears(listening(phone, IMMEDIATE), phone, WORDS) << ClearAudio() << CancelResponse("resp_1") << None
    script >> 20 << TruncateItem("item_1", 0, 600 + LATENCY_MS) << NoteBargeIn << None
    script >> ResponseDone("resp_1", "cancelled") << None >> 800 << None >> STOPPED << ANSWER << None >> 2_000 << None


def test_the_answer_waits_until_the_cancelled_response_is_over() -> None:
    """
    A conversation takes one response at a time, and cancelling takes a while.
    """
    phone = Phone()
    script = hears(listening(phone, IMMEDIATE), phone, WORDS) << ... >> 200 << ... >> STOPPED << None
    script >> ResponseDone("resp_1", "cancelled") << ANSWER << None


def test_a_response_that_begins_while_the_caller_speaks_is_cancelled() -> None:
    """
    It was asked for when the caller paused, and not seen yet when the caller went on: nothing of it is played.
    """
    script = talking(IMMEDIATE, SERVER_WAITS) >> STARTED << None >> STOPPED << ANSWER << None >> STARTED << None
    script >> ResponseCreated("resp_1") << CancelResponse("resp_1") << None
    script >> says("item_1", 500) << TruncateItem("item_1", 0, 0) << None >> says("item_1", 500) << None
    script >> ResponseDone("resp_1", "cancelled") << None >> STOPPED << ANSWER << None
    assert not script.of(PlayAudio)


def test_a_caller_who_does_not_interrupt_is_answered() -> None:
    """
    Nothing is cleared where nothing is heard.
    """
    phone = Phone()
    script = on_the_phone(IMMEDIATE, phone, SERVER_WAITS) >> 500
    hears(script, phone, WORDS) << None >> 1_000 << None >> STOPPED << ANSWER << None


def test_an_empty_piece_of_speech_is_nothing_to_interrupt() -> None:
    """
    The model has begun, and the caller hears nothing of it yet: there is nothing to clear.
    """
    script = talking(IMMEDIATE, SERVER_WAITS) >> says("item_1", 0) << ... >> STARTED << CancelResponse("resp_1") << None
    assert not script.of(ClearAudio)


# The agent's own voice


@pytest.mark.parametrize("heard_ms", [1_000, 1_900])
def test_our_own_voice_does_not_interrupt(heard_ms: int) -> None:
    """
    An echo is vetoed as it comes, looked at again while it lasts, and at its end no answer is asked for.
    """
    phone = Phone(echo=ECHO)
    script = hears(listening(phone, GUARDED, heard_ms=heard_ms), phone, b"") << NoteDismissed("echo") << None
    script >> 1_000 << None >> STOPPED << None >> CallerTranscript("caller_1", "Thank you for waiting") << None
    script >> 3_000 << None
    assert phone.played == AGENT[: 3_000 * 8]


def test_a_caller_who_speaks_over_the_echo_interrupts() -> None:
    """
    The echo does not hide who wants to speak.
    """
    phone = Phone(echo=ECHO)
    script = listening(phone, GUARDED, heard_ms=1_000)
    phone.speak(WORDS)
    script >> 200 >> STARTED << ClearAudio() << CancelResponse("resp_1") << None
    script >> 20 << TruncateItem("item_1", 0, 1_200) << NoteBargeIn << None


def test_a_caller_who_begins_in_the_middle_of_an_echo_interrupts() -> None:
    """
    The server says nothing when the caller joins in, so the gateway has to find out.
    """
    phone = Phone(echo=ECHO)
    script = hears(listening(phone, GUARDED, sent_ms=6_000, heard_ms=1_000), phone, b"") << NoteDismissed("echo")
    script >> 450 << None
    phone.speak(WORDS)
    script >> 1_200 << ...
    (cut,) = script.of(TruncateItem)
    assert len(phone.played) == cut.audio_end_ms * 8
    assert script.of(CancelResponse) == [CancelResponse("resp_1")]
    script >> ResponseDone("resp_1", "cancelled") << None >> STOPPED << ANSWER << None


def test_without_the_guard_an_echo_is_taken_for_the_caller() -> None:
    """
    A line says whether callers are held against what they hear.
    """
    phone = Phone(echo=ECHO)
    hears(listening(phone, IMMEDIATE, heard_ms=1_000), phone, b"") << ClearAudio() << CancelResponse << None


# off


def test_an_agent_that_is_not_to_be_cut_is_not_cut() -> None:
    """
    The caller hears all of it, and is answered behind it.
    """
    phone = Phone()
    script = hears(listening(phone, OFF), phone, WORDS) << None >> 1_000 << None >> STOPPED << None
    script >> speaks(3_000, 3_500) << ... >> said("item_1") << ... >> completed() << ANSWER << None >> 3_000 << None
    assert phone.played == AGENT[: 3_500 * 8]
    assert on_its_way(script) == {CreateResponse}


def test_an_answer_that_comes_while_the_agent_still_speaks_is_no_dead_air() -> None:
    """
    The caller waits from when nothing is heard any more.
    """
    phone = Phone()
    script = hears(listening(phone, OFF), phone, COUGH) << None >> completed() << None >> 300 >> STOPPED << ANSWER
    script >> 500 >> speaks(0, 500, "item_2", "resp_2") << ... >> completed("resp_2") << ... >> 5_000
    assert sum(air.length_ms for air in script.of(NoteDeadAir)) == 0


def test_waiting_for_an_answer_is_dead_air() -> None:
    """
    It begins with the end of the caller's turn and ends with the agent's first sound.
    """
    phone = Phone()
    script = on_the_phone(OFF, phone, SERVER_WAITS) >> 500
    hears(script, phone, WORDS) >> 1_000 >> STOPPED << ANSWER >> 700 >> speaks(0, 500) << ...
    assert script.of(NoteDeadAir) == [NoteDeadAir(700)]


# Modes of segments


def test_a_segment_that_is_confirmed_on_a_line_that_is_not() -> None:
    """
    The greeting goes on after a cough; what comes after it does not.
    """
    phone = Phone()
    script = hears(greeted("confirmed", IMMEDIATE, phone), phone, COUGH) << ClearAudio() << None >> 600 << ...
    script >> STOPPED << None >> 3_000
    assert phone.played == AGENT[: 2_000 * 8]
    script >> speaks(2_000, 5_000, "item_2", "resp_2") << ... >> 500
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ClearAudio() << CancelResponse("resp_2") << None
    script >> 20 << TruncateItem("item_2", 0, 500 + LATENCY_MS) << NoteBargeIn << None


def test_a_segment_that_was_stopped_keeps_its_mode() -> None:
    """
    A second cough, when the agent has not gone on after the first, is a cough in the same segment.
    """
    phone = Phone(echoes_flushed=False)
    script = hears(greeted("confirmed", IMMEDIATE, phone), phone, COUGH) << ... >> 410 << ... >> STOPPED << None
    phone.speak(COUGH)
    script >> 60 >> SpeechStarted("caller_2", 0) << None >> 600 << ... >> STOPPED << None >> 3_000
    assert phone.played == AGENT[: 2_000 * 8]
    assert not on_its_way(script) & {TruncateItem, CancelResponse}


def test_a_segment_that_is_cut_at_once_on_a_line_that_confirms() -> None:
    """
    The greeting is cut by any sound; what comes after it goes on at its own byte.
    """
    phone = Phone()
    script = hears(greeted("immediate", CONFIRMED, phone), phone, COUGH) << ClearAudio() << None
    script >> 20 << TruncateItem("item_1", 0, 600 + LATENCY_MS) << NoteBargeIn << None >> STOPPED << ANSWER << None
    script >> 500 >> speaks(2_000, 5_000, "item_2", "resp_2") << ... >> 500
    hears(script, phone, COUGH, SpeechStarted("caller_2", 0)) << ClearAudio() << None >> 600 << ...
    script >> STOPPED << None >> 5_000
    assert phone.played == AGENT[: (600 + LATENCY_MS) * 8] + AGENT[2_000 * 8 : 5_000 * 8]


def test_a_segment_that_is_not_cut_on_a_line_that_is() -> None:
    """
    The greeting is played to its end; what comes after it is cut.
    """
    phone = Phone()
    script = hears(greeted("off", IMMEDIATE, phone), phone, WORDS) << None >> 500 << None >> STOPPED << ANSWER << None
    script >> speaks(2_000, 5_000, "item_2", "resp_2") << ... >> 1_500
    hears(script, phone, WORDS, SpeechStarted("caller_2", 0)) << ClearAudio() << CancelResponse("resp_2") << None
    assert phone.played == AGENT[: round(script.now_ms) * 8]


def test_a_mode_holds_as_long_as_its_segment_is_heard() -> None:
    """
    It is what the caller listens to that counts, not what the model has come to.
    """
    phone = Phone()
    script = greeted("off", IMMEDIATE, phone) >> speaks(2_000, 5_000, "item_2", "resp_2") << ...
    hears(script, phone, WORDS) << None >> 500 << None
    assert not script.of(ClearAudio)


@pytest.mark.parametrize("plan", [IMMEDIATE, CONFIRMED, OFF, GUARDED], ids=["immediate", "confirmed", "off", "guarded"])
def test_every_turn_is_answered_once(plan: CallPlan) -> None:
    """
    However a line takes turns: one turn of the caller's in the agent's silence, one answer.
    """
    script = talking(plan, SERVER_WAITS)
    for turn in range(3):
        script >> CallerAudio(FRAME, turn * 20) >> SpeechStarted(f"caller_{turn}", 0) << None
        script >> replace(STOPPED, item_id=f"caller_{turn}") << ANSWER << None
        script >> ResponseCreated(f"resp_{turn}") << None >> completed(f"resp_{turn}") << None
