"""
How far is `audio_end_ms` from what the caller heard?

    python -m tests.bench.truncation --calls 20 --net 80/30
    python -m tests.bench.truncation --matrix --json truncation.json
    python -m tests.bench.truncation --matrix --only stall --only no-acks --repeat 3

Places calls at once through a gateway in a process of its own. In every call the agent answers with one or more audio
items, and the caller cuts in at a random moment of what is played, several times. Each cut is held against the phone's
own account of what it played. Prints a table; exits with 1 when something is missing, wrong, refused or left whole,
or when the errors are larger than asked for.

With `--matrix` all conditions under which the promise is to be kept are measured one after the other, each against its
own goals; see `truncation_matrix`.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.sim.network import Network
from gateway.sim.realtime import Stall
from gateway.sim.verdict import Verdict
from gateway.sim.voices import available_engine, speak
from tests.bench.truncation_calls import Plan, answering, exchange
from tests.bench.truncation_figures import percentile, summary
from tests.bench.truncation_matrix import HEAD, ROWS, Result, Row, results, table_line
from tests.bench.truncation_sentences import INTERRUPTION, QUESTION, SENTENCES
from tests.bench.truncation_styles import after_hearing_some

__all__ = ["INTERRUPTION", "QUESTION", "SENTENCES", "percentile"]

LATEST_MS = 8_000
STALLS_AT_MS = 2_000


async def measure(o: argparse.Namespace) -> list[Verdict]:
    """Measure under the one condition that the options describe."""
    for sentence in SENTENCES:
        await speak(sentence)
    rng = random.Random(o.seed)

    def texts() -> list[str]:
        return rng.sample(SENTENCES, rng.randint(1, o.items))

    stall = Stall(STALLS_AT_MS, o.stall_ms) if o.stall_ms else None
    behaviour = answering(texts, delta_ms=o.delta_ms, stall=stall)
    question, interruption = [(await speak(text, voice="caller")).audio for text in (QUESTION, INTERRUPTION)]
    plan = Plan(o.calls, o.barge_ins, o.net, o.seed, behaviour, after_hearing_some, LATEST_MS, question, interruption)
    async with exchange() as parties:
        return (await parties.measure(plan)).verdicts


def one(o: argparse.Namespace) -> int:
    """Measure one condition, print, and say whether the promise is kept."""
    verdicts = asyncio.run(measure(o))
    figures = summary(verdicts)
    print(f"{o.calls} calls, {o.net.delay_ms:g}±{o.net.jitter_ms:g} ms each way, speech by {available_engine()}")
    for name, figure in figures.items():
        print(f"  {name:<24}{figure:>8}")
    for verdict in verdicts:
        if not verdict.right:
            print("  ", verdict)
    if o.json:
        o.json.write_text(json.dumps({"net": str(o.net), "seed": o.seed, **figures}, indent=2) + "\n")
    kept = figures["error_p50_ms"] <= o.p50_ms and figures["error_p95_ms"] <= o.p95_ms
    return 0 if kept and all(verdict.right for verdict in verdicts) else 1


async def measure_rows(rows: Sequence[Row], o: argparse.Namespace) -> list[Result]:
    """Measure, and print each row as soon as it is known."""
    print(f"{o.calls} calls with {o.barge_ins} barge-ins each, speech by {available_engine()}; all in ms")
    print(HEAD, flush=True)
    found = []
    seeds = range(o.seed, o.seed + o.repeat)
    async for result in results(rows, calls=o.calls, barge_ins=o.barge_ins, seeds=seeds):
        found.append(result)
        print(table_line(result), *map(str, result.astray), sep="\n    ", flush=True)
    return found


def matrix(o: argparse.Namespace) -> int:
    """Measure the rows that were asked for, and say whether all goals were reached."""
    rows = [row for row in ROWS if not o.only or row.name in o.only]
    found = asyncio.run(measure_rows(rows, o))
    missed = [result.row.name for result in found if result.missed]
    print(f"{len(found) - len(missed)} of {len(found)} rows reach their goals", *missed, sep="; missed: ")
    if o.json:
        figures = {"calls": o.calls, "barge_ins": o.barge_ins, "rows": [result.as_dict() for result in found]}
        o.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if missed else 0


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.truncation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--barge-ins", type=int, default=4, help="for each call")
    parser.add_argument("--items", type=int, default=2, help="audio items of a response, at most")
    parser.add_argument("--net", type=Network.parse, default=Network(80, 30), help="one-way delay/jitter in ms")
    parser.add_argument("--delta-ms", type=float, default=250)
    parser.add_argument("--stall-ms", type=float, default=0, help="the model stalls so long in mid-item")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--p50-ms", type=float, default=10, help="largest error allowed for half of the cuts")
    parser.add_argument("--p95-ms", type=float, default=25, help="largest error allowed for 95 in 100 cuts")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    rows = parser.add_argument_group("matrix")
    rows.add_argument("--matrix", action="store_true", help="measure all conditions, each against its own goals")
    rows.add_argument("--only", action="append", choices=[row.name for row in ROWS], metavar="NAME", help="this row")
    rows.add_argument("--repeat", type=int, default=1, help="measure each row with so many seeds")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say whether the promise is kept."""
    o = options()
    gc.disable()  # a pause in here would count as the gateway's error
    return matrix(o) if o.matrix else one(o)


if __name__ == "__main__":
    sys.exit(main())
