"""How far the agent's speech was played, by those who play it and by the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UserError
from gateway.protocol.model.playback import RealTimePlayback, RealtimePlaybackState, RealtimePlaybackTracker


def state(item_id: str | None, content_index: int | None, elapsed_ms: float | None) -> RealtimePlaybackState:
    """What a tracker says."""
    return {"current_item_id": item_id, "current_item_content_index": content_index, "elapsed_ms": elapsed_ms}


@pytest.mark.parametrize(
    ("form", "byte_count"), [("pcm16", 4800), ("g711_ulaw", 800), ({"type": "audio/pcma"}, 800), ("audio/pcmu", 800)]
)
def test_bytes_last_as_long_as_their_format_has_it(form: object, byte_count: int) -> None:
    """
    100 ms are 100 ms in every format and every spelling of it.
    """
    tracker = RealtimePlaybackTracker()
    tracker.set_audio_format(form)
    tracker.on_play_bytes("item_1", 0, bytes(byte_count))
    tracker.on_play_ms("item_1", 0, 50.5)
    assert tracker.get_state() == state("item_1", 0, 150.5)


def test_each_part_is_played_from_its_beginning() -> None:
    """
    Another item, or another part of it, begins at nothing.
    """
    tracker = RealtimePlaybackTracker()
    assert tracker.get_state() == state(None, None, None)
    tracker.on_play_ms("item_1", 0, 500)
    tracker.on_play_ms("item_1", 1, 20)
    assert tracker.get_state() == state("item_1", 1, 20)
    tracker.on_play_ms("item_2", 0, 30)
    assert tracker.get_state() == state("item_2", 0, 30)


def test_an_interruption_forgets_what_was_played() -> None:
    """
    What is played after it is played from its beginning.
    """
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item_1", 0, 500)
    tracker.on_interrupted()
    assert tracker.get_state() == state(None, None, None)
    tracker.on_play_ms("item_1", 0, 20)
    assert tracker.get_state() == state("item_1", 0, 20)


def test_a_format_that_does_not_exist_is_refused() -> None:
    """
    Its bytes could not be counted.
    """
    with pytest.raises(UserError, match="opus"):
        RealtimePlaybackTracker().set_audio_format("opus")


def test_a_state_is_not_ours_any_more() -> None:
    """
    Whoever changes what was answered changes nothing else.
    """
    RealtimePlaybackTracker().get_state()["elapsed_ms"] = 7
    assert RealtimePlaybackTracker().get_state() == state(None, None, None)


PARTS = st.sampled_from([("a", 0), ("a", 1), ("b", 0)])
PIECES = st.lists(st.tuples(st.integers(0, 500), PARTS, st.integers(1, 400)), min_size=1, max_size=8)


@given(PIECES, st.integers(0, 3000))
def test_the_clock_plays_each_piece_when_it_has_come_and_the_one_before_has_ended(
    came: list[tuple[int, tuple[str, int], int]], later_ms: int
) -> None:
    """
    At any moment it says what a loudspeaker, fed ms by ms, would say.
    """
    clock, now_ms = RealTimePlayback(), 0
    loudspeaker: dict[int, tuple[tuple[str, int], int]] = {}
    free_ms, last, offset_ms = 0, ("", 0), 0
    for gap_ms, part, length_ms in came:
        now_ms += gap_ms
        clock.on_audio(*part, length_ms, now_ms=now_ms)
        begins_ms, offset_ms = max(free_ms, now_ms), offset_ms if part == last else 0
        loudspeaker |= {begins_ms + ms: (part, offset_ms + ms) for ms in range(length_ms)}
        free_ms, last, offset_ms = begins_ms + length_ms, part, offset_ms + length_ms
    at_ms = now_ms + later_ms
    part, elapsed_ms = loudspeaker.get(at_ms, (last, offset_ms))
    assert clock.get_state(now_ms=at_ms) == state(*part, elapsed_ms)
