"""
What does a call cost, and how long does its audio stay inside?

    python -m tests.bench.load --calls 50 --seconds 20

Runs a gateway in a process of its own under steady load, and in turn with it the barest relay that Python can do and
the naive bridge that one writes first, so that the ratios mean something on a noisy machine. The load plays both the
provider and the realtime server, in this process. Prints the medians of all rounds; exits with 1 when a goal is missed.
"""

import argparse
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench.bare_relay import relay_process
from tests.bench.gateway_process import gateway_process
from tests.bench.load_agent import Speech
from tests.bench.load_figures import Figures, medians
from tests.bench.load_generator import Load, ModelServer, Target, measure

TARGETS = ("barest", "naive", "gateway")
"""The least that Python can do, what one writes first, and the gateway."""
CPU = "cpu_ms_per_call_second"
GOALS = {
    CPU: 3.0,
    "inbound_p99_ms": 3.0,
    "outbound_p99_ms": 3.0,
    "rss_kib_per_call": 150.0,
    "lost_frames": 0.0,
}
REFERENCE_CPU_MS = 1.3
"""What the barest relay takes on the machine that the goal for CPU was set on, at most."""
HARDER_GOALS = {"lost_frames": 0.0}
"""For the loads after the first."""
BUSY_CORES = 0.85
"""From here on the generator measures itself."""
PIN_TARGET, PIN_GENERATOR = 0, 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    loads: tuple[Load, ...]
    rounds: int
    prefix: tuple[str, ...]


@dataclass(slots=True)
class Results:
    """What was measured under one load."""

    load: Load
    goals: Mapping[str, float]
    runs: dict[str, list[Figures]] = field(default_factory=lambda: {name: [] for name in TARGETS})

    def median(self, target: str) -> Figures:
        """Over all rounds."""
        return medians(self.runs[target])

    def slowness(self) -> float:
        """How much longer everything takes than on the machine of the goals, by the relay that ran in between."""
        return max(1.0, self.median("barest").cpu_ms_per_call_second / REFERENCE_CPU_MS)

    def missed(self) -> list[str]:
        """One line for each goal that the gateway missed."""
        found, delta_ms = self.median("gateway").as_dict(), self.load.speech.delta_ms
        return [
            f"missed: {name} is {found[name]:g}, at most {goal:g} wanted, with deltas of {delta_ms} ms"
            for name, goal in self.goals.items()
            if not found[name] <= goal
        ]

    def as_dict(self) -> dict[str, object]:
        """All runs and their medians."""
        return {
            "delta_ms": self.load.speech.delta_ms,
            "runs": {name: [run.as_dict() for run in runs] for name, runs in self.runs.items()},
            "median": {name: self.median(name).as_dict() for name in TARGETS},
        }


@asynccontextmanager
async def running(name: str, model_url: str, prefix: Sequence[str]) -> AsyncIterator[Target]:
    """One of the targets, in a process of its own."""
    if name == "gateway":
        async with gateway_process(model_url, prefix=prefix) as gateway:
            yield Target(gateway.pid, voice_url=f"{gateway.base_url}/twilio/voice")
    else:
        async with relay_process(name, model_url, prefix=prefix) as relay:
            yield Target(relay.pid, stream_url=relay.base_url.replace("http", "ws", 1) + "/media")


async def bench(plan: Plan) -> list[Results]:
    """Every load in every round, the targets in turn."""
    results = [Results(load, HARDER_GOALS if index else GOALS) for index, load in enumerate(plan.loads)]
    async with ModelServer(plan.loads[0].speech).listening() as server:
        for result in results:
            for _ in range(plan.rounds):
                for name in TARGETS:
                    async with running(name, server.url, plan.prefix) as target:
                        result.runs[name].append(await measure(target, result.load, server))
    return results


def show(result: Results) -> None:
    """Print one table."""
    medians_of = {name: result.median(name).as_dict() for name in TARGETS}
    head = "".join(f"{name:>10}" for name in TARGETS)
    print(f"deltas of {result.load.speech.delta_ms:>4} ms     {head}{'x barest':>10}{'goal':>8}")
    for name, found in medians_of["gateway"].items():
        barest = medians_of["barest"][name]
        ratio = f"{found / barest:.2f}" if barest > 0 else "-"
        goal = f"{result.goals[name]:g}" if name in result.goals else ""
        columns = "".join(f"{medians_of[target][name]:>10.2f}" for target in TARGETS)
        print(f"  {name:<24}{columns}{ratio:>10}{goal:>8}")
    if CPU in result.goals and (slowness := result.slowness()) > 1:
        at_reference_ms = medians_of["gateway"][CPU] / slowness
        print(f"  where the barest relay takes {REFERENCE_CPU_MS} ms of CPU, the gateway takes {at_reference_ms:.2f}")
    busiest = max(run.generator_cores for runs in result.runs.values() for run in runs)
    if busiest > BUSY_CORES:
        print(f"  warning: the generator took {busiest:.0%} of a core; delays are its own, place fewer calls")


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20, help="length of the steady window")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--delta-ms", type=int, nargs="+", default=[250, 20], help="all goals apply to the first")
    parser.add_argument("--lead-ms", type=int, default=500, help="how far agents are ahead of what is played")
    parser.add_argument("--pin", action="store_true", help="target on CPU 0, generator on CPU 1")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say which goals are missed."""
    o = options()
    if o.pin:
        os.sched_setaffinity(0, {PIN_GENERATOR})
    gc.disable()  # a pause in here would count as the target's; what a load leaves behind has no cycles
    prefix = ("taskset", "-c", str(PIN_TARGET)) if o.pin else ()
    loads = tuple(Load(o.calls, o.seconds, Speech(delta_ms, o.lead_ms)) for delta_ms in o.delta_ms)
    results = uvloop.run(bench(Plan(loads, o.rounds, prefix)))
    print(f"{o.calls} calls for {o.seconds:g} s, medians of {o.rounds} round(s)")
    for result in results:
        show(result)
    missed = [line for result in results for line in result.missed()]
    print("\n".join(missed))
    if o.json:
        figures = {"calls": o.calls, "seconds": o.seconds, "goals": GOALS, "loads": [r.as_dict() for r in results]}
        o.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
