"""
The conditions under which the promise is to be kept, one row each.

Every row differs from the base in one thing or two, and has the goals of its kind. Rows run one after the other, so
that none disturbs another, against one gateway. Callers make a noise instead of speaking: it is short, and a turn of
theirs ends as soon as it does.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from gateway.sim.faults import PhoneFaults
from gateway.sim.network import Network
from gateway.sim.phone import NO_FAULTS
from gateway.sim.realtime import Stall
from gateway.sim.sounds import noise_burst
from gateway.sim.verdict import WHOLE_WITHIN_MS, Verdict
from gateway.sim.voices import speak
from tests.bench.gateway_process import LINE
from tests.bench.truncation_calls import Plan, Style, answering, exchange
from tests.bench.truncation_figures import Figures, audible_errors_ms, summary
from tests.bench.truncation_sentences import OPENINGS, SENTENCES
from tests.bench.truncation_styles import after_hearing_some, at_any_time, at_first_sound, before_the_first_mark, twice

SHORT_TURNS = LINE + "turn_detection: {{type: server_vad, silence_duration_ms: 60}}\n"
NOISE = noise_burst(140)
LATEST_MS = 4_500
IN_MID_ITEM = Stall(at_ms=2_200, length_ms=2_500)
"""All openings are over by then."""
USUAL, EVEN, FAR = Network(80, 30), Network(), Network(150, 60)


@dataclass(frozen=True)
class Goals:
    """The largest errors allowed, for half and for 95 in 100 of the cuts; None is not judged."""

    p50_ms: float | None = None
    p95_ms: float | None = None


ON_EVEN, NEAR = Goals(3, 10), Goals(10, 25)
UNFLUSHED, UNACKNOWLEDGED, NONE = Goals(p95_ms=60), Goals(p95_ms=120), Goals()


@dataclass(frozen=True)
class Row:
    """One set of conditions; what it does not say is as in the base."""

    name: str
    goals: Goals = NEAR
    net: Network = USUAL
    delta_ms: float = 250
    items: int = 2
    stall: Stall | None = None
    first_audio_ms: float = 300
    style: Style = after_hearing_some
    faults: PhoneFaults = NO_FAULTS

    def plan(self, *, calls: int, barge_ins: int, seed: int) -> Plan:
        """What is measured for it."""
        dice = Random(seed)

        def texts() -> list[str]:
            return [*dice.sample(OPENINGS, self.items - 1), dice.choice(SENTENCES)]

        behaviour = answering(texts, delta_ms=self.delta_ms, stall=self.stall, first_audio_ms=self.first_audio_ms)
        return Plan(
            calls,
            barge_ins,
            self.net,
            seed,
            behaviour,
            self.style,
            LATEST_MS,
            NOISE,
            NOISE,
            self.faults,
            self.whole_within_ms,
        )

    @property
    def whole_within_ms(self) -> float:
        """Who may be so far from the truth may not know of the last of an item whether it was heard."""
        return max(WHOLE_WITHIN_MS, self.goals.p95_ms or 0)


ROWS = (
    Row("base"),
    Row("net-0", ON_EVEN, net=EVEN),
    Row("net-50", net=Network(50, 20)),
    Row("net-150", NONE, net=FAR),
    Row("delta-100", delta_ms=100),
    Row("delta-300", delta_ms=300),
    Row("delta-1500", delta_ms=1_500),
    Row("one-item", items=1),
    Row("three-items", items=3),
    Row("stall", stall=IN_MID_ITEM, style=at_any_time),
    Row("stall-delta-1500", stall=IN_MID_ITEM, style=at_any_time, delta_ms=1_500),
    Row("twice", style=twice),
    Row("twice-quick-answer", style=twice, first_audio_ms=0),
    Row("first-sound-150", NONE, net=FAR, style=at_first_sound),
    Row("first-mark-150", NONE, net=FAR, style=before_the_first_mark),
    Row("marks-lost", faults=PhoneFaults(lose_mark_every=20)),
    Row("marks-doubled", faults=PhoneFaults(double_marks=True)),
    Row("marks-late", faults=PhoneFaults(mark_delay_ms=500)),
    Row("flushed-dropped", UNFLUSHED, faults=PhoneFaults(drop_flushed_marks=True)),
    Row("no-acks", UNACKNOWLEDGED, faults=PhoneFaults(no_marks=True)),
)


@dataclass(frozen=True)
class Result:
    """What was found in one row."""

    row: Row
    verdicts: Sequence[Verdict]
    late_ms: float
    """By how much this process was late at worst: so much of an error may be its own."""

    @cached_property
    def figures(self) -> Figures:
        """What it comes to."""
        return summary(self.verdicts)

    @cached_property
    def astray(self) -> list[Verdict]:
        """Items that met a fate which none should."""
        return [verdict for verdict in self.verdicts if not verdict.right]

    @property
    def missed(self) -> list[str]:
        """The goals that were not reached, each with what was found."""
        limits = {"error_p50_ms": self.row.goals.p50_ms, "error_p95_ms": self.row.goals.p95_ms}
        missed = [
            f"{name} {self.figures[name]:g} > {limit:g}"
            for name, limit in limits.items()
            if limit is not None and self.figures[name] > limit
        ]
        fates = Counter(verdict.judgement for verdict in self.astray)
        return missed + [f"{count} {fate}" for fate, count in fates.items()]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        row = self.row
        return {
            "name": row.name,
            "net": f"{row.net.delay_ms:g}/{row.net.jitter_ms:g}",
            "goals": {"p50_ms": row.goals.p50_ms, "p95_ms": row.goals.p95_ms},
            **self.figures,
            "errors_ms": [round(error_ms, 1) for error_ms in sorted(audible_errors_ms(self.verdicts))],
            "loop_late_ms": round(self.late_ms, 1),
            "missed": self.missed,
        }


async def results(rows: Sequence[Row], *, calls: int, barge_ins: int, seeds: Sequence[int]) -> AsyncIterator[Result]:
    """Measure one row after the other; what several seeds come to is put together."""
    for text in (*OPENINGS, *SENTENCES):
        await speak(text)
    async with exchange(SHORT_TURNS) as parties:
        for row in rows:
            plans = [row.plan(calls=calls, barge_ins=barge_ins, seed=seed) for seed in seeds]
            measured = [await parties.measure(plan) for plan in plans]
            yield Result(
                row,
                [verdict for one in measured for verdict in one.verdicts],
                max(one.late_ms for one in measured),
            )


ERROR_COLUMNS = (("p50", 7), ("p95", 7), ("max", 8), ("mean", 7))
HEAD = f"{'':<20}{'net':>8}{'cuts':>6}{'p50':>7}{'p95':>7}{'max':>8}{'mean':>7}{'goals':>8}{'failed':>8}{'late':>7}"


def table_line(result: Result) -> str:
    """One row as a line; errors and lateness in ms."""
    row, found = result.row, result.figures
    net = f"{row.net.delay_ms:g}±{row.net.jitter_ms:g}"
    goals = "/".join("-" if goal is None else f"{goal:g}" for goal in (row.goals.p50_ms, row.goals.p95_ms))
    errors = "".join(f"{found[f'error_{name}_ms']:>{width}.1f}" for name, width in ERROR_COLUMNS)
    verdict = "FAIL  " + ", ".join(result.missed) if result.missed else "PASS"
    counts = f"{found['cuts_of_audible_items']:>6}"
    return f"{row.name:<20}{net:>8}{counts}{errors}{goals:>8}{len(result.astray):>8}{result.late_ms:>7.1f}  {verdict}"
