"""Words that the caller must hear: they are played until they were heard whole, and then there is a receipt."""

from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.call.commands import ClearAudio, CloseModel, NoteBargeIn, NoteReceipt, PlayAudio
from gateway.call.plan import BargeInMode, Segment
from gateway.protocol.events import ErrorReceived, ResponseCreated, ResponseDone, ResponseStatus, SpeechStarted
from gateway.protocol.inputs import CancelResponse, CreateResponse, TruncateItem
from gateway.providers.events import StreamStopped
from tests.call.phone import Phone
from tests.call.script import SERVER_WAITS, Script, completed, on_the_phone, said
from tests.call.turns import (
    AGENT,
    ANSWER,
    CONFIRMED,
    COUGH,
    IMMEDIATE,
    LATENCY_MS,
    OFF,
    STARTED,
    STOPPED,
    WORDS,
    hears,
    on_its_way,
    speaks,
)

LENGTH_MS = 2_000
TEXT = "This call is recorded – für Ihre Sicherheit."
TEXT_SHA256 = sha256(TEXT.encode()).hexdigest()


def reciting(mode: BargeInMode, phone: Phone, *, more: tuple[Segment, ...] = (), heard_ms: int = 600) -> Script:
    """A caller in the middle of words that must be heard; the model has said them all."""
    plan = replace(IMMEDIATE, opening=(Segment("notice", TEXT, mode, must_hear=True), *more))
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1")
    script >> speaks(0, LENGTH_MS) << ... >> said("item_1") << ... >> completed() << ...
    return script >> heard_ms << ...


def receipts(script: Script) -> list[tuple[str, int, int, int]]:
    """What was heard of the line's words, from when to when, and when that was known."""
    found = [note.receipt for note in script.of(NoteReceipt)]
    assert {receipt.text_sha256 for receipt in found} <= {TEXT_SHA256}
    return [(receipt.segment, receipt.from_ms, receipt.until_ms, receipt.acked_ms) for receipt in found]


def test_a_receipt_says_which_words_were_heard_and_when() -> None:
    """
    Once, when the mark behind the last byte has come back, and not before.
    """
    script = reciting("off", Phone(), heard_ms=LENGTH_MS - 1)
    assert receipts(script) == []
    script >> 61 << ... >> 5_000 << None
    assert receipts(script) == [("notice", 0, LENGTH_MS, LENGTH_MS)]


def test_a_receipt_needs_no_frames_after_the_last_mark() -> None:
    """
    A caller who hears the words and hangs up at once has heard them.
    """
    script = reciting("off", Phone(), heard_ms=LENGTH_MS) >> StreamStopped() << ...
    assert receipts(script) == [("notice", 0, LENGTH_MS, LENGTH_MS)]


def test_there_is_no_receipt_for_what_was_not_heard_to_its_end() -> None:
    """
    Who hangs up in the middle has not heard it, however much of it was sent.
    """
    script = (
        reciting("off", Phone(), heard_ms=LENGTH_MS - 20) >> StreamStopped() << CloseModel() << ... >> 3_000 << None
    )
    assert receipts(script) == []


def test_there_is_no_receipt_while_the_model_may_say_more() -> None:
    """
    All that came was heard; whether it was all of the words is known when the response is done.
    """
    plan = replace(IMMEDIATE, opening=(Segment("notice", TEXT, must_hear=True),))
    script = on_the_phone(plan, Phone(), SERVER_WAITS) >> speaks(0, 500) << ... >> 1_000 << None
    script >> speaks(500, 1_000) << ... >> said("item_1") << ... >> 1_000 << None >> completed() << NoteReceipt << None
    assert receipts(script) == [("notice", 0, 1_500, 1_500)]


def test_words_that_cannot_be_cut_are_not_cut() -> None:
    """
    The caller is heard, and answered when the words are over.
    """
    phone = Phone()
    script = hears(reciting("off", phone), phone, WORDS) << None >> 500 << None >> STOPPED << ANSWER << None
    script >> LENGTH_MS << ...
    assert phone.played == AGENT[: LENGTH_MS * 8]
    assert receipts(script) == [("notice", 0, LENGTH_MS, LENGTH_MS)]
    assert on_its_way(script) == {CreateResponse}


def test_words_that_are_cut_are_played_again_from_their_start() -> None:
    """
    They are not forgotten, nor asked for again: they are played when the caller has spoken, and before the answer.
    """
    phone = Phone()
    script = hears(reciting("immediate", phone), phone, WORDS) << ClearAudio() << None >> 20 << NoteBargeIn << None
    heard_ms = 600 + LATENCY_MS
    assert phone.played == AGENT[: heard_ms * 8]
    script >> 1_000 << None >> STOPPED << ...
    *_, last = (done for done in script.done if isinstance(done, PlayAudio | CreateResponse))
    assert last == ANSWER
    assert phone.played == AGENT[: heard_ms * 8] + AGENT[: LENGTH_MS * 8]
    again_ms = round(script.now_ms)
    script >> LENGTH_MS + 60 << ... >> 5_000 << None
    assert receipts(script) == [("notice", again_ms, again_ms + LENGTH_MS, again_ms + LENGTH_MS)]
    assert on_its_way(script) == {CreateResponse}


def test_words_are_played_again_as_often_as_they_are_cut() -> None:
    """
    Only once they were heard from their start to their end is there a receipt, and only one.
    """
    phone = Phone()
    script = hears(reciting("immediate", phone), phone, WORDS) << ... >> 500 << ... >> STOPPED << ...
    script >> ResponseCreated("resp_2") << None
    hears(script >> 500, phone, WORDS, SpeechStarted("caller_2", 0)) << ClearAudio() << CancelResponse("resp_2") << None
    script >> 500 << ... >> STOPPED << ... >> LENGTH_MS + 100 << ...
    first, second = (600 + LATENCY_MS) * 8, (500 + LATENCY_MS) * 8
    assert phone.played == AGENT[:first] + AGENT[:second] + AGENT[: LENGTH_MS * 8]
    assert len(receipts(script)) == 1
    assert not script.of(TruncateItem)


def test_what_comes_of_them_after_the_cut_is_played_when_they_are_played_again() -> None:
    """
    The model goes on saying them while the caller speaks, and after that.
    """
    phone = Phone()
    plan = replace(IMMEDIATE, opening=(Segment("notice", TEXT, must_hear=True),))
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1") >> speaks(0, 1_000) << ... >> 500
    hears(script, phone, WORDS) << ClearAudio() << None >> 20 << ... >> speaks(1_000, 1_500) << None
    script >> 500 >> STOPPED << ... >> speaks(1_500, LENGTH_MS) << ... >> said("item_1") << ... >> completed() << ANSWER
    script >> LENGTH_MS + 100 << ...
    assert phone.played == AGENT[: (500 + LATENCY_MS) * 8] + AGENT[: LENGTH_MS * 8]
    assert len(receipts(script)) == 1
    assert on_its_way(script) == {CreateResponse}


def test_words_that_are_confirmed_go_on_after_a_cough() -> None:
    """
    Nothing of them is played twice, and they count as heard from their start to their end.
    """
    phone = Phone()
    script = hears(reciting("confirmed", phone), phone, COUGH) << ClearAudio() << None >> 500 << ... >> STOPPED << None
    script >> LENGTH_MS << ...
    assert phone.played == AGENT[: LENGTH_MS * 8]
    ((_, from_ms, until_ms, acked_ms),) = receipts(script)
    assert from_ms == 0
    assert LENGTH_MS + 200 <= until_ms == acked_ms <= LENGTH_MS + 400


def test_a_cough_before_the_first_mark_has_come_back_does_not_hide_the_start() -> None:
    """
    What was heard before the agent was stopped began when it began.
    """
    phone = Phone()
    script = hears(reciting("confirmed", phone, heard_ms=0), phone, COUGH) << ... >> 500 << ... >> STOPPED << None
    script >> LENGTH_MS << ...
    assert phone.played == AGENT[: LENGTH_MS * 8]
    ((_, from_ms, _, _),) = receipts(script)
    assert from_ms == 0


def test_words_that_are_confirmed_and_cut_are_played_again() -> None:
    """
    It makes no difference how it was found out that the caller wants to speak.
    """
    phone = Phone()
    script = hears(reciting("confirmed", phone), phone, WORDS) << ClearAudio() << None >> 800 << NoteBargeIn << None
    script >> STOPPED << ... >> LENGTH_MS + 100 << ...
    assert phone.played == AGENT[: (600 + LATENCY_MS) * 8] + AGENT[: LENGTH_MS * 8]
    assert len(receipts(script)) == 1
    assert not script.of(TruncateItem)


def test_every_segment_has_its_own_receipt() -> None:
    """
    They are asked for one after the other, and heard in that order.
    """
    phone = Phone()
    script = reciting("off", phone, more=(Segment("second", TEXT, must_hear=True),))
    assert [response.segment for response in script.of(CreateResponse)] == ["notice", "second"]
    script >> speaks(0, 500, "item_2", "resp_2") << ... >> completed("resp_2") << ... >> 3_000 << ...
    assert receipts(script) == [
        ("notice", 0, LENGTH_MS, LENGTH_MS),
        ("second", LENGTH_MS, LENGTH_MS + 500, LENGTH_MS + 500),
    ]


def test_words_behind_the_audible_ones_are_played_again_too() -> None:
    """
    Of what is queued the caller hears nothing when it is cleared.
    """
    phone = Phone()
    script = reciting("immediate", phone, more=(Segment("second", TEXT, must_hear=True),))
    script >> speaks(LENGTH_MS, 3_000, "item_2", "resp_2") << ... >> completed("resp_2") << ...
    hears(script, phone, WORDS) << ... >> 500 << ... >> STOPPED << ... >> 3_100 << ...
    heard_ms = round(600 + LATENCY_MS)
    assert phone.played == AGENT[: heard_ms * 8] + AGENT[: 3_000 * 8]
    assert [segment for segment, *_ in receipts(script)] == ["notice", "second"]


def test_words_that_were_heard_are_not_played_again() -> None:
    """
    Who cuts in behind them cuts what is behind them.
    """
    phone = Phone()
    script = reciting("immediate", phone, heard_ms=LENGTH_MS + 100)
    script >> speaks(LENGTH_MS, 4_000, "item_2", "resp_2") << ... >> 500
    hears(script, phone, WORDS) << ClearAudio() << CancelResponse("resp_2") << None >> 500 << ...
    script >> ResponseDone("resp_2", "cancelled") << None >> STOPPED << ANSWER << None
    assert script.of(TruncateItem) == [TruncateItem("item_2", 0, 500 + LATENCY_MS)]


@pytest.mark.parametrize("status", ["failed", "incomplete", "cancelled"])
def test_words_that_the_model_did_not_say_to_their_end_are_asked_for_again(status: ResponseStatus) -> None:
    """
    A receipt is for the words, not for a part of them; the second try is the one that has to be heard.
    """
    phone = Phone()
    plan = replace(OFF, opening=(Segment("notice", TEXT, "off", must_hear=True),))
    script = on_the_phone(plan, phone, SERVER_WAITS)
    (asked,) = script.of(CreateResponse)
    script >> ResponseCreated("resp_1") >> speaks(0, 500) << ... >> ResponseDone("resp_1", status) << asked << ...
    (
        script
        >> 1_000
        << None
        >> speaks(0, LENGTH_MS, "item_2", "resp_2")
        << ...
        >> completed("resp_2")
        << ...
        >> 900
        << ...
    )
    assert receipts(script) == []
    script >> LENGTH_MS << ...
    assert [receipt[1:3] for receipt in receipts(script)] == [(1_000, 1_000 + LENGTH_MS)]


def test_words_that_the_model_never_says_end_in_the_fallback() -> None:
    """
    Three tries in a row, whatever comes of them.
    """
    plan = replace(OFF, opening=(Segment("notice", TEXT, "off", must_hear=True),))
    script = on_the_phone(plan, Phone(), SERVER_WAITS)
    for number in range(3):
        script >> ResponseCreated(f"resp_{number}") << None >> ResponseDone(f"resp_{number}", "incomplete") << ...
    assert len(script.of(CreateResponse)) == 3
    assert script.result == "fallback"


def test_a_model_that_will_not_say_them_leaves_no_receipt() -> None:
    """
    What was refused for good was not heard.
    """
    plan = replace(CONFIRMED, opening=(Segment("notice", TEXT, must_hear=True),))
    script = on_the_phone(plan, Phone(), SERVER_WAITS)
    (asked,) = script.of(CreateResponse)
    script >> ErrorReceived("unknown_parameter", "Unknown parameter", refused=asked) << None >> STARTED << None
    script >> 300 >> STOPPED << ANSWER << None >> 3_000 << None
    assert receipts(script) == []
