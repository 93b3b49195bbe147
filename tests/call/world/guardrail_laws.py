"""
The laws of what an agent must not say: it is judged to its end, cut at once when a guardrail trips, and made up for.

Where the model's memory is cut, and that nothing of what was cut is heard any more, are laws of every cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.agent import ChangeAgent, CheckSpeech, SpeechTripped
from gateway.call.commands import ClearAudio, NoteGuardrailTripped, PlayAudio
from gateway.call.errands import CUTS_IN_A_ROW
from gateway.protocol.events import ErrorReceived, ResponseDone, SpeechStarted, TranscriptDelta
from gateway.protocol.inputs import CancelResponse, CreateResponse
from tests.call.world import tape
from tests.call.world.errand_laws import Waiting
from tests.call.world.shell import Entry
from tests.call.world.told import Told, course
from tests.call.world.world import Account

DONE_AT_ONCE = 3
"""The note, the last mark and the clear."""


def trips(account: Account) -> Iterator[tuple[Entry, Told, bool]]:
    """Each entry, the state of the call, and whether a guardrail trips in what no other has cut before."""
    tripped: set[str] = set()
    for entry, told in course(account.entries):
        first = isinstance(entry.cause, SpeechTripped) and entry.cause.response_id not in tripped
        yield entry, told, first and told.opened and not told.let_go
        if isinstance(entry.cause, SpeechTripped):
            tripped.add(entry.cause.response_id)


def what_must_not_be_said_is_cut_at_once(account: Account) -> Iterator[str]:
    """What the phone has not played is cleared and the response cancelled, once; and it counts as no barge-in."""
    played_by_ms = {chunk.piece.start: chunk.ends_ms for chunk in account.telephone.chunks}
    last: int | None = None
    barge_ins = 0
    for entry, told, first in trips(account):
        if breach := _wrong_trip(entry, told, first=first):
            yield f"{entry.at_ms:.1f} ms: {breach}"
        unheard = last is not None and played_by_ms.get(last, float("inf")) > entry.at_ms
        if first and unheard and ClearAudio() not in entry.commands[:DONE_AT_ONCE]:
            yield f"{entry.at_ms:.1f} ms: a guardrail tripped, and what did follow was {entry.commands}"
        if isinstance(entry.cause, SpeechTripped) and entry.barge_ins > barge_ins:
            yield f"{entry.at_ms:.1f} ms: what a guardrail cut was counted as a barge-in"
        barge_ins = entry.barge_ins
        for command in entry.commands:
            if isinstance(command, PlayAudio):
                last = tape.locate(command.payload).start
            elif isinstance(command, ClearAudio):
                last = None


def _wrong_trip(entry: Entry, told: Told, *, first: bool) -> str:
    notes = [done for done in entry.commands if isinstance(done, NoteGuardrailTripped)]
    if not first or not isinstance(entry.cause, SpeechTripped):
        return f"{notes}, where nothing is to be cut" if notes else ""
    tripped = entry.cause
    if notes != [NoteGuardrailTripped(tripped.guardrail, tripped.item_id)]:
        return f"a guardrail tripped, and what was noted is {notes}"
    if tripped.response_id in told.under_way and CancelResponse(tripped.response_id) not in entry.commands:
        return f"{tripped.response_id} goes on after a guardrail tripped"
    return ""


def who_has_cut_in_is_heard_out(account: Account) -> Iterator[str]:
    """What must be heard, and was cut by the caller, is not played again because a guardrail trips while they speak."""
    cut_in, barge_ins = False, 0
    for entry, told in course(account.entries):
        began = isinstance(entry.cause, SpeechStarted)
        cut_in = told.caller_speaks and ((cut_in and not began) or entry.barge_ins > barge_ins)
        barge_ins = entry.barge_ins
        if cut_in and entry.tripped and any(isinstance(done, PlayAudio) for done in entry.commands):
            yield f"{entry.at_ms:.1f} ms: the agent speaks again while the caller does"


@dataclass(slots=True)
class Judged:
    """What guarded agents have said, and how much of it was judged, by item of each response under way."""

    guarded: bool
    of_the_line: frozenset[str]
    tripped: set[str] = field(default_factory=set)
    said: dict[str, dict[str, str]] = field(default_factory=dict)
    judged: dict[str, dict[str, str]] = field(default_factory=dict)

    def learn(self, entry: Entry) -> str:
        """What is wrong with what an entry has judged, in words."""
        if isinstance(entry.cause, TranscriptDelta):
            self._says(entry.cause)
        for done in entry.commands:
            if isinstance(done, ChangeAgent):
                self.guarded = done.profile.guarded
            elif isinstance(done, CheckSpeech):
                self.judged.setdefault(done.response_id, {})[done.item_id] = done.text
                if done.text != self.said.get(done.response_id, {}).get(done.item_id):
                    return f"{done.item_id} says something else than was judged"
        if isinstance(entry.cause, SpeechTripped):
            self.tripped.add(entry.cause.response_id)
        return self._over(entry.cause.response_id) if isinstance(entry.cause, ResponseDone) else ""

    def _says(self, words: TranscriptDelta) -> None:
        if self.guarded and words.response_id not in self.tripped | self.of_the_line:
            items = self.said.setdefault(words.response_id, {})
            items[words.item_id] = items.get(words.item_id, "") + words.delta

    def _over(self, response_id: str) -> str:
        said, judged = self.said.pop(response_id, {}), self.judged.get(response_id, {})
        left = [item_id for item_id, text in said.items() if judged.get(item_id) != text]
        return (
            f"{left} of {response_id} were not judged to their end" if left and response_id not in self.tripped else ""
        )


def what_a_guarded_agent_says_is_judged_to_its_end(account: Account) -> Iterator[str]:
    """All that a guarded agent says, as it says it, and nothing else; the words of the line never."""
    plan = account.conditions.plan
    of_the_line = frozenset(response_id for response_id, name in account.server.segments.items() if name)
    judged = Judged(plan.profile.guarded, of_the_line)
    for entry, told in course(account.entries):
        talking = told.opened and not (told.let_go or entry.leaves)
        if talking and (breach := judged.learn(entry)):
            yield f"{entry.at_ms:.1f} ms: {breach}"


def something_else_is_said_instead(account: Account) -> Iterator[str]:
    """
    Once for what a guardrail has cut, as soon as may be, unless the caller comes first; and again if that fails.

    An agent that is cut time and again need not be made up for without end.
    """
    waiting, reasons, cuts = Waiting(), 0, 0
    for entry, told, first in trips(account):
        instead = any(_is_instead(account, done) for done in entry.commands)
        reasons += first + _failed(entry)
        if instead and not reasons:
            yield f"{entry.at_ms:.1f} ms: something else is said, and nothing was cut"
        reasons -= instead
        cuts += first
        if first and cuts <= CUTS_IN_A_ROW:
            waiting.begins()
        if waiting.overdue(entry, told, done=instead):
            yield f"{entry.at_ms:.1f} ms: nothing is said instead since {waiting.free_ms} ms"
            return


def _failed(entry: Entry) -> bool:
    """Whether what was asked for came to nothing, and is asked for again."""
    return isinstance(entry.cause, ErrorReceived | ResponseDone) and (
        isinstance(entry.cause, ErrorReceived) or entry.cause.status == "failed"
    )


def _is_instead(account: Account, done: object) -> bool:
    if not isinstance(done, CreateResponse) or done.instructions is None:
        return False
    return done.segment not in {segment.id for segment in account.conditions.plan.segments} - {"instead"}


GUARDRAIL_LAWS = (
    what_must_not_be_said_is_cut_at_once,
    who_has_cut_in_is_heard_out,
    what_a_guarded_agent_says_is_judged_to_its_end,
    something_else_is_said_instead,
)
