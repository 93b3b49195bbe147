"""The whole call core in virtual time: any caller, any network, any server, and the same laws for all."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median

import pytest

from gateway.agent import ChangeAgent, SpeechTripped
from gateway.call import Command
from gateway.call.commands import HangUp, NoteDismissed, NoteReceipt, PlayAudio
from gateway.call.confirmation import Verdict
from gateway.protocol.events import SpeechStopped
from gateway.protocol.inputs import AppendAudio, CreateResponse
from tests.call.world import Account, World
from tests.call.world.accuracy import errors_ms
from tests.call.world.clears import NEVER_MS, Clear, clears
from tests.call.world.errands import NEVER, Errand, turns
from tests.call.world.fates import Fate, fates
from tests.call.world.laws import broken
from tests.call.world.shell import Entry
from tests.call.world.told import Told, course

SEEDS = range(60)
MANY_SEEDS = range(1_000)


def played(seeds: Iterable[int]) -> Iterator[Account]:
    """The calls of some seeds; what goes wrong inside of one is told with its seed."""
    for seed in seeds:
        try:
            yield World(seed).run()
        except Exception as error:
            error.add_note(replay(seed))
            raise


def replay(seed: int) -> str:
    """How to see the call of a seed again."""
    return f"replay with: python -m tests.call.world {seed}"


def breaches(accounts: Iterable[Account]) -> str:
    """Every law that a call broke, and how to see it again; nothing if there is none."""
    return "\n".join(f"seed {call.seed}: {breach}; {replay(call.seed)}" for call in accounts for breach in broken(call))


def test_any_call_keeps_the_laws() -> None:
    """
    Whatever both sides and the network do, at any time, every law holds.
    """
    found = breaches(played(SEEDS))
    assert not found, found


@pytest.mark.slow
def test_a_thousand_calls_keep_the_laws() -> None:
    """
    Every law holds, and where the provider does what it documents half of the cuts are within 10 ms of what was heard.
    """
    off_ms: list[float] = []
    found, happened = [], Counter[str]()
    for call in played(MANY_SEEDS):
        found.append(breaches([call]))
        happened.update(troubles(call))
        off_ms += [] if call.conditions.faults else [abs(error_ms) for error_ms in errors_ms(call)]
    assert not any(found), "\n".join(filter(None, found))
    assert len(off_ms) > 300
    assert median(off_ms) <= 10
    assert {kind for kind in (*TROUBLES, *RARE_TROUBLES) if happened[kind] < 3} == set(), happened


def test_a_seed_is_a_call() -> None:
    """
    The same seed is the same call, event by event and command by command; another seed is another.
    """
    first, again, other = (World(seed).run().entries for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_much_happens_in_a_few_calls() -> None:
    """
    The laws are not kept for want of trouble: in the calls of the ordinary run there is some of every kind.
    """
    happened = sum((Counter(troubles(call)) for call in played(SEEDS)), Counter[str]())
    assert {kind for kind in TROUBLES if happened[kind] < 3} == set(), happened


TROUBLES = (
    "cut in the middle",
    "cut at its start",
    "cut long after its end came",
    "cut very long after its end came",
    "late audio dropped",
    "heard whole",
    "response asked for",
    "marks gone wrong",
    "stopped and cut",
    "stopped and resumed",
    "taken for an echo",
    "taken for a noise",
    "heard as it must be",
    "silence made up for",
    "tool that nobody has",
    "tool answered in time",
    "tool answered late",
    "tools of one response",
    "handed over",
    "cut by a guardrail",
    "cut by a guardrail when it was over",
)
RARE_TROUBLES = (
    "two barge-ins in half a second",
    "taken for an uh-huh",
    "played again from its start",
    "hung up by the agent",
    "cancelled too late",
    "tool never answered",
    "two handoffs in a response",
    "handed over while another response goes on",
    "played again after a guardrail",
    "cut by a guardrail while the caller speaks",
)
DISMISSED: dict[Verdict, str] = {
    "backchannel": "taken for an uh-huh",
    "echo": "taken for an echo",
    "noise": "taken for a noise",
}


def troubles(call: Account) -> Iterator[str]:
    """What happened in a call that puts the laws to the test."""
    for fate in fates(call).values():
        yield from _troubles_of(fate)
    for sooner_ms, later_ms in pairwise(call.telephone.cleared_ms):
        if later_ms - sooner_ms < 500:
            yield "two barge-ins in half a second"
    if call.conditions.faults:
        yield "marks gone wrong"
    for entry in call.entries:
        for done in entry.commands:
            yield from _troubles_in(done)
        if any(isinstance(done, PlayAudio) for done in entry.commands) and isinstance(entry.cause, SpeechStopped):
            yield "played again from its start"
    for clear in clears(call):
        yield from _troubles_with(clear)
    if any(why.startswith("Cancellation failed") for _, why in call.server.refused):
        yield "cancelled too late"
    for turn in turns(call):
        yield from _troubles_of_turn(turn)
    for entry, told in course(call.entries):
        yield from _troubles_of_agents(entry, told)


def _troubles_of_turn(turn: list[Errand]) -> Iterator[str]:
    if len(turn) > 1:
        yield "tools of one response"
    if sum(errand.call.name.startswith("transfer_to") for errand in turn) > 1:
        yield "two handoffs in a response"
    for errand in turn:
        if errand.doer == "nobody":
            yield "tool that nobody has"
        elif errand.answered == NEVER:
            yield "tool never answered"
        elif errand.due < NEVER:
            yield "tool answered in time" if errand.answered < errand.over else "tool answered late"


def _troubles_of_agents(entry: Entry, told: Told) -> Iterator[str]:
    if any(isinstance(done, ChangeAgent) for done in entry.commands):
        yield "handed over"
        if told.under_way:
            yield "handed over while another response goes on"
    if not entry.tripped:
        return
    yield "cut by a guardrail"
    if isinstance(entry.cause, SpeechTripped) and entry.cause.response_id in told.over:
        yield "cut by a guardrail when it was over"
    if told.caller_speaks:
        yield "cut by a guardrail while the caller speaks"
    if any(isinstance(done, PlayAudio) for done in entry.commands):
        yield "played again after a guardrail"


def _troubles_in(done: Command) -> Iterator[str]:
    match done:
        case CreateResponse():
            yield "response asked for"
        case NoteDismissed(verdict):
            yield DISMISSED[verdict]
        case NoteReceipt():
            yield "heard as it must be"
        case HangUp():
            yield "hung up by the agent"
        case AppendAudio(payload) if not payload.strip("/8="):
            yield "silence made up for"
        case _:
            pass


def _troubles_with(clear: Clear) -> Iterator[str]:
    if clear.resumed_ms < NEVER_MS:
        yield "stopped and resumed"
    if clear.stops and clear.cut_ms < NEVER_MS:
        yield "stopped and cut"


def _troubles_of(fate: Fate) -> Iterator[str]:
    if fate.received_bytes > fate.heard_bytes + fate.flushed_bytes:
        yield "late audio dropped"
    if fate.heard_bytes == fate.received_bytes:
        yield "heard whole"
    if fate.cuts_ms:
        yield "cut in the middle" if fate.heard_bytes else "cut at its start"
        if fate.cut_at_ms[0] - fate.finished_ms > 500:
            yield "cut long after its end came"
        if fate.cut_at_ms[0] - fate.finished_ms > 10_000:
            yield "cut very long after its end came"
