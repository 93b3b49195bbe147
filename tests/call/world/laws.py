"""
The laws of a call: what no caller, no network and no server can make it do.

A law looks at the account of one call and tells, in words, what is against it; of a call that keeps it it says nothing.
"""

from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise

from gateway.call.commands import ClearAudio, CloseModel, CloseStream, NoteBargeIn, NoteEnded, PlayAudio, SendMark
from gateway.providers.events import CallerAudio
from gateway.realtime.events import AudioDelta, SessionUpdated, SpeechStarted
from gateway.realtime.inputs import AppendAudio, CreateResponse, Input, TruncateItem
from tests.call.world import tape
from tests.call.world.accuracy import ACCURACY_LAWS
from tests.call.world.fates import fates
from tests.call.world.telephone import FRAME_MS, LONGEST_HOLD_MS
from tests.call.world.told import Told, course
from tests.call.world.world import Account

Law = Callable[[Account], Iterator[str]]

HELD_FRAMES = 500
"""Frames of the caller kept while the session opens: 10 s."""
PLAY_OUT_MS = 3_000.0


def nothing_follows_the_end(account: Account) -> Iterator[str]:
    """After NoteEnded nothing is commanded and nothing is waited for."""
    for entry, told in course(account.entries):
        if told.ended and (entry.commands or entry.deadline_ms is not None):
            yield f"{entry.at_ms:.1f} ms: {entry.commands}, deadline {entry.deadline_ms} after the end"
        ends = [number for number, command in enumerate(entry.commands) if isinstance(command, NoteEnded)]
        if ends and ends[0] != len(entry.commands) - 1:
            yield f"{entry.at_ms:.1f} ms: {entry.commands} go on after the end"


def the_call_ends_once(account: Account) -> Iterator[str]:
    """Both sides are let go of once, first the model, and the end is told once."""
    closing = [
        type(command).__name__
        for entry in account.entries
        for command in entry.commands
        if isinstance(command, CloseModel | CloseStream | NoteEnded)
    ]
    if closing != ["CloseModel", "CloseStream", "NoteEnded"]:
        yield f"the end was {closing}"


def a_call_that_leaves_is_soon_over(account: Account) -> Iterator[str]:
    """Without a model, what is queued is played out, and for no longer than 3 s."""
    at_ms = {type(command): entry.at_ms for entry in account.entries for command in entry.commands}
    lasted_ms = at_ms.get(CloseStream, 0.0) - at_ms.get(CloseModel, 0.0)
    if not 0 <= lasted_ms <= PLAY_OUT_MS + 0.001:
        yield f"from CloseModel to CloseStream it took {lasted_ms:.1f} ms"


def marks_are_unique(account: Account) -> Iterator[str]:
    """No name of a mark is used twice."""
    names = [command.name for entry in account.entries for command in entry.commands if isinstance(command, SendMark)]
    if len(set(names)) < len(names):
        yield f"{len(names) - len(set(names))} of {len(names)} marks are named like another"


def deadlines_are_kept(account: Account) -> Iterator[str]:
    """A tick leaves no deadline behind, and a deadline never comes nearer by audio alone."""
    for entry in account.entries:
        deadline_ms = float("inf") if entry.deadline_ms is None else entry.deadline_ms
        if entry.cause == "tick" and deadline_ms <= entry.at_ms:
            yield f"{entry.at_ms:.1f} ms: a tick asks for another at {deadline_ms:.1f} ms"
        if isinstance(entry.cause, CallerAudio | AudioDelta) and max(deadline_ms, entry.at_ms) < entry.alarm_ms:
            yield f"{entry.at_ms:.1f} ms: audio asks for a tick at {deadline_ms:.1f} ms, before {entry.alarm_ms:.1f} ms"


def the_caller_is_passed_on_whole(account: Account) -> Iterator[str]:
    """Every frame goes to the model once and in order; while the session opens, no more than the last 10 s are kept."""
    due: list[str] = []
    held: deque[str] = deque(maxlen=HELD_FRAMES)
    passed: list[str] = []
    opened = closed = False
    for entry in account.entries:
        passed += [command.payload for command in entry.commands if isinstance(command, AppendAudio)]
        closed = closed or CloseModel() in entry.commands
        if isinstance(entry.cause, CallerAudio) and not closed:
            (due if opened else held).append(entry.cause.payload)
        if isinstance(entry.cause, SessionUpdated) and not (opened or closed):
            opened, due = True, list(held)
    if [payload for payload in passed if set(b64decode(payload)) != {0xFF}] != due:
        yield f"{len(due)} frames were to be passed on, {len(passed)} were, and they are not the same"
    if account.server.heard != passed[: len(account.server.heard)]:
        yield "the model heard something else than it was sent"


def the_agent_is_passed_on_whole(account: Account) -> Iterator[str]:
    """
    Speech that nobody cut off goes to the phone whole, byte by byte, in order, and nothing else does.

    What comes of a response after its end is left to the laws of silence.
    """
    due: list[range] = []
    passed: list[range] = []
    for entry, told in course(account.entries):
        delta = entry.cause
        if isinstance(delta, AudioDelta) and delta.response_id in told.over:
            continue
        if isinstance(delta, AudioDelta) and _to_be_heard(delta, told):
            due.append(tape.locate(delta.payload))
        passed += [tape.locate(command.payload) for command in entry.commands if isinstance(command, PlayAudio)]
    if _joined(passed) != _joined(due):
        yield f"due was {_joined(due)}, passed on {_joined(passed)}"
    if any(not chunk.piece for chunk in account.telephone.chunks):
        yield "the phone got audio that the model never made"


def _to_be_heard(delta: AudioDelta, told: Told) -> bool:
    return told.opened and not told.let_go and delta.response_id not in told.cut_off


def _joined(pieces: list[range]) -> list[range]:
    """The same audio in as few pieces as possible."""
    joined = pieces[:1]
    for before, piece in pairwise(pieces):
        if before.stop == piece.start:
            joined[-1] = range(joined[-1].start, piece.stop)
        else:
            joined.append(piece)
    return joined


def what_was_cut_off_is_silent(account: Account) -> Iterator[str]:
    """Whatever still comes of a response that was cut off, by the caller or as the server says, is not played."""
    for entry, told in course(account.entries):
        plays = any(isinstance(command, PlayAudio) for command in entry.commands)
        if plays and isinstance(entry.cause, AudioDelta) and entry.cause.response_id in told.cut_off | told.cancelled:
            yield f"{entry.at_ms:.1f} ms: {entry.cause.item_id} is played after it was cut off"


def what_was_cleared_is_silent(account: Account) -> Iterator[str]:
    """An item that a clear has cut short is not taken up again."""
    for fate in fates(account).values():
        if fate.resumed:
            yield f"{fate}, and played on after the clear of {fate.flushed_ms:.1f} ms"


def a_barge_in_clears_at_once(account: Account) -> Iterator[str]:
    """When the caller speaks, what the phone has not played is cleared, in front of all but a mark."""
    played_by_ms = {chunk.piece.start: chunk.ends_ms for chunk in account.telephone.chunks}
    last: int | None = None
    for entry, told in course(account.entries):
        if isinstance(entry.cause, SpeechStarted) and told.interrupts and not told.let_go and last is not None:
            unheard = played_by_ms.get(last, float("inf")) > entry.at_ms
            if unheard and ClearAudio() not in entry.commands[:2]:
                yield f"{entry.at_ms:.1f} ms: the caller spoke, and what did follow was {entry.commands}"
        for command in entry.commands:
            if isinstance(command, PlayAudio):
                last = tape.locate(command.payload).start
            elif isinstance(command, ClearAudio):
                last = None


def every_barge_in_is_settled_once(account: Account) -> Iterator[str]:
    """What was heard is known, once for each clear, after a round trip or so, as long as there is a model."""
    waiting_ms: list[float] = []
    for entry, told in course(account.entries):
        for command in entry.commands:
            if isinstance(command, ClearAudio):
                waiting_ms.append(entry.at_ms)
            elif isinstance(command, NoteBargeIn) and not waiting_ms:
                yield f"{entry.at_ms:.1f} ms: {command} without a clear"
            elif isinstance(command, NoteBargeIn):
                waiting_ms.pop(0)
        if waiting_ms and not told.let_go and entry.at_ms - waiting_ms[0] > _patience_ms(account):
            yield f"{entry.at_ms:.1f} ms: the barge-in of {waiting_ms.pop(0):.1f} ms is not settled"


def _patience_ms(account: Account) -> float:
    """A round trip and the frames around it, where echoes can be trusted; twice that, or half a second, otherwise."""
    net, holds = account.conditions.phone_net, account.conditions.phone.holds_marks
    round_trip_ms = 2 * (net.delay_ms + net.jitter_ms) + (LONGEST_HOLD_MS if holds else 0.0)
    if not account.conditions.faults:
        return round_trip_ms + 4 * FRAME_MS
    return max(500.0, 2 * round_trip_ms) + 1


def one_response_is_asked_for_at_a_time(account: Account) -> Iterator[str]:
    """A response is asked for when none runs, none was asked for, and the caller is silent."""
    for entry, told in course(account.entries):
        asks = sum(isinstance(command, CreateResponse) for command in entry.commands)
        if asks > 1 or (asks and (told.asked or told.caller_speaks or told.under_way)):
            yield f"{entry.at_ms:.1f} ms: asked {asks} times, with {told}"


def a_model_that_is_gone_is_left_alone(account: Account) -> Iterator[str]:
    """Nothing is sent to a model that was closed, and nothing but its configuration to one that is not confirmed."""
    for entry, told in course(account.entries):
        inputs = [command for command in entry.commands if isinstance(command, Input)]
        if inputs and told.let_go:
            yield f"{entry.at_ms:.1f} ms: {inputs} for a model that is gone"


def no_truncate_is_refused(account: Account) -> Iterator[str]:
    """Nothing is cut behind its end, or unknown, as the server counts, unless its count is short; then once."""
    refusals = [(command, why) for command, why in account.server.refused if isinstance(command, TruncateItem)]
    if account.conditions.model.missing_tail_ms:
        refusals = [(cut, why) for cut, why in refusals if "already shorter than" not in why]
    if refusals:
        yield f"refused: {refusals}"


LAWS: tuple[Law, ...] = (
    nothing_follows_the_end,
    the_call_ends_once,
    a_call_that_leaves_is_soon_over,
    marks_are_unique,
    deadlines_are_kept,
    the_caller_is_passed_on_whole,
    the_agent_is_passed_on_whole,
    what_was_cut_off_is_silent,
    what_was_cleared_is_silent,
    a_barge_in_clears_at_once,
    every_barge_in_is_settled_once,
    one_response_is_asked_for_at_a_time,
    a_model_that_is_gone_is_left_alone,
    no_truncate_is_refused,
    *ACCURACY_LAWS,
)


def broken(account: Account) -> list[str]:
    """What the call did against the laws, each with the law's name."""
    return [f"{law.__name__}: {breach}" for law in LAWS for breach in law(account)]
