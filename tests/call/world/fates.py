"""
What became of every item: received from the model, heard by the caller, cut in the model's memory.

What was received is counted where the call is told of it, what was heard is the telephone's own account, and what was
cut is counted in what the call commands. Nothing is asked of the ledger. What a clear threw away for nothing, and was
sent again, was not flushed.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.protocol.events import AudioDelta, AudioDone, ResponseDone, SpeechStarted
from gateway.protocol.inputs import TruncateItem
from tests.call.world.clears import clears
from tests.call.world.segments import recitals, spoken
from tests.call.world.shell import Entry
from tests.call.world.speech import Item
from tests.call.world.telephone import Chunk
from tests.call.world.told import course
from tests.call.world.world import Account

NEVER_MS = float("inf")


@dataclass(slots=True)
class Fate:
    """One item, from all sides."""

    item: Item
    recited: bool = False
    """Whether it must be heard, and is played again where it was cut short, unless its response fails."""
    must_hear: bool = False
    """Whether it did not fail."""
    received_bytes: int = 0
    """What of it the call was told while there was a model."""
    heard_bytes: int = 0
    flushed_bytes: int = 0
    ahead_bytes: int = 0
    """What was flushed in front of it, by the same clear."""
    flushed_ms: float = NEVER_MS
    """When a clear of a barge-in first threw away some of it."""
    taken_up: bool = False
    """Whether more of it arrived after that."""
    ended_ms: float = NEVER_MS
    """When the last of it was played, or flushed."""
    finished_ms: float = NEVER_MS
    """When the call was told that no more comes."""
    cut_off_ms: float = NEVER_MS
    """When its response was cut off, or when the call was told of it after that."""
    cuts_ms: list[int] = field(default_factory=list)
    cut_at_ms: list[float] = field(default_factory=list)
    """When the cuts were commanded."""

    @property
    def received_ms(self) -> float:
        """The length that the call knows of."""
        return self.received_bytes / 8

    @property
    def heard_ms(self) -> float:
        """The point that the caller reached."""
        return self.heard_bytes / 8

    @property
    def interrupted(self) -> bool:
        """Whether a clear threw some of it away, or the caller spoke before its response was over."""
        return self.flushed_bytes > 0 or self.cut_off_ms < NEVER_MS

    def __str__(self) -> str:
        return (
            f"{self.item.item_id}: received {self.received_ms:.1f} ms, heard {self.heard_ms:.1f}, "
            f"flushed {self.flushed_bytes / 8:.1f}, cut at {self.cuts_ms}"
        )


@lru_cache(maxsize=1)
def fates(account: Account) -> dict[str, Fate]:
    """The fate of every item that the call was told of."""
    recited, whole = spoken(account, must_hear=True), recitals(account)
    found = {
        name: Fate(item, item.response_id in recited, item.response_id in whole)
        for name, item in account.server.items.items()
    }
    _told(account.entries, found)
    _stopped(account, found)
    _played(account, list(found.values()))
    return {item_id: fate for item_id, fate in found.items() if fate.received_bytes}


def _told(entries: list[Entry], found: dict[str, Fate]) -> None:
    for entry, told in course(entries):
        if told.let_go or not told.opened:
            continue
        for fate in _concerned(entry, found):
            _one_told(entry, fate)
            if fate.received_bytes and fate.item.response_id in told.cut_off:
                fate.cut_off_ms = min(fate.cut_off_ms, entry.at_ms)
        _cut(entry, found)


def _concerned(entry: Entry, found: dict[str, Fate]) -> list[Fate]:
    """The items whose fate depends on what happened."""
    match entry.cause:
        case AudioDelta(item_id=item_id) | AudioDone(item_id=item_id):
            return [found[item_id]]
        case ResponseDone() | SpeechStarted():
            return list(found.values())
        case _:
            return []


def _one_told(entry: Entry, fate: Fate) -> None:
    match entry.cause:
        case AudioDelta(payload=payload):
            fate.received_bytes += len(payload) // 4 * 3 - payload.count("=")
        case AudioDone():
            fate.finished_ms = min(fate.finished_ms, entry.at_ms)
        case ResponseDone(response_id) if fate.item.response_id == response_id:
            fate.finished_ms = min(fate.finished_ms, entry.at_ms)
        case _:
            pass


def _cut(entry: Entry, found: dict[str, Fate]) -> None:
    for command in entry.commands:
        if isinstance(command, TruncateItem):
            found[command.item_id].cuts_ms.append(command.audio_end_ms)
            found[command.item_id].cut_at_ms.append(entry.at_ms)


def _stopped(account: Account, found: dict[str, Fate]) -> None:
    """What came while the agent was stopped is cut off with what was stopped."""
    stopped = [clear for clear in clears(account) if clear.stops and clear.cut_ms < NEVER_MS]
    for entry in account.entries if stopped else ():
        if isinstance(entry.cause, AudioDelta):
            fate = found[entry.cause.item_id]
            cut_ms = (clear.cut_ms for clear in stopped if clear.at_ms <= entry.at_ms <= clear.cut_ms)
            fate.cut_off_ms = min(fate.cut_off_ms, *cut_ms, NEVER_MS)


def _played(account: Account, found: list[Fate]) -> None:
    begins = [fate.item.tape_byte for fate in found]
    of_arrival = {clear.arrived_ms: clear for clear in clears(account)}
    flushed_bytes = dict.fromkeys(of_arrival, 0)
    for chunk in account.telephone.chunks:
        fate = found[bisect_right(begins, chunk.piece.start) - 1]
        _heard(chunk, fate)
        clear, unheard_bytes = of_arrival.get(chunk.flushed_ms), len(chunk.piece) - chunk.heard_bytes
        if unheard_bytes and clear is not None and clear.resumed_ms == NEVER_MS:
            if clear.cut_ms < NEVER_MS and not fate.flushed_bytes:
                fate.flushed_ms, fate.ahead_bytes = chunk.flushed_ms, flushed_bytes[chunk.flushed_ms]
            fate.flushed_bytes += unheard_bytes
            flushed_bytes[chunk.flushed_ms] += unheard_bytes


def _heard(chunk: Chunk, fate: Fate) -> None:
    """How far the caller has got in an item; it can be played again from an earlier point."""
    if chunk.heard_bytes:
        fate.heard_bytes = chunk.piece.start - fate.item.tape_byte + chunk.heard_bytes
    fate.ended_ms = chunk.ends_ms
    fate.taken_up = fate.taken_up or (fate.flushed_ms < chunk.begins_ms and chunk.flushed_ms != fate.flushed_ms)
