"""Where frames of the caller are missing, the model hears silence: as much as is missing, and no more than 10 s."""

import base64
from collections.abc import Iterable

import pytest

from gateway.call.events import ModelClosed
from gateway.protocol.inputs import AppendAudio
from gateway.providers.events import CallerAudio
from tests.call.phone import FRAME, FRAME_MS
from tests.call.script import SERVER_WAITS, SESSION_CREATED, SESSION_UPDATED, Script, says, talking
from tests.call.turns import OFF, STARTED, STOPPED

SILENCE = 0xFF
VOICE = 0x20


def frame(stamp_ms: int | None, length_ms: int = FRAME_MS) -> CallerAudio:
    """So much of a voice that is never silent."""
    return CallerAudio(base64.b64encode(bytes([VOICE]) * length_ms * 8).decode(), stamp_ms)


def frames(script: Script, stamps_ms: Iterable[int]) -> Script:
    """One frame after another, each when it was recorded."""
    for stamp_ms in stamps_ms:
        script >> max(0, stamp_ms - script.now_ms) >> frame(stamp_ms)
    return script


def appended(script: Script) -> bytes:
    """All that the model has heard."""
    return b"".join(base64.b64decode(audio.payload) for audio in script.of(AppendAudio))


def shape_ms(script: Script) -> list[tuple[str, float]]:
    """What the model has heard, as stretches of voice and of silence."""
    stretches: list[tuple[str, float]] = []
    for sample in appended(script):
        kind = "silence" if sample == SILENCE else "voice"
        before_ms = stretches.pop()[1] if stretches and stretches[-1][0] == kind else 0.0
        stretches.append((kind, before_ms + 1 / 8))
    return stretches


# By the provider's stamps


@pytest.mark.parametrize("missing_ms", [20, 21, 60, 999, 1_000, 4_321, 10_000])
def test_what_the_stamps_say_is_missing_is_silent(missing_ms: int) -> None:
    """
    To the byte: what follows lies where the caller said it.
    """
    script = frames(talking(), [0, 20, 40]) >> frame(60 + missing_ms) >> frame(80 + missing_ms)
    assert shape_ms(script) == [("voice", 60), ("silence", missing_ms), ("voice", 40)]


def test_no_more_than_ten_seconds_are_made_up_for() -> None:
    """
    What is missing beyond that is a silence that nobody would wait through.
    """
    script = frames(talking(), [0, 20]) >> frame(60_000) >> frame(60_020)
    assert shape_ms(script) == [("voice", 40), ("silence", 10_000), ("voice", 40)]


def test_a_gap_is_silent_too_while_the_session_opens() -> None:
    """
    What is held keeps its shape.
    """
    script = Script() << ... >> SESSION_CREATED << ... >> frame(0) >> frame(500) << None >> SESSION_UPDATED << ...
    assert shape_ms(script) == [("voice", 20), ("silence", 480), ("voice", 20)]


def test_silence_is_held_no_longer_than_ten_seconds_either() -> None:
    """
    The caller's last words are kept, and not the gaps before them.
    """
    script = Script() << ... >> SESSION_CREATED << ... >> frame(0) >> frame(9_000) >> frame(12_000) << None
    script >> SESSION_UPDATED << ...
    assert shape_ms(script)[-3:] == [("voice", 20), ("silence", 2_980), ("voice", 20)]
    assert 9_000 <= len(appended(script)) / 8 <= 10_000


@pytest.mark.parametrize("length_ms", [10, 30, 60, 100])
def test_frames_may_be_of_any_length(length_ms: int) -> None:
    """
    What is due next is told by how long a frame is.
    """
    script = talking()
    for stamp_ms in range(0, 600, length_ms):
        script >> frame(stamp_ms, length_ms)
    script >> frame(900, length_ms)
    assert shape_ms(script) == [("voice", 600), ("silence", 300), ("voice", length_ms)]


@pytest.mark.parametrize("unevenness_ms", [-19, -3, 3, 19])
def test_stamps_need_not_be_even(unevenness_ms: int) -> None:
    """
    Less than a frame is nothing that is missing.
    """
    script = frames(talking(), [0, 20, 40 + unevenness_ms, 60, 80])
    assert shape_ms(script) == [("voice", 100)]


def test_stamps_that_begin_anew_are_no_gap() -> None:
    """
    Neither backwards nor from there on.
    """
    script = frames(talking(), [5_000, 5_020, 0, 20]) >> frame(100) << AppendAudio << AppendAudio << None
    assert shape_ms(script) == [("voice", 80), ("silence", 60), ("voice", 20)]


def test_a_stream_need_not_begin_at_zero() -> None:
    """
    What was before the first frame is not missing.
    """
    assert shape_ms(frames(talking(), [7_000, 7_020])) == [("voice", 40)]


def test_without_stamps_nothing_is_missing() -> None:
    """
    A provider that does not say when it recorded a frame cannot say that one is missing.
    """
    script = talking() >> frame(None) >> 5_000 >> frame(None) << ...
    assert shape_ms(script) == [("voice", 40)]


# By time


def test_a_caller_who_stalls_in_the_middle_of_speech_falls_silent() -> None:
    """
    From 750 ms on there is as much silence as time has gone by, so that the turn can end.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> 749 << None
    assert shape_ms(script) == [("voice", 40)]
    script >> 1
    assert shape_ms(script) == [("voice", 40), ("silence", 750)]
    script >> 1_000
    assert shape_ms(script) == [("voice", 40), ("silence", 1_750)]


def test_a_stall_is_silent_for_ten_seconds_at_most() -> None:
    """
    Then nothing more is made up for, and no alarm rings for it.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> 60_000
    assert shape_ms(script) == [("voice", 40), ("silence", 10_000)]
    assert script.call.next_deadline_ms() is None


def test_a_stall_of_a_caller_who_is_silent_anyway_is_left_alone() -> None:
    """
    Before speech, and after it, there is no turn that would have to end.
    """
    script = frames(talking(), [0, 20]) >> 5_000 >> STARTED << None >> STOPPED << None
    frames(script, [5_020]) >> 5_000
    assert shape_ms(script)[-1][0] == "voice"


def test_a_stall_ends_with_the_turn() -> None:
    """
    The silence has done what it is for.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> 1_150 >> STOPPED << None >> 5_000 << None
    assert shape_ms(script) == [("voice", 40), ("silence", 1_150)]


@pytest.mark.parametrize("stalled_ms", [750, 1_100, 5_000, 9_999])
def test_a_gap_that_was_filled_by_time_is_not_filled_again_by_stamps(stalled_ms: int) -> None:
    """
    Frames that were lost: what was not yet made up for is, so that speech goes on where it should.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> stalled_ms
    script >> frame(20 + stalled_ms) >> frame(40 + stalled_ms)
    (_, silence_ms), (_, voice_ms) = shape_ms(script)[1:]
    assert stalled_ms - 40 <= silence_ms <= stalled_ms
    assert voice_ms == 40


def test_frames_that_were_only_late_are_passed_on_whole() -> None:
    """
    What stood in for them cannot be taken back, and is not added to.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> 1_000
    frames(script, [40, 60, 80])
    assert shape_ms(script) == [("voice", 40), ("silence", 950), ("voice", 60)]


def test_a_stall_and_its_stamps_together_make_ten_seconds_at_most() -> None:
    """
    However a gap is found out, it is one gap.
    """
    script = frames(talking() >> STARTED << None, [0, 20]) >> 30_000 >> frame(30_020)
    assert shape_ms(script) == [("voice", 40), ("silence", 10_000), ("voice", 20)]


def test_every_stall_is_a_stall_of_its_own() -> None:
    """
    When frames have come again, the next stall is made up for from its beginning.
    """
    script = frames(talking() >> STARTED << None, [0]) >> 1_000 >> frame(1_000) >> frame(1_020) >> 749
    assert shape_ms(script)[-1] == ("voice", 40)
    script >> 1
    assert shape_ms(script)[-1] == ("silence", 750)


def test_no_one_is_made_up_for_who_has_not_been_heard() -> None:
    """
    Without a first frame nothing is missing.
    """
    script = talking() >> STARTED << None >> 20_000 << None
    assert not script.of(AppendAudio)


def test_a_stall_does_not_outlive_the_model() -> None:
    """
    While the rest is played out, nobody is there to hear the silence, and no alarm rings for it.
    """
    script = talking(OFF, SERVER_WAITS) >> says("item_1", 5_000) << ... >> STARTED << None
    frames(script, [0, 20]) >> ModelClosed("model_lost") << ... >> 2_900
    assert shape_ms(script) == [("voice", 40)]
    assert script.result is None


def test_a_quiet_line_is_no_gap() -> None:
    """
    Frames that come and hold no voice are passed on as they are.
    """
    script = talking() >> CallerAudio(FRAME, 0) << AppendAudio(FRAME) << None
    script >> CallerAudio(FRAME, 20) << AppendAudio(FRAME) << None
