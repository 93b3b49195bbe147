"""The agent's speech on its way to the caller."""

import base64
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.g711 import encoded_bytes
from gateway.call import Command, Event
from gateway.call.commands import NoteRoundTrip, PlayAudio, SendMark
from tests.call.script import Script, completed, on_the_phone, said, says, speech, talking

SLICE_MS = 150


def played(script: Script) -> bytes:
    """What the provider was given, decoded piece by piece."""
    return b"".join(base64.b64decode(audio.payload, validate=True) for audio in script.of(PlayAudio))


def unmarked_ms(commands: list[Command]) -> list[float]:
    """How much audio goes without a mark, before each mark and at the end."""
    stretches_ms = [0.0]
    for command in commands:
        if isinstance(command, PlayAudio):
            stretches_ms[-1] += encoded_bytes(command.payload) / 8
        elif isinstance(command, SendMark):
            stretches_ms.append(0.0)
    return stretches_ms


def test_speech_is_sliced_with_a_mark_behind_each_slice() -> None:
    """
    However long a delta is, the provider tells every 150 ms at the latest how far it has played.
    """
    script = talking() >> says("item_1", 1_000) << SendMark
    for _ in range(7):
        script << PlayAudio << SendMark
    script << None
    assert played(script) == base64.b64decode(speech(1_000))
    assert max(encoded_bytes(audio.payload) for audio in script.of(PlayAudio)) <= SLICE_MS * 8


def test_small_deltas_share_a_mark() -> None:
    """
    A mark is due when 100 ms went without one, not behind every crumb.
    """
    script = talking() >> says("item_1", 40) << SendMark("e0.2") << PlayAudio << None
    script >> says("item_1", 40) << PlayAudio << None >> says("item_1", 40) << PlayAudio << SendMark("e0.3") << None


def test_an_opening_mark_goes_before_audio_that_finds_the_queue_empty() -> None:
    """
    Its echo dates the start of what follows; audio that queues behind other audio needs none.
    """
    script = talking() >> says("item_1", 150) << SendMark("e0.2") << PlayAudio << SendMark("e0.3") << None
    script >> 100 >> says("item_1", 150) << PlayAudio << SendMark("e0.4") << None
    script >> 200 >> says("item_1", 150) << SendMark("e0.5") << PlayAudio << SendMark("e0.6") << None


@pytest.mark.parametrize(("first", "second"), [(said("item_1"), completed()), (completed(), said("item_1"))])
def test_the_end_of_an_item_carries_a_mark(first: Event, second: Event) -> None:
    """
    The tail is marked when the model has said all, by whichever event it says so first, and once.
    """
    script = talking() >> says("item_1", 60) << SendMark("e0.2") << PlayAudio << None
    script >> first << SendMark("e0.3") << None >> second << None


def test_the_first_items_end_may_come_after_the_second_items_beginning() -> None:
    """
    Items are told apart by name, not by order.
    """
    script = talking() >> says("item_1", 60) << ... >> says("item_2", 60) << PlayAudio << SendMark("e0.3") << None
    script >> said("item_1") << None >> says("item_2", 60) << PlayAudio << None
    script >> said("item_2") << SendMark("e0.4") << None


def test_a_delta_without_audio_plays_nothing() -> None:
    """
    An empty delta neither disturbs what is played nor ends the call.
    """
    script = talking() >> says("item_1", 0) << ...
    assert not script.of(PlayAudio)
    script >> says("item_1", 150) << ...
    assert played(script) == base64.b64decode(speech(150))


@given(st.lists(st.integers(1, 2_000), max_size=8), st.booleans())
def test_speech_goes_through_unchanged(lengths_ms: list[int], finished: bool) -> None:
    """
    Whatever the model's deltas, all of it is played in order, under marks that never repeat and never lie far apart.
    """
    script = on_the_phone()
    for length_ms in lengths_ms:
        script >> says("item_1", length_ms) << ...
    script >> said("item_1") << ...
    assert played(script) == b"".join(base64.b64decode(speech(length_ms)) for length_ms in lengths_ms)
    names = [mark.name for mark in script.of(SendMark)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"e0\.[0-9]+", name) for name in names)
    *stretches_ms, tail_ms = unmarked_ms(script.done)
    assert max(stretches_ms) < SLICE_MS + 100
    assert tail_ms == 0


def test_marks_are_never_far_apart_in_time() -> None:
    """
    While a long item plays, an echo comes back every 150 ms at the latest.
    """
    script = on_the_phone() >> says("item_1", 5_000) << ... >> said("item_1")
    heard_ms = []
    while script.call.ledger.unheard:
        script >> 1 << ...
        item = script.call.ledger.items["item_1", 0]
        heard_ms.append(item.heard_ms)
    assert max(after_ms - before_ms for before_ms, after_ms in pairwise(heard_ms)) <= SLICE_MS
    assert script.now_ms <= 5_000 + 40


def test_a_mark_is_timed_from_when_it_was_sent() -> None:
    """
    A mark that is sent long after the audio before it has ended measures the network, and not the model's silence.
    """
    script = on_the_phone() >> says("item_1", 20) << ... >> 1_000 >> says("item_1", 120) << ... >> 2_000 << ...
    assert {noted.round_trip_ms for noted in script.of(NoteRoundTrip)} == {0.0}
