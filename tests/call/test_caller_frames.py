"""The caller's audio as the server counts it: every frame in its place, whatever is missing between them."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from gateway.call.caller_frames import LONGEST_FILL_MS, CallerFrames, silence
from gateway.providers.events import CallerAudio

FRAME_MS = 20
ROUNDING_MS = 1e-6
FRAMES_LOST = st.lists(st.integers(0, 400), min_size=1, max_size=30)
FRAMES_STALLED = st.lists(st.tuples(st.sampled_from([0, 0, 3]), st.sampled_from([20, 500, 1_000])), max_size=20)
ANYTHING = st.lists(
    st.tuples(st.none() | st.integers(0, 100_000), st.sampled_from([10, 20, 30]), st.floats(0, 15_000)), max_size=30
)


def frame(stamp_ms: int | None, length_ms: int = FRAME_MS) -> CallerAudio:
    """So much of a voice."""
    return CallerAudio(base64.b64encode(bytes(length_ms * 8)).decode(), stamp_ms)


@given(FRAMES_LOST)
def test_every_frame_lies_where_the_stamps_put_it(frames_lost: list[int]) -> None:
    """
    Frames and what stands in for the missing ones are as long as the time from the first stamp to the last frame's end.
    """
    frames, stamp_ms, given_ms = CallerFrames(), 0, 0.0
    for lost in frames_lost:
        given_ms += frames.came(frame(stamp_ms), stamp_ms) + FRAME_MS
        assert given_ms == stamp_ms + FRAME_MS == frames.appended_ms
        stamp_ms += FRAME_MS * (1 + lost)


@given(FRAMES_STALLED)
def test_the_short_way_is_the_same_way(frames_stalled: list[tuple[int, int]]) -> None:
    """
    A frame that follows upon the one before has nothing missing in front of it, and whichever way it takes counts.
    """
    short, long, stamp_ms, now_ms = CallerFrames(), CallerFrames(), 0, 0
    for lost, late_ms in frames_stalled:
        now_ms += late_ms
        assert short.fill(now_ms) == long.fill(now_ms)
        follows = short.follows(frame(stamp_ms), now_ms)
        missing_ms = long.came(frame(stamp_ms), now_ms)
        assert not (follows and missing_ms)
        if not follows:
            assert short.came(frame(stamp_ms), now_ms) == missing_ms
        assert (short.appended_ms, short.next_fill_ms()) == (long.appended_ms, long.next_fill_ms())
        stamp_ms += FRAME_MS * (1 + lost)


@given(ANYTHING)
def test_a_gap_is_never_filled_for_longer_than_ten_seconds(happenings: list[tuple[int | None, int, float]]) -> None:
    """
    Whatever the stamps, lengths and pauses: not by time, not by stamps, and not by both together.
    """
    frames, now_ms, filled_ms = CallerFrames(), 0.0, 0.0
    for stamp_ms, length_ms, pause_ms in happenings:
        missing_ms = frames.came(frame(stamp_ms, length_ms), now_ms)
        assert missing_ms >= 0
        assert filled_ms + missing_ms <= LONGEST_FILL_MS
        until_ms, filled_ms = now_ms + pause_ms, 0.0
        while (due_ms := frames.next_fill_ms()) is not None and due_ms <= until_ms:
            silent_ms = frames.fill(due_ms)
            assert silent_ms > 0
            filled_ms += silent_ms
        assert filled_ms <= min(pause_ms, LONGEST_FILL_MS) + ROUNDING_MS
        now_ms = until_ms


def test_nothing_is_filled_before_it_is_due() -> None:
    """
    A network that is late by less than 750 ms is only late.
    """
    frames = CallerFrames()
    assert (frames.next_fill_ms(), frames.fill(1_000)) == (None, 0)
    frames.came(frame(0), 100)
    assert (frames.next_fill_ms(), frames.fill(849), frames.fill(850)) == (850, 0, 750)
    assert (frames.next_fill_ms(), frames.fill(1_049), frames.fill(1_100)) == (1_050, 0, 250)


@given(st.floats(0, LONGEST_FILL_MS))
def test_silence_is_as_long_as_it_should_be(length_ms: float) -> None:
    """
    To the byte, in mu-law, and in pieces that a server takes.
    """
    pieces = [base64.b64decode(payload) for payload in silence(length_ms)]
    assert abs(sum(map(len, pieces)) - length_ms * 8) <= 0.5
    assert set(b"".join(pieces)) <= {0xFF}
    assert all(len(piece) <= 8_000 for piece in pieces)
