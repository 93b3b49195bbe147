"""
A call in virtual time between a ledger and a perfect telephone, drawn up from a seed.

The model speaks one to three items for each response, in deltas, several times faster than they are spoken, and may
stall in the middle; the caller cuts in at some moment of it, a few times in a call.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.audio.g711 import encoded_bytes, sliced
from gateway.playback import BargeIn, Cut, PlaybackLedger
from tests.playback.telephone import Net, Telephone, Wire, World

OUR_CLOCK_MS = 1_000_000.0
"""What our clock shows when the provider's shows nothing yet; the two have nothing to do with each other."""
RESPONSE_GAP_MS = 1_500.0
SLACK_MS = 1_500.0


@dataclass(frozen=True)
class Conditions:
    """What kind of call it is."""

    net: Net = field(default_factory=Net)
    delta_ms: tuple[int, ...] = (20, 100, 250, 1500)
    stall_ms: float = 0.0
    items: int = 3
    barge_ins: int = 3
    echo_flushed: bool = True
    stamped: bool = True
    """Whether the provider stamps the caller's frames."""


@dataclass
class Fate:
    """One item: what the model made of it, what the caller heard, and where it was cut."""

    generated_ms: float = 0.0
    heard_ms: float = 0.0
    cuts_ms: list[int] = field(default_factory=list)
    cut_off: bool = False
    """Whether the caller cut in before the end of its response."""


class Rehearsal:
    """Everything between the model and the caller's ear."""

    def __init__(self, seed: int, conditions: Conditions, ledger: PlaybackLedger) -> None:
        self.fates: dict[str, Fate] = {}
        self.barge_ins: list[BargeIn] = []
        self._rng = random.Random(seed)
        self._conditions = conditions
        self._ledger = ledger
        self._world = World()
        inbound, outbound = (Wire(self._world, conditions.net, self._rng) for _ in range(2))
        self._telephone = Telephone(
            self._world, inbound, outbound, self._frame, self._echo, clock_offset_ms=self._rng.uniform(0, 20)
        )
        self._cut_off: set[str] = set()

    def run(self) -> dict[str, Fate]:
        """Play the whole call; answers with the fate of every item."""
        ends_ms = self._schedule()
        self._telephone.begin(ends_ms + SLACK_MS)
        self._mark(self._ledger.opening_mark(now_ms=self._now_ms()))
        if not self._conditions.echo_flushed:
            self._telephone.flushed_are_echoed = False
        self._world.run(ends_ms + SLACK_MS)
        self._settle()
        self._telephone.hang_up()
        for item_id, heard_bytes in self._telephone.heard_bytes.items():
            self.fates[item_id].heard_ms = heard_bytes / 8
        return self.fates

    def _schedule(self) -> float:
        at_ms = self._rng.uniform(400, 1_500)
        for number in range(self._conditions.barge_ins):
            at_ms = self._schedule_response(f"r{number}", at_ms) + RESPONSE_GAP_MS
        return at_ms

    def _schedule_response(self, name: str, at_ms: float) -> float:
        """Speak a response, and cut in; answers with the moment at which both are over."""
        begins_ms, spoken_ms = at_ms, 0.0
        delta_ms = self._rng.choice(self._conditions.delta_ms)
        speed = self._rng.uniform(3, 10)
        for index in range(self._rng.randint(1, self._conditions.items)):
            deltas = max(1, int(self._rng.uniform(200, 5_000) / delta_ms))
            stalled = self._rng.randrange(deltas) if self._conditions.stall_ms else None
            for number in range(deltas):
                at_ms += self._conditions.stall_ms if number == stalled else 0.0
                last = number == deltas - 1
                self._world.at(at_ms, self._delta(name, f"{name}i{index}", delta_ms * 8, last=last))
                at_ms += delta_ms / speed
            spoken_ms += deltas * delta_ms
        cuts_in_ms = begins_ms + self._rng.uniform(0, spoken_ms + 400)
        self._world.at(cuts_in_ms, lambda: self._caller_speaks(name))
        return max(at_ms, cuts_in_ms)

    # The gateway's part, as a call plays it

    def _now_ms(self) -> float:
        return self._world.now_ms + OUR_CLOCK_MS

    def _delta(self, response: str, item_id: str, size_bytes: int, *, last: bool) -> Callable[[], None]:
        return lambda: self._speak(response, item_id, size_bytes, last=last)

    def _speak(self, response: str, item_id: str, size_bytes: int, *, last: bool) -> None:
        fate = self.fates.setdefault(item_id, Fate())
        fate.generated_ms += size_bytes / 8
        if response in self._cut_off:
            fate.cut_off = True
            self._ledger.received(item_id, 0, size_bytes)
            self._note(self._ledger.dropped(item_id, 0))
            return
        self._ledger.received(item_id, 0, size_bytes)
        self._mark(self._ledger.opening_mark(now_ms=self._now_ms()))
        for piece in sliced("A" * (-(-size_bytes // 3) * 4 - (-size_bytes % 3)) + "=" * (-size_bytes % 3)):
            self._telephone.media(item_id, encoded_bytes(piece))
            self._mark(self._ledger.sent(item_id, 0, encoded_bytes(piece), now_ms=self._now_ms()))
        if last:
            self._mark(self._ledger.finished(item_id, 0, now_ms=self._now_ms()))

    def _caller_speaks(self, response: str) -> None:
        self._cut_off.add(response)
        if not self._ledger.interruptible:
            return
        for item_id, fate in self.fates.items():
            fate.cut_off = fate.cut_off or item_id.startswith(response)
        self._mark(self._ledger.closing_mark(now_ms=self._now_ms()))
        self._telephone.clear()
        self._ledger.cleared(now_ms=self._now_ms())
        self._settle()

    def _frame(self, stamp_ms: int) -> None:
        if self._conditions.stamped:
            self._ledger.frame_received(stamp_ms, self._now_ms())
        self._settle()

    def _echo(self, name: str) -> None:
        self._ledger.echoed(name, self._now_ms())
        self._settle()

    def _settle(self) -> None:
        for barge_in in self._ledger.settle(self._now_ms()):
            self.barge_ins.append(barge_in)
            for cut in barge_in.cuts:
                self._note(cut)

    def _note(self, cut: Cut | None) -> None:
        if cut is not None:
            self.fates[cut.item_id].cuts_ms.append(cut.audio_end_ms)

    def _mark(self, name: str | None) -> None:
        if name is not None:
            self._telephone.mark(name)
