"""A stream that ends while the call does not: what was heard of it, and a queue that begins anew."""

from gateway.playback import PlaybackLedger
from gateway.playback.items import Cut
from gateway.playback.marks import parse_mark_name

BEGAN_MS = 5_000.0
BYTES_PER_MS = 8


def frames(ledger: PlaybackLedger, from_ms: int, to_ms: int, *, began_ms: float = BEGAN_MS) -> None:
    """Frames of the caller come in, on an even network without delay."""
    for stamp_ms in range(from_ms, to_ms, 20):
        ledger.frame_received(stamp_ms, began_ms + stamp_ms)


def sends(ledger: PlaybackLedger, item_id: str, length_ms: int, *, now_ms: float = BEGAN_MS) -> list[str]:
    """An item is received, and handed on whole, in slices of 100 ms; the marks that go with it."""
    names = [ledger.opening_mark(now_ms=now_ms)]
    ledger.received(item_id, 0, length_ms * BYTES_PER_MS)
    names += [ledger.sent(item_id, 0, 100 * BYTES_PER_MS, now_ms=now_ms) for _ in range(length_ms // 100)]
    return [name for name in (*names, ledger.finished(item_id, 0, now_ms=now_ms)) if name]


def playing(heard_ms: int) -> PlaybackLedger:
    """Two items were sent at the beginning of a stream that has ended *heard_ms* later."""
    ledger = PlaybackLedger()
    frames(ledger, 0, 20)
    marks = [*sends(ledger, "item_1", 1_000), *sends(ledger, "item_2", 1_000)]
    for index in range(min(heard_ms, 2_000) // 100):
        frames(ledger, max(20, 100 * index), 100 * (index + 1))
        ledger.echoed(marks[index + 1], BEGAN_MS + 100 * (index + 1))
    frames(ledger, max(20, 100 * (min(heard_ms, 2_000) // 100)), heard_ms)
    return ledger


def test_items_are_cut_where_the_stream_ended() -> None:
    """
    To the frame: the audible one there, the ones behind it at zero, and those that were heard whole not at all.
    """
    for heard_ms in (250, 640, 900):
        barge_ins, (first, second) = playing(heard_ms).exchanged(BEGAN_MS + heard_ms)
        assert not barge_ins
        assert (first.item_id, second) == ("item_1", Cut("item_2", 0, 0))
        assert abs(first.audio_end_ms - heard_ms) <= 20
    _, (cut,) = playing(1_400).exchanged(BEGAN_MS + 1_400)
    assert cut.item_id == "item_2"
    assert abs(cut.audio_end_ms - 400) <= 20
    assert playing(2_100).exchanged(BEGAN_MS + 2_100) == ([], ())


def test_a_barge_in_that_is_under_way_is_settled_with_it() -> None:
    """
    By what is known by then, and once: nothing is left for the next stream.
    """
    ledger = playing(640)
    ledger.cleared(now_ms=BEGAN_MS + 640)
    ((barge_in,), cuts) = ledger.exchanged(BEGAN_MS + 680)
    assert (barge_in.settled_by, cuts) == ("clock", ())
    assert [cut.item_id for cut in barge_in.cuts] == ["item_1", "item_2"]
    assert abs(barge_in.cuts[0].audio_end_ms - 640) <= 20
    assert not ledger.settling
    assert ledger.settle(BEGAN_MS + 60_000) == []


def test_the_next_stream_begins_anew_in_the_same_accounts() -> None:
    """
    Its clock starts at zero, its marks have names of their own, and no mark of the old one counts.
    """
    ledger = playing(640)
    old = {f"e0.{ordinal}" for ordinal in range(100)}
    ledger.exchanged(BEGAN_MS + 640)
    began_ms = BEGAN_MS + 9_000
    frames(ledger, 0, 20, began_ms=began_ms)
    marks = sends(ledger, "item_3", 500, now_ms=began_ms)
    assert not old & {*marks}
    assert {(parse_mark_name(name) or (0, 0))[0] for name in marks} == {1}
    for name in sorted(old):
        ledger.echoed(name, began_ms + 20)
    frames(ledger, 20, 240, began_ms=began_ms)
    assert ledger.items["item_3", 0].heard_bytes == 0
    assert abs(ledger.position_byte(began_ms + 220) / BYTES_PER_MS - 220) <= 20
    assert [*ledger.items] == [("item_1", 0), ("item_2", 0), ("item_3", 0)]
    assert ledger.interruptible
