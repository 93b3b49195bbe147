"""
How far is `audio_end_ms` from what the caller heard?

    python -m tests.bench.truncation --calls 20 --net 80/30

Places calls at once through a gateway in a process of its own. In every call the agent answers with one or two audio
items, and the caller cuts in at a random moment of what is played, several times. Each cut is held against the phone's
own account of what it played. Prints a table; exits with 1 when something is missing, wrong, refused or left whole,
or when the errors are larger than asked for.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, RealtimeServer, Say, Session, Stall, Turn
from gateway.sim.verdict import Judgement, Verdict, judge
from gateway.sim.voices import available_engine, speak
from tests.bench.gateway_process import gateway_process

SENTENCES = (
    "Thank you for waiting, I have found the booking under your name for this Friday evening at half past seven.",
    "We are open from nine in the morning until six in the evening, and on Saturdays we close at two.",
    "The train leaves from platform four, and you will need to change once before you reach the airport.",
    "I can offer you a table by the window, or one on the terrace if the weather stays as fine as it is today.",
    "Your parcel left our warehouse yesterday, and the courier expects to deliver it before noon tomorrow.",
)
QUESTION = "Hello, can you help me?"
INTERRUPTION = "Sorry, one moment please."
LATEST_BARGE_IN_MS = 8_000


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    calls: int
    barge_ins: int
    items: int
    net: Network
    seed: int
    delta_ms: float
    stall_ms: float

    def behaviour(self) -> Behaviour:
        """The server's side of it."""
        rng = random.Random(self.seed)

        def reply(_: Turn) -> tuple[Say, ...]:
            return tuple(Say(text) for text in rng.sample(SENTENCES, rng.randint(1, self.items)))

        stalls = (Stall(at_ms=2_000, length_ms=self.stall_ms),) if self.stall_ms else ()
        return Behaviour(reply=reply, delta_ms=(self.delta_ms,), stalls=stalls)


class Bench:
    """One gateway, one realtime server, and the calls between them."""

    def __init__(self, plan: Plan, base_url: str, server: RealtimeServer, http: aiohttp.ClientSession) -> None:
        self._plan = plan
        self._voice_url = f"{base_url}/twilio/voice"
        self._server = server
        self._http = http
        self._dialling = asyncio.Lock()

    async def call(self, number: int) -> list[Verdict]:
        """Place a call, cut in again and again, and judge what the agent remembers."""
        rng = random.Random(self._plan.seed * 1000 + number)
        net = self._plan.net
        phone = Phone(self._voice_url, inbound=net, outbound=net, seed=rng.randrange(1 << 30), session=self._http)
        async with phone:
            session = await self._dial(phone)
            await self._converse(phone, rng)
            await phone.hang_up()
            return judge(session, phone.earpiece)

    async def _dial(self, phone: Phone) -> Session:
        async with self._dialling:
            await phone.dial()
            return await self._server.next_session()

    async def _converse(self, phone: Phone, rng: random.Random) -> None:
        question = (await speak(QUESTION, voice="caller")).audio
        interruption = (await speak(INTERRUPTION, voice="caller")).audio
        phone.say(question)
        barge_ins = 0
        while barge_ins < self._plan.barge_ins:
            await phone.spoken()
            before_ms = phone.heard_ms
            await phone.hears(at_least_ms=before_ms + 100)
            moment_ms = rng.uniform(150, LATEST_BARGE_IN_MS)
            await _first(phone.hears(at_least_ms=before_ms + moment_ms), phone.silent_for(3_000))
            phone.say(interruption)
            barge_ins += await _first(phone.spoken(), phone.cleared())
        await phone.spoken()
        await phone.hears(at_least_ms=phone.heard_ms + 100)


async def _first(*conditions: Coroutine[object, object, None]) -> int:
    """Which of several conditions comes true first."""
    tasks = [asyncio.ensure_future(condition) for condition in conditions]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return min(index for index, task in enumerate(tasks) if task in done)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def measure(plan: Plan) -> list[Verdict]:
    """Place all calls at once."""
    for sentence in SENTENCES:
        await speak(sentence)
    async with (
        RealtimeServer(plan.behaviour()) as server,
        gateway_process(server.url) as gateway,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        bench = Bench(plan, gateway.base_url, server, http)
        calls = await asyncio.gather(*(bench.call(number) for number in range(plan.calls)))
        return [verdict for verdicts in calls for verdict in verdicts]


def percentile(values: Sequence[float], share: float) -> float:
    """
    The value that *share* of all do not exceed.

    >>> percentile([1, 2, 3, 4], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def summary(verdicts: Sequence[Verdict]) -> dict[str, float | int]:
    """The figures of one run, in ms."""
    errors_ms = [verdict.error_ms for verdict in verdicts if verdict.error_ms is not None]
    audible_ms = [error for error, verdict in zip(errors_ms, _cuts(verdicts), strict=True) if verdict.heard_ms]
    sizes_ms = [abs(error) for error in audible_ms]
    counts = Counter(verdict.judgement for verdict in verdicts)
    return {
        "cuts": len(errors_ms),
        "cuts_of_audible_items": len(audible_ms),
        "error_p50_ms": round(percentile(sizes_ms, 0.50), 1),
        "error_p95_ms": round(percentile(sizes_ms, 0.95), 1),
        "error_max_ms": round(max(sizes_ms), 1),
        "error_mean_ms": round(statistics.fmean(audible_ms), 1),
        **{judgement.name.lower(): counts[judgement] for judgement in Judgement},
    }


def _cuts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.truncated_ms is not None]


def main() -> int:
    """Measure, print, and say whether the promise is kept."""
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
    o = parser.parse_args()
    plan = Plan(o.calls, o.barge_ins, o.items, o.net, o.seed, o.delta_ms, o.stall_ms)
    verdicts = asyncio.run(measure(plan))
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


if __name__ == "__main__":
    sys.exit(main())
