"""
How long does the caller have to hear the agent after the model has noticed that they speak?

    python -m tests.bench.clear --calls 20

Takes the time from `speech_started` leaving the model's side to `clear` arriving on the provider's, through a gateway
in a process of its own and, in turn with it, through the barest relay that Python can do. The agent is being heard; in
front of the caller there is nothing more, or a burst of speech: ten deltas of 1.5 s each, written at once, in one call
at a time or in all calls at once. Nothing may wait in front of a clear, so in 95 of 100 the gateway may take no more
than 5 ms longer than the relay. Prints the figures of all rounds; exits with 1 when the goal is missed.
"""

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.bench.clear_agent import Burst, ClearAgent, ClearServer
from tests.bench.load import running
from tests.bench.load_call import Call, Window
from tests.bench.load_figures import percentile
from tests.bench.load_generator import calls_up

TARGETS = ("barest", "gateway")
PERCENTS = (50, 95, 99)
SLOWER_MS = 5.0
"""The gateway may be slower by this, in 95 of 100."""
REST_S = 0.5
CLEARED_WITHIN_S = 5.0
PLAYING, HEARD_S = Burst(4, 250), 0.3
"""What the caller hears when cutting in, and how much of it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What goes before the clear."""

    name: str
    in_front: Burst
    """Written just before the caller is noticed."""
    apart_s: float
    """From one call's caller to the next."""


SITUATIONS = (
    Situation("nothing in front", Burst(0, 0), apart_s=0.02),
    Situation("behind a burst, one call", Burst(10, 1_500), apart_s=0.1),
    Situation("behind bursts in all calls", Burst(10, 1_500), apart_s=0.0),
)
Found = dict[str, dict[str, list[float]]]
"""Delays in ms, by situation and target."""


async def delay_ms(situation: Situation, call: Call, agent: ClearAgent, turn: int) -> float:
    """Interrupt one call."""
    await asyncio.sleep(turn * situation.apart_s)
    call.cleared.clear()
    agent.answer(PLAYING)
    await asyncio.sleep(HEARD_S)
    agent.speak(situation.in_front)
    agent.notice_caller()
    async with asyncio.timeout(CLEARED_WITHIN_S):
        await call.cleared.wait()
    agent.give_way()
    return (call.cleared_s - agent.noticed_s) * 1000


async def delays_ms(situation: Situation, calls: Sequence[Call], server: ClearServer) -> list[float]:
    """Interrupt every call once."""
    agents = (server.agents[call.number] for call in calls)
    turns = (
        delay_ms(situation, call, agent, turn) for turn, (call, agent) in enumerate(zip(calls, agents, strict=True))
    )
    found = await asyncio.gather(*turns)
    await asyncio.sleep(REST_S)
    return found


async def bench(o: argparse.Namespace) -> Found:
    """All situations in every round, the targets in turn."""
    found: Found = {situation.name: {target: [] for target in TARGETS} for situation in SITUATIONS}
    async with ClearServer().listening() as server:
        for _ in range(o.rounds):
            for name in TARGETS:
                async with (
                    running(name, server.url, ()) as target,
                    calls_up(target, o.calls, Window(), server) as calls,
                ):
                    for situation in SITUATIONS:
                        for _ in range(o.times):
                            found[situation.name][name] += await delays_ms(situation, calls, server)
    return found


def figures(found: Found) -> dict[str, dict[str, dict[str, float]]]:
    """The percentiles of each target in each situation."""
    return {
        situation: {
            target: {f"p{percent}_ms": round(percentile(delays, percent), 2) for percent in PERCENTS}
            for target, delays in of_targets.items()
        }
        for situation, of_targets in found.items()
    }


def show(of_situations: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """Print the table; answers with a line for each goal that was missed."""
    missed = []
    print(f"{'ms':<30}{'':<6}" + "".join(f"{target:>10}" for target in TARGETS) + f"{'more':>10}{'goal':>8}")
    for situation, of_targets in of_situations.items():
        for name in of_targets["gateway"]:
            barest, gateway = (of_targets[target][name] for target in TARGETS)
            goal = f"{SLOWER_MS:g}" if name == "p95_ms" else ""
            print(f"{situation:<30}{name[:-3]:<6}{barest:>10.2f}{gateway:>10.2f}{gateway - barest:>10.2f}{goal:>8}")
            if goal and gateway - barest > SLOWER_MS:
                missed.append(f"missed: {situation}: {gateway - barest:.2f} ms slower, at most {goal} wanted")
    return missed


def main() -> int:
    """Measure, print, and say whether the goal is reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.clear", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="a process each, the targets in turn")
    parser.add_argument("--times", type=int, default=5, help="how often each call is interrupted in a round")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    o = parser.parse_args()
    gc.disable()  # a pause in here would count as the target's
    found = figures(uvloop.run(bench(o)))
    print(f"{o.calls} calls, interrupted {o.rounds * o.times} times each")
    missed = show(found)
    print("\n".join(missed))
    if o.json:
        o.json.write_text(json.dumps({"calls": o.calls, "situations": found}, indent=2) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
