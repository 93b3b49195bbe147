"""The caller makes a sound on a line that confirms a barge-in: the agent falls silent, and then goes on or is cut."""

from dataclasses import dataclass, replace

import pytest

from gateway.call.commands import (
    ClearAudio,
    NoteBargeIn,
    NoteDismissed,
    NoteLateDelta,
    NoteResumed,
    SendMark,
)
from gateway.call.confirmation import Verdict
from gateway.call.events import ModelClosed
from gateway.protocol.events import CallerTranscript, ResponseDone, SpeechStarted
from gateway.protocol.inputs import CancelResponse, TruncateItem
from gateway.providers.events import StreamStopped
from gateway.sim.echo_path import EchoPath
from tests.call.phone import Phone
from tests.call.script import Script, completed, said
from tests.call.turns import (
    AGENT,
    ANSWER,
    COUGH,
    LATENCY_MS,
    STARTED,
    STOPPED,
    WORD,
    WORDS,
    hears,
    listening,
    on_its_way,
    speaks,
)

CUT_OFF = ResponseDone("resp_1", "cancelled", "client_cancelled")


@dataclass(frozen=True)
class Nothing:
    """A sound that is no barge-in."""

    verdict: Verdict
    sound: bytes = b""
    transcript: str = ""
    echo: EchoPath | None = None


NOTHING = [
    Nothing("noise", COUGH),
    Nothing("backchannel", WORD, "Uh-huh."),
    Nothing("echo", echo=EchoPath(120.6, loss_db=6)),
]
no_barge_in = pytest.mark.parametrize("nothing", NOTHING, ids=lambda nothing: nothing.verdict)
settles = pytest.mark.parametrize("echoes_flushed", [True, False], ids=["settled before", "settled after"])
"""What a clear threw away comes back at once, before the verdict; or nothing does, and the clock settles it later."""


def dismissed(nothing: Nothing, phone: Phone) -> Script:
    """A call in which the agent was stopped for nothing, and spoke on as soon as that was clear."""
    script = hears(listening(phone, heard_ms=1_000), phone, nothing.sound) << ...
    if nothing.transcript:
        script >> 100 >> CallerTranscript("caller_1", nothing.transcript) << ...
    return script >> 500 << ...


def test_the_agent_falls_silent_at_once_and_nothing_is_decided() -> None:
    """
    The queue is cleared as fast as for any barge-in; for 200 ms nothing is cut, cancelled or asked for.
    """
    phone = Phone()
    script = hears(listening(phone), phone, WORDS) << ClearAudio() << None >> 199 << None
    assert not on_its_way(script)
    assert len(phone.played) == (600 + LATENCY_MS) * 8


@settles
@no_barge_in
def test_the_agent_goes_on_at_the_very_byte(nothing: Nothing, echoes_flushed: bool) -> None:
    """
    A cough, a nod, an echo: what the caller hears is the item from its first byte to its last, none missing or twice.
    """
    phone = Phone(echoes_flushed=echoes_flushed, echo=nothing.echo)
    script = dismissed(nothing, phone)
    assert script.of(NoteDismissed) == [NoteDismissed(nothing.verdict)]
    (resumed,) = script.of(NoteResumed)
    assert resumed.silent_ms <= 500
    script >> STOPPED << None >> 5_000
    assert phone.played == AGENT[: 3_000 * 8]
    assert not on_its_way(script)


@settles
def test_what_the_model_said_meanwhile_follows_in_order(echoes_flushed: bool) -> None:
    """
    Deltas do not stop for a question, neither of the same item nor of the next.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, COUGH) << ...
    script >> 100 >> speaks(3_000, 3_500) << None >> said("item_1") << None
    script >> 100 >> speaks(3_500, 4_000, "item_2") << None >> 400 << ... >> speaks(4_000, 4_200, "item_2") << ...
    script >> said("item_2") << ... >> completed() << None >> STOPPED << None >> 6_000
    assert phone.played == AGENT[: 4_200 * 8]
    assert all(item.heard_whole for item in script.call.ledger.items.values())


@settles
def test_an_item_that_goes_on_is_heard_whole_and_left_alone(echoes_flushed: bool) -> None:
    """
    Once its rest was played too, the next barge-in does not cut it, nor anything else.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, COUGH) << ... >> said("item_1") >> completed() << None >> 500 << ...
    script >> STOPPED >> 5_000 << ...
    assert script.call.ledger.items["item_1", 0].heard_whole
    hears(script, phone, WORDS) << None >> 3_000 << None
    assert not on_its_way(script)


def test_what_is_played_again_has_marks_of_its_own() -> None:
    """
    Echoes of marks that the clear flushed say nothing of the audio that was sent again.
    """
    phone = Phone()
    script = dismissed(NOTHING[0], phone)
    cleared = script.done.index(ClearAudio())
    names = [mark.name for mark in script.of(SendMark)]
    assert len(set(names)) == len(names)
    again = [done.name for done in script.done[cleared:] if isinstance(done, SendMark)]
    assert {name.partition(".")[0] for name in again} == {"e1"}
    assert len(again) > (3_000 - 1_000 - LATENCY_MS) / 150


@settles
def test_the_caller_is_given_way_to(echoes_flushed: bool) -> None:
    """
    The response is cancelled, the item cut once and at what was heard, and an answer asked for at the end of the turn.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, WORDS) << ClearAudio() << None >> 600 << ...
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, 600 + LATENCY_MS)]
    assert script.of(CancelResponse) == [CancelResponse("resp_1")]
    assert script.call.barge_ins == len(script.of(NoteBargeIn)) == 1
    script >> CUT_OFF << None >> 1_000 << None >> STOPPED << ANSWER << None
    assert len(phone.played) == (600 + LATENCY_MS) * 8


@settles
@pytest.mark.parametrize("meanwhile", [True, False], ids=["while it was open", "and after"])
def test_late_audio_of_a_response_that_was_cut_is_dropped(echoes_flushed: bool, meanwhile: bool) -> None:
    """
    It never reaches the phone, whether it comes before the verdict or after; each item is cut once.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, WORDS) << ...
    if meanwhile:
        script >> speaks(3_000, 3_500) << None >> speaks(3_500, 4_000, "item_2") << None
    script >> 600 << ... >> speaks(4_000, 4_500) << ... >> speaks(4_500, 5_000, "item_2") << ...
    script >> said("item_1") << None >> said("item_2") << None >> CUT_OFF << None >> STOPPED << ANSWER >> 2_000 << None
    assert len(phone.played) == (600 + LATENCY_MS) * 8
    assert sorted(script.of(TruncateItem), key=lambda cut: cut.item_id) == [
        TruncateItem("item_1", 0, 600 + LATENCY_MS),
        TruncateItem("item_2", 0, 0),
    ]
    assert len(script.of(NoteLateDelta)) == 2


@settles
def test_an_item_of_which_nothing_was_played_is_forgotten_whole(echoes_flushed: bool) -> None:
    """
    It came while it was open who spoke, and no more of it comes after.
    """
    phone = Phone(echoes_flushed=echoes_flushed)
    script = hears(listening(phone), phone, WORDS) << ... >> said("item_1") << None
    script >> speaks(3_000, 4_000, "item_2") << None >> completed() << None >> 600 << ...
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, 600 + LATENCY_MS), TruncateItem("item_2", 0, 0)]


def test_the_answer_is_asked_for_when_the_turn_ended_before_the_verdict() -> None:
    """
    Words that were spoken fast are answered as soon as it is clear that they were words.
    """
    phone = Phone()
    script = hears(listening(phone), phone, WORD) << ... >> completed() << None >> 150 >> STOPPED << None
    script >> CallerTranscript("caller_1", "No.") << TruncateItem << NoteBargeIn << ANSWER << None
    script >> 2_000 << None


def test_a_second_speech_start_changes_nothing() -> None:
    """
    While it is open who spoke, nothing is cleared again, and the verdict comes no later.
    """
    phone = Phone()
    script = hears(listening(phone), phone, COUGH) << ClearAudio() << None >> 200 >> STARTED << None
    script >> 193 << None >> 20 << NoteDismissed("noise") << ...
    assert len(script.of(ClearAudio)) == len(script.of(NoteResumed)) == 1


def test_a_caller_who_begins_again_while_it_is_open_is_judged_anew() -> None:
    """
    The server ends one speech and hears another: what was no word may be followed by one, and both are one silence.
    """
    phone = Phone()
    script = hears(listening(phone), phone, COUGH) << ... >> completed() << None >> 100 >> STOPPED << None
    phone.speak(WORDS)
    script >> 90 >> SpeechStarted("caller_2", 700) << None >> 600 << ...
    assert script.of(ClearAudio) == [ClearAudio()]
    assert script.of(TruncateItem) == [TruncateItem("item_1", 0, 600 + LATENCY_MS)]
    script >> replace(STOPPED, item_id="caller_2") << ANSWER << None


def test_without_frames_it_is_decided_at_the_deadline() -> None:
    """
    A network that holds the caller's frames back does not keep the agent waiting: 400 ms, and it is the caller.
    """
    phone = Phone()
    script = hears(listening(phone), phone, COUGH) << ...
    phone.stalled = True
    script >> 399 << None >> 1 << TruncateItem("item_1", 0, 600 + LATENCY_MS) << NoteBargeIn << CancelResponse("resp_1")
    script >> 5_000 << None


def test_a_model_that_leaves_while_it_is_open_ends_it() -> None:
    """
    There is no one left who could go on: the call makes way for the fallback, at once.
    """
    phone = Phone()
    script = hears(listening(phone), phone, COUGH) << ... >> 100 >> ModelClosed("model_lost") << ... >> 5_000 << None
    assert script.result == "fallback"
    assert not on_its_way(script)


@pytest.mark.parametrize("nothing", NOTHING[:1])
def test_a_caller_who_hangs_up_while_it_is_open_has_hung_up(nothing: Nothing) -> None:
    """
    Nothing is cut and nothing is played to a caller who is gone.
    """
    phone = Phone()
    script = hears(listening(phone), phone, nothing.sound) << ... >> 100 >> StreamStopped() << ... >> 5_000 << None
    assert script.result == "success"
    assert not on_its_way(script)
    assert len(phone.played) == (600 + LATENCY_MS) * 8


def test_an_item_whose_end_came_while_it_was_open_is_left_alone_if_it_was_heard() -> None:
    """
    The model fell behind, the caller had heard all there was, and then the item turned out to be over.
    """
    phone = Phone()
    script = hears(listening(phone, sent_ms=700), phone, WORDS) << ... >> 100 >> said("item_1") >> completed() << ...
    script >> 600 << ...
    assert script.call.ledger.items["item_1", 0].heard_whole
    assert not on_its_way(script)


def test_the_caller_who_speaks_first_is_not_confirmed() -> None:
    """
    Where there is nothing to stop, speech is the caller's turn, and answered at its end.
    """
    phone = Phone()
    script = listening(phone, sent_ms=400) >> said("item_1") << ... >> completed() << ... >> 500
    hears(script, phone, COUGH) << None >> 300 << None >> STOPPED << ANSWER << None
    assert not script.of(ClearAudio)
