"""
What a server says in one response, made up beforehand: each event, and how long it takes to come.

A response has one to three items of speech, and at times function calls before or behind them, or nothing else; it can
fail, before it has said anything or in the middle. Which of the events are forgotten or said twice is a habit of the
server.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    ErrorReceived,
    FunctionCalled,
    RealtimeEvent,
    ResponseCreated,
    ResponseDone,
    TranscriptDelta,
)
from tests.call.world import tape
from tests.call.world.conditions import ModelHabits

HANG_UP = "hang_up"
SAID = "as I was saying"
PORTION = ", ".join([SAID] * 7)
SHORTEST_DELTA_BYTES = 160
TAPE_KEPT_BYTES = 1_000_000
"""With less of the tape left, the server has nothing more to say."""


class Step(NamedTuple):
    """An event of a response, so long after the one before."""

    after_ms: float
    event: RealtimeEvent


@dataclass(slots=True)
class Item:
    """One item as the server has it."""

    item_id: str
    response_id: str
    tape_byte: int
    """Where on the tape it begins."""
    planned_bytes: int
    generated_bytes: int = 0
    kept_ms: int | None = None
    """Where it was cut."""

    @property
    def tape_range(self) -> range:
        """Its place on the tape."""
        return range(self.tape_byte, self.tape_byte + self.planned_bytes)


@dataclass(slots=True)
class Author:
    """Makes up responses."""

    habits: ModelHabits
    rng: Random
    dice: Random = field(init=False)
    """For what is called, so that a server that has but one tool says the same whatever others have."""
    items: dict[str, Item] = field(default_factory=dict)
    """Every item of speech that was ever thought of."""
    calls: int = 0
    """How many functions were called."""
    _tape_byte: int = 0

    def __post_init__(self) -> None:
        self.dice = Random(repr(self.habits))

    def response(self, response_id: str) -> list[Step]:
        """All that comes of one response, its end included."""
        steps = [*self._created(response_id), *self._said(response_id)]
        if self._happens(self.habits.fails):
            del steps[self.rng.randint(1, len(steps)) :]
            steps.append(Step(20, ResponseDone(response_id, "failed", error_code="rate_limit_exceeded")))
        else:
            steps.append(Step(20, ResponseDone(response_id, "completed")))
        return steps

    def _happens(self, share: float) -> bool:
        return self.rng.random() < share

    def _created(self, response_id: str) -> Iterator[Step]:
        created = Step(0, ResponseCreated(response_id))
        if not self._happens(self.habits.forgets_created):
            yield created
        if self._happens(self.habits.doubles_created):
            yield created

    def _said(self, response_id: str) -> Iterator[Step]:
        early = list(self._calls(response_id)) if self.dice.random() < self.habits.calls_early else []
        wait_ms = self.rng.uniform(*self.habits.first_audio_ms)
        yield Step(wait_ms, TranscriptDelta(response_id, "", "Well"))
        yield from early
        if not early or self.dice.random() < 0.5:
            yield from self._spoken(response_id)
        if self._happens(self.habits.errors):
            yield Step(0, ErrorReceived("server_error", "Something went wrong."))
        if self._happens(self.habits.calls_functions):
            yield from self._calls(response_id)
        if self.habits.hangs_up and self._happens(self.habits.hangs_up):
            yield self._called(response_id, HANG_UP)

    def _spoken(self, response_id: str) -> Iterator[Step]:
        for index in range(self.rng.randint(1, 3)):
            if len(tape.tape()) - self._tape_byte > TAPE_KEPT_BYTES:
                yield from self._item(self._new_item(f"{response_id}i{index}", response_id))

    def _calls(self, response_id: str) -> Iterator[Step]:
        for _ in range(self.dice.randint(1, self.habits.calls_at_once)):
            step = self._called(response_id, self.dice.choice(self.habits.tools))
            yield from [step] * (2 if self.dice.random() < self.habits.doubles_calls else 1)

    def _called(self, response_id: str, name: str) -> Step:
        self.calls += 1
        return Step(50, FunctionCalled(response_id, f"{response_id}f{self.calls}", f"call_{self.calls}", name, "{}"))

    def _new_item(self, item_id: str, response_id: str) -> Item:
        planned_bytes = int(self.rng.uniform(*self.habits.item_ms) * 8)
        item = self.items[item_id] = Item(item_id, response_id, self._tape_byte, planned_bytes)
        self._tape_byte += planned_bytes
        return item

    def _item(self, item: Item) -> Iterator[Step]:
        speed = self.rng.uniform(*self.habits.speed)
        yield Step(0, TranscriptDelta(item.response_id, item.item_id, SAID))
        deltas = list(self._deltas(item))
        stalls_at = self.rng.randrange(len(deltas)) if self._happens(self.habits.stalls) else None
        for number, piece in enumerate(deltas):
            stall_ms = self.rng.uniform(200, 3_000) if number == stalls_at else 0.0
            if number < self.habits.portions:
                yield Step(0, TranscriptDelta(item.response_id, item.item_id, PORTION))
            delta = AudioDelta(item.response_id, item.item_id, 0, tape.cut(piece.start, piece.stop))
            yield Step(stall_ms + len(piece) / 8 / speed, delta)
        if not self._happens(self.habits.forgets_done):
            yield Step(5, AudioDone(item.response_id, item.item_id, 0))

    def _deltas(self, item: Item) -> Iterator[range]:
        at_byte, end_byte = item.tape_range.start, item.tape_range.stop
        while at_byte < end_byte:
            to_byte = at_byte + self.rng.choice(self.habits.delta_ms) * 8 + self.rng.randrange(8)
            if to_byte > end_byte - SHORTEST_DELTA_BYTES:
                to_byte = end_byte
            yield range(at_byte, to_byte)
            at_byte = to_byte
