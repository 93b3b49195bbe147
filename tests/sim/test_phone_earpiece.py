"""Laws of the play-out buffer, against a model of it that plays one sample after the other."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gateway.sim.earpiece import BYTES_PER_MS, Dry, Earpiece

Step = tuple[int, str, int]
"""Samples that pass, then what happens, with how many bytes."""

STEPS = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from(["append", "append", "mark", "clear"]), st.integers(0, 400)),
    max_size=20,
)


@dataclass
class SampleBySample:
    """Takes one byte from a queue for each sample, and silence when it is empty."""

    heard: bytearray = field(default_factory=bytearray)
    queue: deque[int | str] = field(default_factory=deque)
    marks: list[tuple[int, str]] = field(default_factory=list)
    flushed: list[str] = field(default_factory=list)

    def pass_time(self, samples: int) -> None:
        for _ in range(samples):
            self.take_marks()
            sample = self.queue.popleft() if self.queue else 0xFF
            assert isinstance(sample, int)
            self.heard.append(sample)
        self.take_marks()

    def take_marks(self) -> None:
        while self.queue and isinstance(self.queue[0], str):
            self.marks.append((len(self.heard), self.queue.popleft()))  # type: ignore[arg-type]

    def clear(self) -> None:
        self.flushed += [name for name in self.queue if isinstance(name, str)]
        self.queue.clear()


def speech(length: int, seed: int) -> bytes:
    """Bytes that are never silence, and differ from chunk to chunk."""
    return bytes((seed * 31 + index) % 255 for index in range(length))


def play(steps: list[Step]) -> tuple[Earpiece, SampleBySample]:
    """Let the same happen to an earpiece and to its model."""
    earpiece, model = Earpiece(), SampleBySample()
    for index, (samples, kind, length) in enumerate(steps):
        model.pass_time(samples)
        now_ms = len(model.heard) / BYTES_PER_MS
        if kind == "append":
            earpiece.append(speech(length, index), now_ms)
            model.queue += speech(length, index)
        elif kind == "mark":
            earpiece.mark(str(index), now_ms)
            model.queue.append(str(index))
            model.take_marks()
        else:
            earpiece.take_due_marks(now_ms)
            earpiece.clear(now_ms)
            model.clear()
    return earpiece, model


@given(STEPS, st.integers(0, 500))
def test_the_caller_hears_every_sample_in_its_place(steps: list[Step], rest: int) -> None:
    """
    What was heard is what a player that takes one byte per sample would have played.
    """
    earpiece, model = play(steps)
    model.pass_time(rest)
    assert earpiece.heard(len(model.heard) / BYTES_PER_MS) == bytes(model.heard)


@given(STEPS)
def test_marks_are_due_when_the_audio_before_them_was_played(steps: list[Step]) -> None:
    """
    A mark is due at the very sample at which its turn comes, and marks keep their order.
    """
    earpiece, due = Earpiece(), []
    model = SampleBySample()
    for index, (samples, kind, length) in enumerate(step for step in steps if step[1] != "clear"):
        model.pass_time(samples)
        now_ms = len(model.heard) / BYTES_PER_MS
        if kind == "append":
            earpiece.append(speech(length, index), now_ms)
            model.queue += speech(length, index)
        else:
            due.append((earpiece.mark(str(index), now_ms), str(index)))
            model.queue.append(str(index))
    model.pass_time(20 * 400)
    assert due == [(sample / BYTES_PER_MS, name) for sample, name in model.marks]
    assert earpiece.take_due_marks(20 * 1000) == [name for _, name in due]


@given(STEPS)
def test_a_clear_flushes_the_pending_marks_in_order(steps: list[Step]) -> None:
    """
    A clear gives back the marks whose audio was not played, oldest first, and no other.
    """
    earpiece, model = play(steps)
    assert [name for clear in earpiece.clears for name in clear.flushed_marks] == model.flushed


@given(STEPS)
def test_no_byte_is_lost_from_the_account(steps: list[Step]) -> None:
    """
    Every byte received was played, was discarded by a clear, or is still waiting.
    """
    earpiece, model = play(steps)
    now_ms = len(model.heard) / BYTES_PER_MS
    received = sum(len(chunk.audio) for chunk in earpiece.chunks)
    played = sum(chunk.played_bytes(now_ms) for chunk in earpiece.chunks)
    discarded = sum(clear.discarded_bytes for clear in earpiece.clears)
    assert received == played + discarded + earpiece.queued_bytes(now_ms)


@given(STEPS)
def test_dry_is_every_time_without_audio(steps: list[Step]) -> None:
    """
    The dry periods are exactly the samples at which nothing was played.
    """
    earpiece, model = play(steps)
    dry = earpiece.dry_periods(len(model.heard) / BYTES_PER_MS)
    silent = {sample for sample, byte in enumerate(model.heard) if byte == 0xFF}
    assert {sample for period in dry for sample in range(int(period.from_ms * 8), int(period.to_ms * 8))} == silent


@given(STEPS, st.integers(1, 100))
def test_the_time_of_hearing_is_foretold(steps: list[Step], wanted_ms: int) -> None:
    """
    If nothing else happens, then at the time foretold that much has been played, and not before.
    """
    earpiece, model = play(steps)
    now_ms = len(model.heard) / BYTES_PER_MS
    due_ms = earpiece.will_have_played_ms(wanted_ms, now_ms)
    if due_ms is None:
        assert earpiece.played_ms_since_clear(float(10**6)) < wanted_ms
    elif due_ms > now_ms:
        assert earpiece.played_ms_since_clear(due_ms - 0.125) < wanted_ms
        assert earpiece.played_ms_since_clear(due_ms) == wanted_ms


def test_a_chunk_waits_for_the_one_before_it() -> None:
    """
    Chunks that come at once are played one after the other; a late one leaves a dry time before it.
    """
    earpiece = Earpiece()
    starts = [earpiece.append(bytes(800), at_ms).start_ms for at_ms in (0, 0, 250)]
    assert starts == [0, 100, 250]
    assert earpiece.dry_periods(400) == [Dry(200, 250), Dry(350, 400)]


def test_the_end_of_the_stream_is_no_clear() -> None:
    """
    When the stream ends, nothing more is heard and no mark comes back; what was heard stays counted.
    """
    earpiece = Earpiece()
    earpiece.append(bytes(800), 0)
    earpiece.mark("end", 0)
    assert earpiece.stop(40) == 480
    assert (earpiece.clears, earpiece.next_mark_ms(), earpiece.played_ms_since_clear(100)) == ([], None, 40)


def test_a_full_buffer_refuses_the_excess() -> None:
    """
    What does not fit is discarded and counted; what is queued stays.
    """
    earpiece = Earpiece(capacity_bytes=1000)
    kept = [earpiece.append(bytes(600), 0).kept_bytes for _ in range(3)]
    assert kept == [600, 400, 0]
    assert (earpiece.overflows, earpiece.overflown_bytes) == (2, 800)
