"""
The laws of the model's memory: it holds what the caller heard, no more and hardly less.

How near a cut must come depends on what the provider lets be known. On an even network that echoes marks it is the very
millisecond; jitter and each of the provider's habits have a limit of their own, measured and rounded up.
"""

from collections.abc import Iterator

from gateway.call.commands import CloseModel, NoteBargeIn, NoteRoundTrip
from tests.call.world.clears import clears
from tests.call.world.conditions import Conditions, PhoneHabits
from tests.call.world.fates import NEVER_MS, Fate, fates
from tests.call.world.telephone import LONGEST_HOLD_MS
from tests.call.world.world import Account

EVEN_LIMIT_MS = 1.0
"""Cuts are floored to whole ms."""
SAMPLE_MS = 0.125
FRAME_MS = 20.0


def limit_ms(conditions: Conditions) -> float:
    """
    How far a cut may be from what was heard.

    Echoes are dated by the frames around them, and audio that finds an empty queue begins when it arrives.
    """
    net, phone = conditions.phone_net, conditions.phone
    limit_ms = FRAME_MS + 1.05 * net.jitter_ms if net.jitter_ms else EVEN_LIMIT_MS
    if phone.holds_marks:
        return limit_ms + 2.5 * LONGEST_HOLD_MS
    if not phone.stamped:
        limit_ms += 3 * net.jitter_ms
    if phone.loses_marks:
        return limit_ms + FRAME_MS + 2 * net.delay_ms
    if net.jitter_ms and phone != PhoneHabits():
        return limit_ms + FRAME_MS
    return limit_ms


def errors_ms(account: Account) -> list[float]:
    """How far each cut is from what was heard, of items that were heard at all: above nothing when it is ahead."""
    return [fate.cuts_ms[0] - fate.heard_ms for fate in fates(account).values() if fate.cuts_ms and fate.heard_bytes]


def cuts_are_where_the_caller_was(account: Account) -> Iterator[str]:
    """An item is cut at the point that the caller had reached."""
    most_ms = limit_ms(account.conditions)
    for fate in fates(account).values():
        if fate.cuts_ms and not -most_ms < fate.cuts_ms[0] - fate.heard_ms <= most_ms - EVEN_LIMIT_MS + SAMPLE_MS:
            yield f"{fate}, off by {most_ms} ms or more"


def the_unheard_is_cut_once(account: Account) -> Iterator[str]:
    """An item that was cut short is cut once, unless it must be heard; if the server's own count is less, once more."""
    settled_ms = _settled_until_ms(account)
    for fate in fates(account).values():
        if len(fate.cuts_ms) > (2 if account.conditions.model.missing_tail_ms else 1):
            yield f"{fate}, too often"
        unheard_ms = fate.received_ms - fate.heard_ms
        known_ms = min(fate.cut_off_ms, fate.flushed_ms)
        forgotten = fate.cuts_ms or fate.recited
        if known_ms < settled_ms and not forgotten and unheard_ms > limit_ms(account.conditions):
            yield f"{fate}, left whole"


def _settled_until_ms(account: Account) -> float:
    """When the first barge-in was made whose outcome came too late for the model, or never."""
    cleared_ms = [clear.at_ms for clear in clears(account) if clear.cut_ms < NEVER_MS]
    let_go_ms = next((entry.at_ms for entry in account.entries if CloseModel() in entry.commands), NEVER_MS)
    settled = sum(
        isinstance(done, NoteBargeIn) for entry in account.entries for done in entry.commands if entry.at_ms < let_go_ms
    )
    return cleared_ms[settled] if settled < len(cleared_ms) else NEVER_MS


def what_was_never_reached_is_cut_at_its_start(account: Account) -> Iterator[str]:
    """Of an item that was still queued behind another the model remembers nothing."""
    for fate in fates(account).values():
        queued = not fate.heard_bytes and fate.ahead_bytes / 8 > limit_ms(account.conditions)
        if queued and fate.cuts_ms not in ([], [0]):
            yield f"{fate}, with {fate.ahead_bytes / 8:.1f} ms in front of it"


def what_was_heard_whole_is_left_alone(account: Account) -> Iterator[str]:
    """A needless cut strips an item of its text; only what the caller cut short is cut."""
    for fate in fates(account).values():
        if fate.cuts_ms and not fate.interrupted and not _barely_over(account, fate):
            yield f"{fate}, needlessly"
        if fate.cuts_ms and _over_before(account, fate):
            yield f"{fate}, though it was over at {fate.ended_ms:.1f} ms"


def _barely_over(account: Account, fate: Fate) -> bool:
    """Whether a clear came so soon after the end of an item that nobody can tell."""
    most_ms = limit_ms(account.conditions) + 1
    return any(0 <= at_ms - fate.ended_ms <= most_ms for at_ms in account.telephone.cleared_ms)


def _over_before(account: Account, fate: Fate) -> bool:
    """Whether an item was over, as everyone knew, well before what may have cut it."""
    over_ms = max(fate.ended_ms + limit_ms(account.conditions), fate.finished_ms)
    cleared_ms = [clear.arrived_ms for clear in clears(account) if clear.at_ms <= fate.cut_at_ms[0]]
    cut_off_ms = min([fate.cut_off_ms, *cleared_ms[-1:]])
    return not fate.flushed_bytes and fate.heard_bytes == fate.received_bytes and over_ms < cut_off_ms


def the_ledger_never_runs_ahead(account: Account) -> Iterator[str]:
    """Of every item heard <= sent <= received; and what was not cut was heard as far as the ledger says."""
    found = fates(account)
    known = ((item_id, item) for (item_id, _), item in account.ledger.items.items() if item_id in found)
    for item_id, item in known:
        if not item.heard_bytes <= item.sent_bytes <= item.received_bytes:
            yield f"{item}: heard <= sent <= received is not so"
        ahead_ms = (item.heard_bytes - found[item_id].heard_bytes) / 8
        if not item.truncated and ahead_ms > limit_ms(account.conditions):
            yield f"{item}: the ledger is {ahead_ms:.1f} ms ahead of what was heard"


def round_trips_are_the_networks(account: Account) -> Iterator[str]:
    """On an even network a mark that is not held up takes there and back as long as the network does, and no longer."""
    net, phone = account.conditions.phone_net, account.conditions.phone
    due_ms = 2 * net.delay_ms
    for entry in account.entries if not (net.jitter_ms or phone.holds_marks) else ():
        for done in entry.commands:
            if isinstance(done, NoteRoundTrip) and abs(done.round_trip_ms - due_ms) > EVEN_LIMIT_MS:
                yield f"{entry.at_ms:.1f} ms: {done}, over a network that takes {due_ms} ms"


ACCURACY_LAWS = (
    cuts_are_where_the_caller_was,
    the_unheard_is_cut_once,
    what_was_never_reached_is_cut_at_its_start,
    what_was_heard_whole_is_left_alone,
    the_ledger_never_runs_ahead,
    round_trips_are_the_networks,
)
