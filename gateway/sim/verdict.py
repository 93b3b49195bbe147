"""
Was the agent's memory cut where the caller cut in? The judgement of a whole call, item by item.

The phone knows what was played of every item and the server knows what it was told to forget. An item that was cut off,
by a clear or before all of it was sent, must have been truncated at what was heard; one that was heard whole must not
have been truncated at all.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.sim.earpiece import Earpiece
from gateway.sim.realtime import Session
from gateway.sim.truth import ItemTruth, Standing, Truth

WHOLE_WITHIN_MS = 25
"""An item of which no more than this went unheard may pass for heard whole."""


class Judgement(StrEnum):
    """What became of an item."""

    WHOLE = "heard whole"
    CUT = "cut"
    UNFINISHED = "call ended"
    MISSING = "missing"
    """Cut off while it was heard, and not truncated."""
    LEFT_WHOLE = "left whole"
    """Never heard, and not truncated."""
    WRONG = "wrong"
    """Heard whole, and truncated all the same."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One item of the agent."""

    item_id: str
    generated_ms: float
    sent_ms: float
    heard_ms: float
    truncated_ms: int | None
    """Where the server was told to cut it; None when it was not."""
    judgement: Judgement

    @property
    def error_ms(self) -> float | None:
        """How far the cut is from what was heard; positive when too late."""
        return None if self.truncated_ms is None else self.truncated_ms - self.heard_ms

    @property
    def right(self) -> bool:
        """Whether nothing is wrong with it, the size of the error aside."""
        return self.judgement in {Judgement.WHOLE, Judgement.CUT, Judgement.UNFINISHED}


def judge(session: Session, earpiece: Earpiece, *, whole_within_ms: float = WHOLE_WITHIN_MS) -> list[Verdict]:
    """
    Hold what the server was told against what the phone has played.

    Of an item that passes for heard whole no more than *whole_within_ms* went unheard.
    """
    generated = {
        item.id: b"".join(bytes(part.generated) for part in item.parts)
        for item in session.items
        if item.role == "assistant"
    }
    truth = Truth({item_id: audio for item_id, audio in generated.items() if audio}, earpiece)
    standings = [truth.standing(index) for index in range(len(earpiece.clears))]
    accepted = {cut.item_id: cut.audio_end_ms for cut in session.truncations if cut.outcome == "accepted"}
    refused = {cut.item_id for cut in session.truncations} - accepted.keys()
    return [
        _verdict(
            item_id,
            item,
            accepted.get(item_id),
            _fate(item_id in refused, _cut_off(item_id, item, standings), item.heard_ms > 0),
            whole_within_ms,
        )
        for item_id, item in truth.items().items()
    ]


def _cut_off(item_id: str, item: ItemTruth, standings: list[dict[str, Standing]]) -> bool:
    """Whether it was the caller who cut it off, and not the end of the call."""
    known = [standing[item_id] for standing in standings if item_id in standing]
    waiting = any(standing is not Standing.FINISHED for standing in known)
    return waiting or (item.sent_bytes < item.generated_bytes and bool(known or not item.sent_bytes))


def _fate(refused: bool, cut_off: bool, heard: bool) -> Judgement:
    """What became of an item that was not truncated and not heard whole."""
    if refused:
        return Judgement.REFUSED
    if not cut_off:
        return Judgement.UNFINISHED
    return Judgement.MISSING if heard else Judgement.LEFT_WHOLE


def _verdict(item_id: str, item: ItemTruth, cut_ms: object, fate: Judgement, whole_within_ms: float) -> Verdict:
    truncated_ms = cut_ms if isinstance(cut_ms, int) else None
    generated_ms = item.generated_bytes / 8
    unheard_ms = generated_ms - item.heard_ms
    if truncated_ms is not None:
        fate = Judgement.CUT if unheard_ms else Judgement.WRONG
    elif fate is not Judgement.REFUSED and unheard_ms <= whole_within_ms:
        fate = Judgement.WHOLE
    return Verdict(item_id, generated_ms, item.sent_bytes / 8, item.heard_ms, truncated_ms, fate)
