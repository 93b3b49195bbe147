"""
The laws of turns, where the gateway decides whose turn it is.

While it is open who spoke nothing is forgotten; it is open for 400 ms at most. Whoever really speaks is answered, once,
and what may not be cut is not cut.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.call.commands import CloseModel, NoteDismissed, PlayAudio
from gateway.protocol.events import (
    AudioDelta,
    CallerTranscript,
    ErrorReceived,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import CancelResponse, CreateResponse, TruncateItem
from tests.call.world.clears import NEVER_MS, Clear, clears
from tests.call.world.errands import answered_turns
from tests.call.world.segments import spoken
from tests.call.world.server import WORDS
from tests.call.world.shell import Entry
from tests.call.world.speech import Item
from tests.call.world.telephone import FRAME_MS, Chunk
from tests.call.world.told import course
from tests.call.world.world import Account

ANSWER = CreateResponse()
DECIDED_MS = 400.0
MARKED_MS = 250.0
"""No later than this, and a round trip, it is known that an item has begun to be heard."""
LOOKED_AGAIN_MS = 400.0
"""After which what was dismissed, and goes on, is looked at again."""
WORDS_MS = 1_000
"""Who says so much, says something."""


def a_question_is_soon_answered(account: Account) -> Iterator[str]:
    """Within 400 ms of the sound that stopped the agent, or the next, it is known whether the caller wants to speak."""
    let_go_ms = next((entry.at_ms for entry in account.entries if CloseModel() in entry.commands), NEVER_MS)
    starts_ms = [entry.at_ms for entry in account.entries if isinstance(entry.cause, SpeechStarted)]
    for clear in clears(account):
        by_ms = min(let_go_ms, clear.decided_ms)
        asked_ms = max((at_ms for at_ms in starts_ms if clear.at_ms <= at_ms <= by_ms), default=clear.at_ms)
        if by_ms > asked_ms + DECIDED_MS + FRAME_MS:
            yield f"who stopped the agent at {clear.at_ms:.1f} ms was not known by {by_ms:.1f} ms"


def nothing_is_forgotten_before_the_decision(account: Account) -> Iterator[str]:
    """As long as it is open who spoke, nothing of what was stopped is cut or cancelled."""
    stopped = deque(clear for clear in clears(account) if clear.stops)
    sent: set[str] = set()
    barge_ins = 0
    for entry, _ in course(account.entries) if stopped else ():
        if stopped and min(stopped[0].over_ms, stopped[0].decided_ms) <= entry.at_ms:
            stopped.popleft()
        for command in entry.commands if stopped and stopped[0].at_ms <= entry.at_ms else ():
            if isinstance(command, CancelResponse) or (isinstance(command, TruncateItem) and command.item_id in sent):
                yield f"{entry.at_ms:.1f} ms: {command}, before it was known who spoke"
        if entry.barge_ins > barge_ins or entry.tripped:
            barge_ins = entry.barge_ins
            sent.clear()
        if isinstance(entry.cause, AudioDelta) and any(isinstance(done, PlayAudio) for done in entry.commands):
            sent.add(entry.cause.item_id)


def what_is_off_is_never_cut(account: Account) -> Iterator[str]:
    """Where the caller cannot cut in, only guardrails throw away what is heard; or at all, if that is so always."""
    plan, words = account.conditions.plan, spoken(account)
    modes = {plan.barge_in, *(segment.barge_in for segment in plan.segments)}
    for clear, queue in zip(clears(account), account.telephone.queues, strict=False):
        if clear.tripped:
            continue
        if plan.takes_turns and modes == {"off"}:
            yield f"a clear at {clear.at_ms:.1f} ms"
        item = _surely_heard(account, queue, clear)
        segment = words.get(item.response_id) if item else None
        if item and plan.takes_turns and (segment.barge_in if segment else plan.barge_in) == "off":
            yield f"{item.item_id} was heard and not to be cut, and there was a clear at {clear.at_ms:.1f} ms"


def _surely_heard(account: Account, queue: list[Chunk], clear: Clear) -> Item | None:
    """The item of which a clear threw something away while it was heard, if it had begun long enough before."""
    net, items = account.conditions.phone_net, list(account.server.items.values())
    known_ms = 2 * (net.delay_ms + net.jitter_ms) + MARKED_MS
    cut = next((chunk for chunk in queue if 0 < chunk.heard_bytes < len(chunk.piece)), None)
    if cut is None or account.conditions.faults:
        return None
    item = items[bisect_right([item.tape_byte for item in items], cut.piece.start) - 1]
    began_ms = next(chunk.begins_ms for chunk in queue if chunk.piece.start in item.tape_range)
    return item if began_ms < clear.at_ms - known_ms else None


@dataclass(slots=True)
class Reasons:
    """Whether something has happened since the last answer that another may be asked for."""

    given: bool = False
    started_ms: float = 0.0
    dismissed_ms: float = NEVER_MS
    """When what is heard of the caller was taken for something else."""
    barge_ins: int = 0

    def learn(self, entry: Entry) -> None:
        """Take note of what happened; the words of what was dismissed may come late, and it may go on."""
        if entry.barge_ins > self.barge_ins:
            self.barge_ins, self.given, self.dismissed_ms = entry.barge_ins, True, NEVER_MS
        match entry.cause:
            case SpeechStarted():
                self.started_ms, self.dismissed_ms = entry.at_ms, NEVER_MS
            case SpeechStopped():
                self.given = self.given or not 0 <= entry.at_ms - self.dismissed_ms < LOOKED_AGAIN_MS
            case ResponseDone(status="failed") | ErrorReceived(refused=CreateResponse()):
                self.given = True
            case CallerTranscript(transcript=text) if text not in {"", WORDS["nod"]}:
                self.given = True
        if any(isinstance(done, NoteDismissed) for done in entry.commands):
            self.dismissed_ms = entry.at_ms


def one_answer_is_asked_for_each_turn(account: Account) -> Iterator[str]:
    """An answer is asked for when the caller has spoken, all tools answered, or a response has failed, and once."""
    reasons, guarded = Reasons(), account.conditions.plan.self_echo_guard
    answered = answered_turns(account)
    for number, (entry, _) in enumerate(course(account.entries)):
        reasons.learn(entry)
        reasons.given = reasons.given or number in answered
        if ANSWER in entry.commands:
            if not reasons.given:
                yield f"{entry.at_ms:.1f} ms: an answer is asked for, and for no reason"
            reasons.given = guarded and entry.at_ms < reasons.started_ms + DECIDED_MS


def who_speaks_is_answered(account: Account) -> Iterator[str]:
    """After a turn with a second of words an answer is asked for, as soon as one may be."""
    if not account.conditions.plan.takes_turns:
        return
    waiting: dict[str, float] = {}
    free_ms: float | None = None
    for entry, told in course(account.entries):
        if free_ms is not None and waiting and entry.at_ms - free_ms > DECIDED_MS + FRAME_MS + 600:
            yield f"{entry.at_ms:.1f} ms: nobody answers {waiting}"
            return
        if isinstance(entry.cause, SpeechStopped):
            words_ms = account.server.turns[entry.cause.item_id].get("words", 0)
            if words_ms >= WORDS_MS:
                waiting[entry.cause.item_id] = entry.at_ms
        if ANSWER in entry.commands:
            waiting.clear()
        free_ms = (free_ms or entry.at_ms) if told.free_for(entry) else None


TURN_LAWS = (
    a_question_is_soon_answered,
    nothing_is_forgotten_before_the_decision,
    what_is_off_is_never_cut,
    one_answer_is_asked_for_each_turn,
    who_speaks_is_answered,
)
