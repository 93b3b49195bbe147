"""
The laws of a call: what no caller, no network and no server can make it do.

A law looks at the account of one call and tells, in words, what is against it; of a call that keeps it it says nothing.
"""

from collections import deque
from collections.abc import Callable, Iterator

from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    HangUp,
    NoteBargeIn,
    NoteEnded,
    PlayAudio,
    SendMark,
)
from gateway.protocol.events import SpeechStarted
from gateway.protocol.inputs import CreateResponse, Input, TruncateItem
from tests.call.world import tape
from tests.call.world.accuracy import ACCURACY_LAWS
from tests.call.world.agent_laws import AGENT_LAWS
from tests.call.world.caller_laws import CALLER_LAWS
from tests.call.world.clears import clears
from tests.call.world.errand_laws import ERRAND_LAWS
from tests.call.world.farewell_laws import FAREWELL_LAWS
from tests.call.world.guardrail_laws import GUARDRAIL_LAWS
from tests.call.world.segment_laws import SEGMENT_LAWS
from tests.call.world.telephone import FRAME_MS, LONGEST_HOLD_MS
from tests.call.world.told import course
from tests.call.world.turn_laws import TURN_LAWS
from tests.call.world.world import Account

Law = Callable[[Account], Iterator[str]]

HELD_FRAMES = 500
"""Frames of the caller kept while the session opens: 10 s."""
PLAY_OUT_MS = 3_000.0
HANG_UP_MS = 8_000.0
NEVER_MS = float("inf")


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
    """Without a model, what is queued is played out, and for no longer than 3 s; a provider that hangs up has 8 s."""
    at_ms = {type(command): entry.at_ms for entry in account.entries for command in entry.commands}
    lasted_ms = at_ms.get(CloseStream, 0.0) - at_ms.get(CloseModel, 0.0)
    if not 0 <= lasted_ms <= (HANG_UP_MS if HangUp in at_ms else PLAY_OUT_MS) + 0.001:
        yield f"from CloseModel to CloseStream it took {lasted_ms:.1f} ms"


def marks_are_unique(account: Account) -> Iterator[str]:
    """No name of a mark is used twice."""
    names = [command.name for entry in account.entries for command in entry.commands if isinstance(command, SendMark)]
    if len(set(names)) < len(names):
        yield f"{len(names) - len(set(names))} of {len(names)} marks are named like another"


def deadlines_are_kept(account: Account) -> Iterator[str]:
    """A tick leaves no deadline behind, and what goes the short way never brings one nearer."""
    for entry in account.entries:
        deadline_ms = float("inf") if entry.deadline_ms is None else entry.deadline_ms
        if entry.cause == "tick" and deadline_ms <= entry.at_ms:
            yield f"{entry.at_ms:.1f} ms: a tick asks for another at {deadline_ms:.1f} ms"
        if entry.short and max(deadline_ms, entry.at_ms) < entry.alarm_ms:
            yield f"{entry.at_ms:.1f} ms: audio asks for a tick at {deadline_ms:.1f} ms, before {entry.alarm_ms:.1f} ms"


def a_barge_in_clears_at_once(account: Account) -> Iterator[str]:
    """When the caller may cut in and speaks, what the phone has not played is cleared, in front of all but a mark."""
    plan = account.conditions.plan
    modes = {plan.barge_in, *(segment.barge_in for segment in plan.segments)}
    always = plan.takes_turns and "off" not in modes and not plan.self_echo_guard
    played_by_ms = {chunk.piece.start: chunk.ends_ms for chunk in account.telephone.chunks}
    last: int | None = None
    for entry, told in course(account.entries):
        gives_way = told.interrupts or (told.opened and always)
        if isinstance(entry.cause, SpeechStarted) and gives_way and not told.let_go and last is not None:
            unheard = played_by_ms.get(last, float("inf")) > entry.at_ms
            if unheard and ClearAudio() not in entry.commands[:2]:
                yield f"{entry.at_ms:.1f} ms: the caller spoke, and what did follow was {entry.commands}"
        for command in entry.commands:
            if isinstance(command, PlayAudio):
                last = tape.locate(command.payload).start
            elif isinstance(command, ClearAudio):
                last = None


def every_barge_in_is_settled_once(account: Account) -> Iterator[str]:
    """What was heard is known, once for each barge-in, after a round trip or so, as long as there is a model."""
    waiting, patience_ms = deque(clear for clear in clears(account) if clear.cut_ms < NEVER_MS), _patience_ms(account)
    for entry, told in course(account.entries):
        for command in entry.commands:
            if isinstance(command, NoteBargeIn) and (not waiting or waiting.popleft().cut_ms > entry.at_ms):
                yield f"{entry.at_ms:.1f} ms: {command} without a barge-in"
        if waiting and not told.let_go and entry.at_ms > max(waiting[0].cut_ms, waiting[0].at_ms + patience_ms):
            yield f"{entry.at_ms:.1f} ms: the barge-in of {waiting.popleft().at_ms:.1f} ms is not settled"


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
    a_barge_in_clears_at_once,
    every_barge_in_is_settled_once,
    one_response_is_asked_for_at_a_time,
    a_model_that_is_gone_is_left_alone,
    no_truncate_is_refused,
    *CALLER_LAWS,
    *AGENT_LAWS,
    *TURN_LAWS,
    *SEGMENT_LAWS,
    *FAREWELL_LAWS,
    *ERRAND_LAWS,
    *GUARDRAIL_LAWS,
    *ACCURACY_LAWS,
)


def broken(account: Account) -> list[str]:
    """What the call did against the laws, each with the law's name."""
    return [f"{law.__name__}: {breach}" for law in LAWS for breach in law(account)]
