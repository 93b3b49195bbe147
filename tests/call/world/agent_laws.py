"""
The laws of what reaches the caller: what the agent says, whole, in order, and nothing that was cut off.

What was stopped for nothing goes on at the byte at which the phone stopped, and what came meanwhile follows. Words
that must be heard are played again from their start when the caller, or a guardrail, has cut them short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.call.commands import ClearAudio, NoteResumed, PlayAudio
from gateway.protocol.events import AudioDelta, ResponseDone
from tests.call.world import tape
from tests.call.world.accuracy import limit_ms
from tests.call.world.clears import Clear, clears
from tests.call.world.fates import fates
from tests.call.world.segments import spoken
from tests.call.world.shell import Entry
from tests.call.world.told import Told, course
from tests.call.world.world import Account

Pieces = list[range]


def joined(pieces: Pieces) -> Pieces:
    """
    The same audio in as few pieces as possible.

    >>> joined([range(0, 5), range(5, 7), range(9, 10)])
    [range(0, 7), range(9, 10)]
    """
    found = pieces[:1]
    for before, piece in pairwise(pieces):
        if before.stop == piece.start:
            found[-1] = range(found[-1].start, piece.stop)
        else:
            found.append(piece)
    return found


def behind(pieces: Pieces, position_byte: int) -> Pieces:
    """
    What is left of pieces behind a position.

    >>> behind([range(0, 5), range(5, 7), range(9, 10)], 6)
    [range(6, 7), range(9, 10)]
    """
    left = []
    for piece in pieces:
        if position_byte < len(piece):
            left.append(piece[position_byte:])
        position_byte = max(0, position_byte - len(piece))
    return left


def size_bytes(pieces: Pieces) -> int:
    """How much it is."""
    return sum(map(len, pieces))


@dataclass(slots=True)
class Queue:
    """What the caller is to hear, as it follows from what the model said and what was cleared."""

    account: Account
    clears: Iterator[Clear]
    recited: dict[str, Pieces]
    """Everything of each response that speaks words that must be heard."""
    interrupted: set[str] = field(default_factory=set)
    """Those that are to be played again from their start."""
    sent: Pieces = field(default_factory=list)
    """Since the last clear."""
    barge_ins: int = 0
    stopped: Clear | None = None
    came: Pieces = field(default_factory=list)
    """What the model has said since the agent was stopped."""

    def follow(self, entry: Entry, told: Told) -> str:
        """What is wrong with what an entry sent, in words."""
        located = [tape.locate(done.payload) for done in entry.commands if isinstance(done, PlayAudio)]
        passed = [tape.in_front(piece, of) for piece, of in pairwise([*located, range(0)])]
        self._cleared(entry)
        breach = self._wrong(entry, told, passed)
        self.sent += passed
        return breach

    def _wrong(self, entry: Entry, told: Told, passed: Pieces) -> str:
        delta = entry.cause
        if isinstance(delta, AudioDelta) and delta.response_id in told.over:
            return ""
        if isinstance(delta, AudioDelta):
            return self._wrong_delta(delta, told, passed)
        if any(isinstance(done, NoteResumed) for done in entry.commands):
            return self._wrong_resumption(passed)
        return self._wrong_repetition(passed) if passed else ""

    def _wrong_delta(self, delta: AudioDelta, told: Told, passed: Pieces) -> str:
        piece = tape.locate(delta.payload)
        if not told.opened or told.let_go or delta.response_id in told.cut_off:
            return f"{joined(passed)} is not to be heard" if passed else ""
        recited = self.recited.get(delta.response_id)
        if recited is not None:
            recited.append(piece)
        if self.stopped is not None:
            self.came.append(piece)
            return f"{joined(passed)} goes to a phone that is stopped" if passed else ""
        waits = delta.response_id in self.interrupted and not passed
        return "" if waits or joined(passed) == [piece] else f"due was {piece}, passed on {joined(passed)}"

    def _wrong_resumption(self, passed: Pieces) -> str:
        whole = self.sent + self.came
        heard_bytes = size_bytes(whole) - size_bytes(passed)
        if self.stopped is None or joined(behind(whole, heard_bytes)) != joined(passed):
            return f"{joined(passed)} is not the rest of {joined(whole)}"
        off_ms = (heard_bytes - self.stopped.heard_bytes) / 8
        self.sent, self.stopped = [], None
        return f"resumed {off_ms:.1f} ms too far" if abs(off_ms) > limit_ms(self.account.conditions) else ""

    def _wrong_repetition(self, passed: Pieces) -> str:
        left = passed
        for response_id in sorted(self.interrupted):
            rest = behind(left, size_bytes(self.recited[response_id]))
            if joined(self.recited[response_id] + rest) == joined(left):
                left = rest
                self.interrupted.discard(response_id)
        return f"{joined(left)} comes from nowhere" if left else ""

    def _cleared(self, entry: Entry) -> None:
        if ClearAudio() in entry.commands:
            self.stopped, self.came = next(self.clears), []
        if isinstance(entry.cause, ResponseDone) and entry.cause.status == "failed":
            self.recited.pop(entry.cause.response_id, None)
            self.interrupted.discard(entry.cause.response_id)
        if entry.barge_ins > self.barge_ins or (entry.tripped and self.stopped is not None):
            self.barge_ins, self.sent, self.stopped = entry.barge_ins, [], None
            self.interrupted |= {response_id for response_id, pieces in self.recited.items() if pieces}


def the_agent_is_passed_on_whole(account: Account) -> Iterator[str]:
    """
    Speech that nobody cut off goes to the phone whole, byte by byte, in order, and nothing else does.

    What comes of a response after its end is left to the laws of silence.
    """
    recited: dict[str, Pieces] = {response_id: [] for response_id in spoken(account, must_hear=True)}
    queue = Queue(account, iter(clears(account)), recited)
    for entry, told in course(account.entries):
        if breach := queue.follow(entry, told):
            yield f"{entry.at_ms:.1f} ms: {breach}"
    if any(not chunk.piece or chunk.piece.start < 0 for chunk in account.telephone.chunks):
        yield "the phone got audio that the model never made"


def what_was_cut_off_is_silent(account: Account) -> Iterator[str]:
    """Whatever still comes of a response that was cut off, by the caller or as the server says, is not played."""
    for entry, told in course(account.entries):
        plays = any(isinstance(command, PlayAudio) for command in entry.commands)
        if plays and isinstance(entry.cause, AudioDelta) and entry.cause.response_id in told.cut_off | told.cancelled:
            yield f"{entry.at_ms:.1f} ms: {entry.cause.item_id} is played after it was cut off"


def what_was_cleared_is_silent(account: Account) -> Iterator[str]:
    """An item that a barge-in has cut short is not taken up again, unless it must be heard."""
    for fate in fates(account).values():
        if fate.taken_up and not fate.recited:
            yield f"{fate}, and played on after the clear of {fate.flushed_ms:.1f} ms"


AGENT_LAWS = (the_agent_is_passed_on_whole, what_was_cut_off_is_silent, what_was_cleared_is_silent)
