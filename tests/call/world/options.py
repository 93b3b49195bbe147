"""
What a line may want of a call beyond a greeting, and callers that put it to the test.

Drawn apart from all else, so that a call without these options is the same call whatever options there are.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from gateway.call import CallPlan
from gateway.call.plan import GREETING, BargeInMode, Goodbye, Segment
from gateway.protocol.session import SessionConfig
from tests.call.world.conditions import NEVER_MS, Conditions, ModelHabits, PhoneHabits, Utterance
from tests.call.world.sounds import COUGH_MS, NOD_MS
from tests.call.world.tape import Sound

MODES: tuple[BargeInMode, ...] = ("immediate", "confirmed", "off")
SOUNDS: tuple[Sound, ...] = ("words", "cough", "nod", "echo")
LENGTHS_MS: dict[Sound, float] = {"cough": COUGH_MS, "nod": NOD_MS}
SERVER_WAITS = {"type": "server_vad", "create_response": False, "interrupt_response": False}


def with_options(plain: Conditions, rng: Random) -> Conditions:
    """The same call on a line that wants more, half of the time."""
    if rng.random() < 0.5:
        return plain
    plan = _plan(rng)
    echo_ms = rng.choice((None, 60, 140.3, 260)) if plan.listens else None
    return replace(
        plain,
        plan=plan,
        phone=_phone(plain, rng),
        model=_model(plain.model, plan, rng),
        utterances=tuple(_sounding(plain.utterances, rng, echoes=echo_ms is not None)),
        echo_ms=echo_ms,
        hangs_up_ms=rng.choice((50, 400, 3_000, NEVER_MS)),
    )


def _plan(rng: Random) -> CallPlan:
    mode: BargeInMode = rng.choice(("immediate", "confirmed", "confirmed", "confirmed", "off"))
    opening = tuple(_opening(mode, rng))
    guard = rng.random() < 0.4
    takes_turns = mode != "immediate" or guard or any(part.must_hear or part.barge_in != mode for part in opening)
    session = SessionConfig(turn_detection=SERVER_WAITS) if takes_turns else SessionConfig()
    return CallPlan(session, opening, mode, guard, _goodbye(rng), takes_turns)


def _opening(mode: BargeInMode, rng: Random) -> Iterator[Segment]:
    """As a line has it: a greeting that cannot be cut must be heard, and so must all that follows."""
    if rng.random() < 0.5:
        chosen = rng.choice((mode, *MODES))
        yield Segment(GREETING, "Good morning.", chosen, must_hear=chosen == "off")
    for number in range(rng.choice((0, 0, 1, 2))):
        yield Segment(f"notice_{number}", f"Notice {number}.", rng.choice(MODES), must_hear=True)


def _goodbye(rng: Random) -> Goodbye | None:
    return rng.choice((None, None, Goodbye(), Goodbye("Goodbye."), Goodbye(wait_ms=rng.uniform(500, 4_000))))


def _phone(plain: Conditions, rng: Random) -> PhoneHabits:
    """Frames are lost now and then, for a while, or for so long that not all of it is made up for."""
    kind = rng.random()
    if kind < 0.1:
        return replace(plain.phone, loses_frames=rng.choice((0.02, 0.2)))
    if kind > 0.25 or not plain.utterances:
        return plain.phone
    from_ms = rng.choice(plain.utterances[:3]).from_ms + rng.uniform(50, 600)
    return replace(plain.phone, gap_ms=(from_ms, from_ms + rng.choice((300, 900, 3_000, 11_000))))


def _model(habits: ModelHabits, plan: CallPlan, rng: Random) -> ModelHabits:
    return replace(
        habits,
        transcribes_ms=rng.choice((None, (0, 30), (0, 30), (100, 900), (1_000, 4_000))),
        transcribes_early=rng.random() < 0.3,
        hangs_up=rng.choice((0, 0.3, 0.8)) if plan.goodbye else 0.0,
    )


def _sounding(utterances: tuple[Utterance, ...], rng: Random, *, echoes: bool) -> Iterator[Utterance]:
    """Some of what the caller says is no more than a sound, and some callers soon fall silent."""
    for utterance in utterances[: rng.choice((4, None, None))]:
        sound = rng.choices(SOUNDS, (6, 2, 2, 5 if echoes else 0))[0]
        lasts_ms = LENGTHS_MS.get(sound, rng.choice((1_400, utterance.to_ms - utterance.from_ms)))
        yield Utterance(utterance.from_ms, utterance.from_ms + lasts_ms, sound)
