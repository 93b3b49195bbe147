"""
Calls in which the caller cuts in again and again, and the verdict on every item of them.

Calls are placed one after the other, since only their order tells whose session is whose, and then go on side by side.
How the caller cuts in is a `Style`.
"""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import aiohttp

from gateway.sim.earpiece import Earpiece
from gateway.sim.faults import PhoneFaults
from gateway.sim.network import Network
from gateway.sim.phone import NO_FAULTS, Phone
from gateway.sim.realtime import Behaviour, RealtimeServer, Say, Session, Stall, Turn
from gateway.sim.verdict import WHOLE_WITHIN_MS, Verdict, judge
from tests.bench.gateway_process import LINE, gateway_process
from tests.e2e.heartbeat import Heartbeat

CLEARED_WITHIN_S = 2.0
"""From the first word of the caller; when it takes longer there was nothing left to interrupt."""
EARLIEST_MS = 150
SETTLE_S = 0.1
OVER_WITHIN_S = 300.0

Style: TypeAlias = Callable[["Conversation"], Awaitable[None]]


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    calls: int
    barge_ins: int
    """In each call."""
    net: Network
    """Each way."""
    seed: int
    behaviour: Behaviour
    style: Style
    latest_ms: float
    """The caller listens no longer than this before cutting in."""
    question: bytes
    interruption: bytes
    faults: PhoneFaults = NO_FAULTS
    whole_within_ms: float = WHOLE_WITHIN_MS
    """Of an item that passes for heard whole no more than this went unheard."""


@dataclass
class Conversation:
    """One call under way, and what its caller means to do."""

    phone: Phone
    session: Session
    rng: random.Random
    plan: Plan
    barge_ins: int = 0

    @property
    def goes_on(self) -> bool:
        """Whether the caller is still to cut in."""
        return self.barge_ins < self.plan.barge_ins

    def moment_ms(self) -> float:
        """How long to listen this time."""
        return self.rng.uniform(EARLIEST_MS, self.plan.latest_ms)

    def ask(self) -> None:
        """Have the agent answer."""
        self.phone.say(self.plan.question)

    def interrupt(self) -> None:
        """Speak, whatever comes of it."""
        self.phone.say(self.plan.interruption)

    async def cut_in(self) -> None:
        """Speak; it counts if the agent falls silent of it."""
        self.interrupt()
        self.barge_ins += await self.silenced()

    async def silenced(self, within_s: float = CLEARED_WITHIN_S) -> bool:
        """Wait for the agent to fall silent; whether it did."""
        try:
            async with asyncio.timeout(within_s):
                await self.phone.cleared()
        except TimeoutError:
            return False
        return True


async def hang_up(phone: Phone, session: Session, net: Network) -> None:
    """End a call with no barge-in under way, and with nothing on its way that would seem to have been cut off."""
    await phone.spoken()
    await phone.hears(at_least_ms=phone.heard_ms + 100)
    await session.happened(lambda session: all(item.status != "in_progress" for item in session.items))
    await asyncio.sleep((net.delay_ms + net.jitter_ms) / 1000 + SETTLE_S)
    await phone.hang_up()


@dataclass(frozen=True)
class Measured:
    """What a plan came to."""

    verdicts: list[Verdict]
    late_ms: float
    """By how much this process was late at worst: so much of an error may be its own."""


@dataclass(frozen=True)
class Exchange:
    """A gateway, and the realtime server behind it."""

    voice_url: str
    server: RealtimeServer
    http: aiohttp.ClientSession
    dialling: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def measure(self, plan: Plan) -> Measured:
        """Place all calls of a plan, and judge what their agents remember."""
        gc.collect()
        self.server.behaviour = plan.behaviour
        with Heartbeat() as heartbeat:
            async with asyncio.timeout(OVER_WITHIN_S):
                calls = await asyncio.gather(*(self._call(plan, number) for number in range(plan.calls)))
        whole_within_ms = plan.whole_within_ms
        verdicts = [verdict for call in calls for verdict in judge(*call, whole_within_ms=whole_within_ms)]
        return Measured(verdicts, heartbeat.late_ms)

    async def _call(self, plan: Plan, number: int) -> tuple[Session, Earpiece]:
        """Place one call; it is judged when all are over, since that takes long enough to disturb the others."""
        rng = random.Random(plan.seed * 1000 + number)
        seed = rng.randrange(1 << 30)
        phone = Phone(
            self.voice_url, inbound=plan.net, outbound=plan.net, faults=plan.faults, seed=seed, session=self.http
        )
        async with phone:
            session = await self._dial(phone)
            await plan.style(Conversation(phone, session, rng, plan))
            await hang_up(phone, session, plan.net)
            return session, phone.earpiece

    async def _dial(self, phone: Phone) -> Session:
        async with self.dialling:
            await phone.dial()
            return await self.server.next_session()


@asynccontextmanager
async def exchange(line: str = LINE) -> AsyncIterator[Exchange]:
    """Start both; they serve any number of plans, one after the other."""
    async with (
        RealtimeServer() as server,
        gateway_process(server.url, line=line) as gateway,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        yield Exchange(f"{gateway.base_url}/twilio/voice", server, http)


def answering(
    texts: Callable[[], Sequence[str]], *, delta_ms: float, stall: Stall | None = None, first_audio_ms: float = 300
) -> Behaviour:
    """A server whose answers have one item for each text; generation may stand still in the middle."""

    def reply(_: Turn) -> tuple[Say, ...]:
        return tuple(Say(text) for text in texts())

    stalls = (stall,) if stall else ()
    return Behaviour(reply=reply, delta_ms=(delta_ms,), stalls=stalls, first_audio_ms=first_audio_ms)
