"""The truth about each item is exact, whatever was sent and cut."""

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sim.earpiece import BYTES_PER_MS, Earpiece
from gateway.sim.truth import Standing, Truth

SILENCE = b"\xff"


@dataclass(frozen=True, slots=True)
class Sent:
    """What the player knows of one chunk: it sent it."""

    item_id: str
    length_bytes: int
    start_ms: float


@dataclass
class Player:
    """Sends items to an earpiece as a gateway does, and knows what it sent."""

    generated: dict[str, bytes]
    earpiece: Earpiece = field(default_factory=Earpiece)
    sent: list[Sent] = field(default_factory=list)
    clears: list[tuple[float, int]] = field(default_factory=list)
    now_ms: float = 0

    def send(self, item_id: str, length_bytes: int, chunk_bytes: int) -> None:
        """Send the first part of an item, in chunks."""
        audio = self.generated[item_id][:length_bytes]
        for start in range(0, len(audio), chunk_bytes):
            chunk = self.earpiece.append(audio[start : start + chunk_bytes], self.now_ms)
            self.sent.append(Sent(item_id, len(chunk.audio), chunk.start_ms))

    def clear(self) -> None:
        """Throw away what is waiting."""
        self.earpiece.clear(self.now_ms)
        self.clears.append((self.now_ms, len(self.sent)))

    def heard_ms(self, at_ms: float, chunks: int) -> dict[str, float]:
        """What was heard of each item, from the player's own notes."""
        heard_ms: dict[str, float] = {}
        for index, sent in enumerate(self.sent[:chunks]):
            cut_ms = min((clear_ms for clear_ms, received in self.clears if index < received), default=at_ms)
            played_ms = min(max(min(cut_ms, at_ms) - sent.start_ms, 0), sent.length_bytes / BYTES_PER_MS)
            heard_ms[sent.item_id] = heard_ms.get(sent.item_id, 0) + played_ms
        return heard_ms


def item_audio(random: Random) -> bytes:
    """Silence, speech, silence, speech, silence: like every sentence."""
    parts = []
    for _ in range(random.randint(1, 3)):
        parts.append(SILENCE * random.choice([0, 0, 100, 160, 320, 400]))
        parts.append(random.randbytes(random.randint(60, 900)))
    return b"".join(parts) + SILENCE * random.choice([0, 0, 160, 250])


def random_call(seed: int) -> Player:
    """Several responses of several items, some cut off by a clear, some left unfinished by one."""
    random = Random(seed)
    player = Player({f"item_{index}": item_audio(random) for index in range(random.randint(1, 8))})
    for item_id, audio in player.generated.items():
        unfinished = random.random() < 0.3
        length_bytes = random.randint(len(audio) // 2, len(audio)) if unfinished else len(audio)
        player.send(item_id, length_bytes, random.choice([80, 160, 320, 1600, 10_000]))
        player.now_ms += random.randint(0, 200) + random.choice([0, 0.125, 0.5])
        if unfinished or random.random() < 0.3:
            player.clear()
            player.now_ms += random.randint(0, 50)
    return player


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_what_was_heard_of_each_item_is_exact_at_every_clear(seed: int) -> None:
    """
    Found by content alone, it equals what the sender of the audio wrote down, to the byte.
    """
    player = random_call(seed)
    truth = Truth(player.generated, player.earpiece)
    expected = [player.heard_ms(at_ms, chunks) for at_ms, chunks in player.clears]
    assert [truth.at_clear(index) for index in range(len(expected))] == expected
    assert truth.foreign_bytes() == 0


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_every_byte_sent_is_heard_or_discarded(seed: int) -> None:
    """
    Once everything has been played, heard and discarded together are what was sent.
    """
    player = random_call(seed)
    items = Truth(player.generated, player.earpiece).items()
    sent = {item_id: sum(s.length_bytes for s in player.sent if s.item_id == item_id) for item_id in items}
    assert {item_id: item.sent_bytes for item_id, item in items.items()} == sent
    assert all(item.heard_bytes + item.discarded_bytes == item.sent_bytes for item in items.values())


def test_a_clear_finds_items_finished_audible_and_queued() -> None:
    """
    At a barge-in one item was played, one is audible, and one waits behind it.
    """
    random = Random(1)
    player = Player({name: random.randbytes(800) for name in ("first", "second", "third", "later")})
    for item_id in ("first", "second", "third"):
        player.send(item_id, 800, 160)
    player.now_ms = 130
    player.clear()
    player.send("later", 800, 160)
    truth = Truth(player.generated, player.earpiece)
    assert truth.at_clear(0) == {"first": 100, "second": 30, "third": 0}
    assert truth.standing(0) == {
        "first": Standing.FINISHED,
        "second": Standing.AUDIBLE,
        "third": Standing.QUEUED,
    }
    assert truth.items()["later"].heard_ms == 100


def test_silence_after_a_clear_belongs_to_the_item_that_goes_on() -> None:
    """
    Silence could be the rest of the item that was cleared; what follows it tells whose it is.
    """
    random = Random(2)
    player = Player(
        {
            "cut": random.randbytes(160) + SILENCE * 1600 + random.randbytes(160),
            "next": SILENCE * 480 + random.randbytes(320),
        }
    )
    player.send("cut", 320, 160)
    player.now_ms = 30
    player.clear()
    player.send("next", 800, 160)
    items = Truth(player.generated, player.earpiece).items()
    assert (items["cut"].sent_bytes, items["next"].sent_bytes) == (320, 800)


def test_chunks_may_hold_the_end_of_one_item_and_the_beginning_of_the_next() -> None:
    """
    A gateway that cuts its output into equal frames, and fills up the last one, is understood.
    """
    random = Random(3)
    player = Player({"one": random.randbytes(250), "two": random.randbytes(250)})
    audio = b"".join(player.generated.values())
    for start in range(0, len(audio), 160):
        player.earpiece.append(audio[start : start + 160].ljust(160, SILENCE), 0)
    truth = Truth(player.generated, player.earpiece)
    assert [item.sent_bytes for item in truth.items().values()] == [250, 250]
    assert truth.foreign_bytes() == 640 - 500


def test_audio_of_no_item_is_foreign() -> None:
    """
    A tone that the gateway plays itself between two items is nobody's, and moves nothing.
    """
    random = Random(4)
    player = Player({"one": random.randbytes(320), "two": random.randbytes(320)})
    player.send("one", 320, 160)
    player.earpiece.append(random.randbytes(160), 0)
    player.send("two", 320, 160)
    truth = Truth(player.generated, player.earpiece)
    assert truth.foreign_bytes() == 160
    assert [item.heard_ms for item in truth.items(until_ms=80).values()] == [40, 20]


def test_silence_after_a_clear_belongs_to_the_next_item() -> None:
    """
    Where nothing follows to tell whose silence it is, what was cleared does not go on.
    """
    player = Player({"cut": Random(5).randbytes(160) + SILENCE * 1600, "next": SILENCE * 480 + b"speech"})
    player.send("cut", 320, 160)
    player.now_ms = 30
    player.clear()
    player.send("next", 160, 160)
    items = Truth(player.generated, player.earpiece).items()
    assert (items["cut"].sent_bytes, items["next"].sent_bytes) == (320, 160)


def test_what_is_taken_up_again_after_a_clear_counts_once() -> None:
    """
    An item that goes on near the byte at which it was cleared, or from its start, was heard as far as it was played.
    """
    random = Random(2)
    player = Player({name: random.randbytes(800) for name in ("stopped", "repeated")})
    player.send("stopped", 800, 160)
    player.now_ms = 50
    player.clear()
    player.earpiece.append(player.generated["stopped"][392:], player.now_ms)
    player.earpiece.append(player.generated["repeated"], player.now_ms)
    player.now_ms += 51 + 20
    player.clear()
    player.earpiece.append(player.generated["repeated"], player.now_ms)
    truth = Truth(player.generated, player.earpiece)
    assert truth.at_clear(1) == {"stopped": 100, "repeated": 20}
    assert {item_id: item.heard_ms for item_id, item in truth.items().items()} == {"stopped": 100, "repeated": 100}
    assert truth.foreign_bytes() == 0
