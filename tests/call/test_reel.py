"""Whatever was sent can be sent again from any byte on, and held against what comes back."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from gateway.call.reel import HEARD_KEPT_BYTES, Reel
from gateway.playback.playout import ItemKey

KEYS = [("item_1", 0), ("item_1", 1), ("item_2", 0)]
PIECES = st.lists(st.tuples(st.sampled_from(KEYS), st.binary(min_size=1, max_size=400)), max_size=12)
Pieces = list[tuple[ItemKey, bytes]]


def reel_of(pieces: Pieces) -> Reel:
    """All of it sent, nothing heard."""
    reel = Reel()
    for key, audio in pieces:
        reel.sent(key, base64.b64encode(audio).decode())
    return reel


def tape(pieces: Pieces) -> list[tuple[ItemKey, int]]:
    """Every byte, with the item that it belongs to."""
    return [(key, byte) for key, audio in pieces for byte in audio]


def rest(reel: Reel, position_byte: int) -> list[tuple[ItemKey, int]]:
    """Every byte behind a position, with the item that it belongs to."""
    return tape([(key, base64.b64decode(payload)) for key, payload in reel.after(position_byte)])


@given(PIECES, st.integers(0, 5_000))
def test_what_is_behind_a_byte_is_all_that_is_behind_it(pieces: Pieces, position_byte: int) -> None:
    """
    No byte is missing, none comes twice, and each belongs to the item that it was sent for.
    """
    assert rest(reel_of(pieces), position_byte) == tape(pieces)[position_byte:]


@given(PIECES, st.integers(0, 5_000), st.integers(0, 5_000))
def test_what_was_played_lately_ends_at_the_position(pieces: Pieces, position_byte: int, size_bytes: int) -> None:
    """
    It is as much as was asked for, or all there was.
    """
    before = bytes(byte for _, byte in tape(pieces)[:position_byte])
    played = reel_of(pieces).lately(position_byte, size_bytes)
    end = len(before)
    assert played == before[max(0, min(end, position_byte - size_bytes)) :]


@given(PIECES, st.integers(0, 5_000))
def test_nothing_is_asked_of_an_item_that_has_nothing_left(pieces: Pieces, position_byte: int) -> None:
    """
    No empty piece is sent to the provider.
    """
    assert all(payload for _, payload in reel_of(pieces).after(position_byte))


def test_what_was_heard_long_ago_is_forgotten_and_nothing_else() -> None:
    """
    A call may last for hours: two seconds of what was heard are kept, and all that was not.
    """
    second = bytes(range(200)) * 40
    reel = reel_of([(("item_1", 0), second)] * 60)
    reel.heard(50 * len(second))
    kept = 50 * len(second) - HEARD_KEPT_BYTES
    assert b"".join(base64.b64decode(payload) for _, payload in reel.after(0)) == second * 13
    assert reel.lately(50 * len(second), HEARD_KEPT_BYTES) == second * 2
    assert rest(reel, kept) == tape([(("item_1", 0), second)] * 12)
