"""
What kind of call it is: the network, the habits of both sides, what the caller says and how it ends.

Drawn from one random generator. What a line may want beyond a greeting is drawn in `options`, who answers in `agents`.
"""

from dataclasses import dataclass
from random import Random
from typing import Literal

from gateway.agent import AgentProfile
from gateway.call import CallPlan
from gateway.call.plan import Segment
from gateway.protocol.session import SessionConfig
from tests.call.world.tape import Sound
from tests.playback.telephone import Net

Ending = Literal["hangs_up", "vanishes", "is_sent_away"]
NEVER_MS = float("inf")


@dataclass(frozen=True, slots=True)
class PhoneHabits:
    """How a provider departs from what it documents."""

    stamped: bool = True
    """Whether it stamps the caller's frames."""
    echoes: bool = True
    echoes_flushed: bool = True
    loses_marks: float = 0.0
    """Share of the marks that are never echoed."""
    doubles_marks: float = 0.0
    """Share of the marks that are echoed twice."""
    holds_marks: float = 0.0
    """Share of the marks that are held up, and with them those behind."""
    gap_ms: tuple[float, float] = (NEVER_MS, NEVER_MS)
    """No frames are sent from one moment to the other."""
    loses_frames: float = 0.0
    """Share of the caller's frames that are never sent."""


@dataclass(frozen=True, slots=True)
class ModelHabits:
    """How a realtime server behaves."""

    opens_ms: float
    """From the start of the stream to session.created."""
    updates_ms: float
    takes_mulaw: bool
    refuses_session: bool
    interrupts: bool
    responds: bool
    onset_ms: int
    """How much speech its VAD takes to be sure."""
    silence_ms: int
    """How much silence ends a turn."""
    first_audio_ms: tuple[float, float]
    speed: tuple[float, float]
    delta_ms: tuple[int, ...]
    item_ms: tuple[float, float]
    stalls: float
    """Share of the items in which generation stands still for a while."""
    leaks: int
    """Deltas that still come when a response is cancelled, before its response.done and after it."""
    forgets_created: float
    doubles_created: float
    forgets_done: float
    """Share of the items whose end is not told."""
    fails: float
    calls_functions: float
    errors: float
    """Share of the responses with an error event in the middle that means nothing."""
    missing_tail_ms: int
    """So much shorter does it believe an item to be than what it sent of it."""
    dies_ms: float
    expires: bool
    """Whether it says so before it dies."""
    transcribes_ms: tuple[float, float] | None = None
    """How long after a turn its words are told; None if they never are."""
    transcribes_early: bool = False
    """Whether they are told so long after its start instead."""
    hangs_up: float = 0.0
    """Share of the responses in which the agent hangs up."""
    tools: tuple[str, ...] = ("look_up",)
    """What it calls, whether or not whoever speaks has it."""
    calls_at_once: int = 1
    """How many functions a response calls at most, if it calls any."""
    calls_early: float = 0.0
    """Share of the responses that call functions before they say anything, or in place of it."""
    doubles_calls: float = 0.0
    portions: int = 0
    """In how many portions that are worth a check each the words of an item come."""


@dataclass(frozen=True, slots=True)
class HandsHabits:
    """How an agent's tools, those whom it hands over to and its guardrails behave."""

    answers_ms: tuple[float, float] = (0, 0)
    forgets: float = 0.0
    """Share of the tools that never answer, as those that wait for an approval."""
    keeps_quiet: float = 0.0
    """Share of the answers that the model need not talk about."""
    doubles: float = 0.0
    """Share of the answers that come twice."""
    fails: float = 0.0
    """Share of the handoffs that come to nothing."""
    trips: float = 0.0
    """Share of the checks that find what must not be said."""
    judges_ms: tuple[float, float] = (0, 0)


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sound that the caller makes; an echo is one that a server's voice detection takes for the caller."""

    from_ms: float
    to_ms: float
    sound: Sound = "words"


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that is drawn before a call begins."""

    plan: CallPlan
    phone_net: Net
    model_net: Net
    phone: PhoneHabits
    model: ModelHabits
    utterances: tuple[Utterance, ...]
    """What the caller says, and when."""
    ends_ms: float
    ending: Ending
    echo_ms: float | None = None
    """How late the agent's voice comes back into the caller's phone, if it does."""
    hangs_up_ms: float = NEVER_MS
    """How long the provider takes to end a call when it is asked to."""
    agents: tuple[AgentProfile, ...] = ()
    """Who can answer, the first of them at once; none where the agent can do no more than speak."""
    hands: HandsHabits = HandsHabits()

    @property
    def faults(self) -> frozenset[str]:
        """What the provider does wrong."""
        plain = PhoneHabits()
        names = PhoneHabits.__dataclass_fields__
        return frozenset(name for name in names if getattr(self.phone, name) != getattr(plain, name))


def draw(rng: Random) -> Conditions:
    """Some kind of call."""
    patient = rng.random() < 0.08
    ends_ms = rng.uniform(32_000, 50_000) if patient else rng.uniform(200, 8_000) + rng.random() ** 2 * 25_000
    return Conditions(
        plan=_plan(rng),
        phone_net=_net(rng, (5, 35, 80, 150)),
        model_net=_net(rng, (2, 15, 60)),
        phone=_phone(rng),
        model=_model(rng, patient=patient),
        utterances=tuple(_utterances(rng, ends_ms, patient=patient)),
        ends_ms=ends_ms,
        ending=rng.choice(("hangs_up", "hangs_up", "vanishes", "is_sent_away")),
    )


def _plan(rng: Random) -> CallPlan:
    return CallPlan(SessionConfig(), opening=(Segment("greeting", "Good morning."),) if rng.random() < 0.5 else ())


def _net(rng: Random, delays_ms: tuple[float, ...]) -> Net:
    delay_ms = rng.choice(delays_ms)
    return Net(delay_ms, min(delay_ms, 30) * rng.choice((0, 0, 0.3, 1)))


def _phone(rng: Random) -> PhoneHabits:
    share, gap_from_ms = rng.uniform(0.05, 0.4), rng.uniform(500, 10_000)
    return rng.choice(
        (
            *(PhoneHabits(),) * 8,
            PhoneHabits(stamped=False),
            PhoneHabits(echoes=False),
            PhoneHabits(echoes_flushed=False),
            PhoneHabits(loses_marks=share),
            PhoneHabits(doubles_marks=share),
            PhoneHabits(holds_marks=share),
            PhoneHabits(gap_ms=(gap_from_ms, gap_from_ms + rng.uniform(100, 2_000))),
            PhoneHabits(stamped=False, loses_marks=share, echoes_flushed=rng.random() < 0.5),
        )
    )


def _model(rng: Random, *, patient: bool) -> ModelHabits:
    slowest = rng.choice((1.0, 3.0, 3.0, 8.0))
    return ModelHabits(
        opens_ms=NEVER_MS if _one_in(rng, 40) else rng.uniform(50, 11_000 if _one_in(rng, 20) else 1_200),
        updates_ms=NEVER_MS if _one_in(rng, 60) else rng.uniform(10, 6_000 if _one_in(rng, 20) else 300),
        takes_mulaw=not _one_in(rng, 60),
        refuses_session=_one_in(rng, 60),
        interrupts=not _one_in(rng, 10),
        responds=not _one_in(rng, 12),
        onset_ms=rng.choice((20, 60, 120)),
        silence_ms=rng.choice((60, 200, 500)),
        first_audio_ms=rng.choice(((0, 50), (200, 600), (450, 2_000))),
        speed=(slowest, slowest + rng.choice((0, 2))),
        delta_ms=rng.choice(((20,), (20, 100, 250), (250,), (137, 251), (1_500,))),
        item_ms=(25_000, 35_000) if patient else rng.choice(((100, 900), (200, 5_000), (1_000, 12_000))),
        stalls=rng.choice((0, 0.2, 0.6)),
        leaks=rng.choice((0, 1, 2)),
        forgets_created=rng.choice((0, 0, 0.3)),
        doubles_created=rng.choice((0, 0, 0.3)),
        forgets_done=rng.choice((0, 0, 0.3)),
        fails=rng.choice((0, 0, 0.1, 0.5)),
        calls_functions=rng.choice((0, 0.1, 0.5)),
        errors=rng.choice((0, 0, 0.2)),
        missing_tail_ms=rng.choice((0, 0, 0, 85)),
        dies_ms=rng.uniform(100, 20_000) if _one_in(rng, 8) else NEVER_MS,
        expires=_one_in(rng, 4),
    )


def _one_in(rng: Random, count: int) -> bool:
    return rng.randrange(count) == 0


def _utterances(rng: Random, ends_ms: float, *, patient: bool) -> list[Utterance]:
    """The caller says something, waits, says more: at times almost at once, at times after a long while."""
    spoken: list[Utterance] = []
    at_ms = rng.uniform(0, 1_500)
    while at_ms < ends_ms:
        to_ms = at_ms + rng.choice((100, 200, 600, rng.uniform(100, 3_000)))
        spoken.append(Utterance(at_ms, to_ms))
        at_ms = to_ms + (rng.uniform(20_000, 26_000) if patient else _pause_ms(rng))
    return spoken


def _pause_ms(rng: Random) -> float:
    return rng.choice((200, 200, rng.uniform(100, 1_200), rng.uniform(500, 5_000), rng.uniform(500, 9_000)))
