"""
The laws of words that must be heard: they are heard whole, from their start to their end, and there is one receipt.

The times of a receipt are the telephone's own, as near as its marks let them be known.
"""

from collections.abc import Iterator

from gateway.call.commands import ClearAudio, CloseModel, NoteReceipt, PlayAudio
from gateway.call.segments import Receipt
from gateway.protocol.events import ResponseDone, SpeechStarted, SpeechStopped
from gateway.protocol.inputs import CancelResponse, TruncateItem
from tests.call.world import tape
from tests.call.world.accuracy import limit_ms
from tests.call.world.clears import NEVER_MS
from tests.call.world.segments import recitals
from tests.call.world.telephone import FRAME_MS, Chunk
from tests.call.world.told import course
from tests.call.world.world import Account

SETTLED_MS = 1_000.0
"""After so long, and two round trips, what was to be said again is on its way."""


def what_must_be_heard_is_not_forgotten(account: Account) -> Iterator[str]:
    """No response that speaks words that must be heard is cancelled, and none of its items is cut."""
    must_hear = recitals(account)
    items = {item.item_id for item in account.server.items.values() if item.response_id in must_hear}
    for entry in account.entries if must_hear else ():
        for command in entry.commands:
            cancelled = isinstance(command, CancelResponse) and command.response_id in must_hear
            if cancelled or (isinstance(command, TruncateItem) and command.item_id in items):
                yield f"{entry.at_ms:.1f} ms: {command} of words that must be heard"


def what_must_be_heard_is_heard(account: Account) -> Iterator[str]:
    """Soon after the caller or a guardrail has cut in, all of it was played from its start, or waits in the queue."""
    let_go_ms = next((entry.at_ms for entry in account.entries if CloseModel() in entry.commands), 0.0)
    settled_ms = SETTLED_MS + 4 * account.conditions.phone_net.delay_ms
    for response_id in recitals(account):
        by_ms = max(_calm_ms(account, let_go_ms), _done_ms(account, response_id)) + settled_ms
        if let_go_ms > by_ms and _bytes(account, response_id) and not _last_run(account, response_id, waiting=True):
            yield f"{response_id} was not heard whole by {let_go_ms:.1f} ms, and will not be"


def what_a_guardrail_flushed_is_played_again(account: Account) -> Iterator[str]:
    """At once and from its start, if it must be heard and the caller is silent."""
    starts = {said: said.start for name in recitals(account) if (said := _bytes(account, name))}
    queues = iter(account.telephone.queues)
    for entry, told in course(account.entries) if starts else ():
        queue = next(queues, []) if ClearAudio() in entry.commands else []
        if not entry.tripped or told.caller_speaks:
            continue
        played = {tape.locate(done.payload).start for done in entry.commands if isinstance(done, PlayAudio)}
        flushed = (chunk.piece.start for chunk in queue if _left_ms(chunk) > limit_ms(account.conditions))
        cut = {start for at in flushed for said, start in starts.items() if at in said}
        if cut - played:
            yield f"{entry.at_ms:.1f} ms: a guardrail flushed what must be heard, and it is not played again"


def _left_ms(chunk: Chunk) -> float:
    return (len(chunk.piece) - chunk.heard_bytes) / 8


def _calm_ms(account: Account, let_go_ms: float) -> float:
    """When the caller fell silent, or a guardrail cut later; never, if the caller spoke to the end."""
    spoke_ms = cut_ms = 0.0
    for entry in account.entries:
        if isinstance(entry.cause, SpeechStarted | SpeechStopped) and entry.at_ms <= let_go_ms:
            spoke_ms = entry.at_ms if isinstance(entry.cause, SpeechStopped) else NEVER_MS
        cut_ms = entry.at_ms if entry.tripped else cut_ms
    return max(spoke_ms, cut_ms)


def _done_ms(account: Account, response_id: str) -> float:
    done = (
        entry.at_ms
        for entry in account.entries
        if isinstance(entry.cause, ResponseDone) and entry.cause.response_id == response_id
    )
    return next(done, NEVER_MS)


def _bytes(account: Account, response_id: str) -> range:
    """The place on the tape of all that a response has said."""
    items = [item for item in account.server.items.values() if item.response_id == response_id and item.generated_bytes]
    return range(items[0].tape_byte, items[-1].tape_byte + items[-1].generated_bytes) if items else range(0)


def _last_run(account: Account, response_id: str, *, waiting: bool = False) -> list[Chunk]:
    """The telephone's last playing of a response, if all of it was heard, as far as can be told, or waits."""
    said, cleared_ms = _bytes(account, response_id), set(account.telephone.cleared_ms)
    run: list[Chunk] = []
    end_byte = -1
    for chunk in account.telephone.chunks:
        if chunk.piece.start not in said:
            continue
        if chunk.piece.start == said.start:
            run = []
        whole = waiting and chunk.flushed_ms not in cleared_ms
        kept_bytes = len(chunk.piece) if whole else chunk.heard_bytes
        if kept_bytes:
            run.append(chunk)
            end_byte = chunk.piece.start + kept_bytes
    unsure_bytes = limit_ms(account.conditions) * 8
    return run if run and run[0].piece.start == said.start and said.stop - end_byte <= unsure_bytes else []


def there_is_one_receipt(account: Account) -> Iterator[str]:
    """For every segment at most one, for what was heard, and its times are those at which it was heard."""
    receipts = [done.receipt for entry in account.entries for done in entry.commands if isinstance(done, NoteReceipt)]
    if len({receipt.segment for receipt in receipts}) < len(receipts):
        yield f"more than one receipt for a segment: {receipts}"
    runs = {segment.id: _last_run(account, name) for name, segment in recitals(account).items()}
    for receipt in receipts:
        run = runs.get(receipt.segment)
        if not run:
            yield f"{receipt} for what was not heard"
        elif breach := _wrong_times(account, receipt, run):
            yield f"{receipt}: {breach}"


def _wrong_times(account: Account, receipt: Receipt, run: list[Chunk]) -> str:
    most_ms, offset_ms = limit_ms(account.conditions) + 1, account.telephone.clock_offset_ms
    if not account.conditions.phone.stamped:
        most_ms += account.conditions.phone_net.delay_ms + FRAME_MS
    from_ms, until_ms = run[0].begins_ms - offset_ms, run[-1].ends_ms - offset_ms
    if abs(receipt.from_ms - from_ms) > most_ms or abs(receipt.until_ms - until_ms) > most_ms:
        return f"it was heard from {from_ms:.1f} to {until_ms:.1f} ms"
    if receipt.acked_ms < run[-1].ends_ms - most_ms:
        return f"it was acknowledged before {run[-1].ends_ms:.1f} ms, when it had been heard"
    return ""


SEGMENT_LAWS = (
    what_must_be_heard_is_not_forgotten,
    what_must_be_heard_is_heard,
    what_a_guardrail_flushed_is_played_again,
    there_is_one_receipt,
)
