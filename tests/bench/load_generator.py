"""
Puts a target under load, and measures it.

All calls are set up first; then, in the steady window, nothing happens but audio and marks. Memory is compared with
what an idle target has after one call, so that what the first call loads is not counted.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from xml.etree import ElementTree

import aiohttp

from tests.bench.load_agent import Agent, Speech
from tests.bench.load_call import Call, Window
from tests.bench.load_figures import Figures, Stopwatch, percentile, rss_kib
from tests.bench.load_phone import FRAME_BYTES, FRAME_MS, Phone

SETTLE_S = 1.0
DRAIN_S = 0.5
UP_WITHIN_S = 20.0
OVER_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is put under load."""

    pid: int
    stream_url: str = ""
    voice_url: str = ""
    """Asked for the stream of each call, as Twilio does; without it all calls go to *stream_url*."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much of it, and for how long."""

    calls: int
    seconds: float
    speech: Speech


@dataclass(slots=True)
class ModelServer:
    """Where the target opens its sessions; the load may differ from one run to the next."""

    speech: Speech
    calls: dict[int, Call] = field(default_factory=dict)
    url: str = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["ModelServer"]:
        """Serve on loopback."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Agent(self.speech, self.calls).wire, "127.0.0.1", 0, backlog=2048)
        async with server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
            yield self


_call_numbers = count(1)


async def measure(target: Target, load: Load, server: ModelServer) -> Figures:
    """One warm-up call, then all calls, then the figures."""
    server.speech = load.speech
    window = Window()
    async with calls_up(target, 1, window, server):
        await asyncio.sleep(SETTLE_S)
    idle_kib = rss_kib(target.pid)
    async with calls_up(target, load.calls, window, server) as calls:
        await asyncio.sleep(SETTLE_S)
        stopwatch, window.open = Stopwatch(target.pid), True
        await asyncio.sleep(load.seconds)
        window.open, (target_s, own_s, wall_s) = False, stopwatch.read_s()
        grown_kib = rss_kib(target.pid) - idle_kib
    inbound_ms = [ms for call in calls for ms in call.inbound.added_ms]
    outbound_ms = [ms for call in calls for ms in call.outbound.added_ms]
    missing_bytes = sum(abs(way.missing_bytes) for call in calls for way in (call.inbound, call.outbound))
    return Figures(
        cpu_ms_per_call_second=target_s * 1000 / (load.calls * wall_s),
        inbound_p50_ms=percentile(inbound_ms, 50),
        inbound_p99_ms=percentile(inbound_ms, 99),
        outbound_p50_ms=percentile(outbound_ms, 50),
        outbound_p99_ms=percentile(outbound_ms, 99),
        rss_kib_per_call=grown_kib / load.calls,
        lost_frames=missing_bytes / FRAME_BYTES,
        generator_cores=own_s / wall_s,
    )


@asynccontextmanager
async def calls_up(target: Target, calls: int, window: Window, server: ModelServer) -> AsyncIterator[Sequence[Call]]:
    """So many calls under way; at the end what is still in the target comes out, and all are hung up."""
    placed = [Call(next(_call_numbers), window) for _ in range(calls)]
    server.calls.update((call.number, call) for call in placed)
    phones = await _place(target, placed)
    try:
        yield placed
    finally:
        for call in placed:
            call.over = True
        await asyncio.sleep(DRAIN_S)
        async with asyncio.timeout(OVER_WITHIN_S):
            await asyncio.gather(*(phone.end() for phone in phones))
        server.calls.clear()


async def _place(target: Target, calls: Sequence[Call]) -> list[Phone]:
    """Place the calls one after the other, with their frames spread over the time between two."""
    phones = []
    async with aiohttp.ClientSession() as http, asyncio.timeout(UP_WITHIN_S):
        for index, call in enumerate(calls):
            call_sid = f"CA{call.number:032x}"
            phone = Phone(call, call_sid)
            url, parameters = await _stream(target, call_sid, http)
            await phone.begin(url, parameters, phase_s=FRAME_MS / 1000 * index / len(calls))
            phones.append(phone)
        await asyncio.gather(*(call.under_way.wait() for call in calls))
    return phones


async def _stream(target: Target, call_sid: str, http: aiohttp.ClientSession) -> tuple[str, Mapping[str, str]]:
    """Where the call is to be streamed to, and with what parameters."""
    if not target.voice_url:
        return target.stream_url, {}
    form = {"CallSid": call_sid, "From": "+15550100", "To": "+15550199", "CallStatus": "ringing"}
    async with http.post(target.voice_url, data=form) as response:
        twiml = ElementTree.fromstring(await response.text())
    stream = twiml.find("./Connect/Stream")
    if stream is None:
        raise RuntimeError(f"expected a stream, found {ElementTree.tostring(twiml, 'unicode')}")
    return stream.attrib["url"], {each.attrib["name"]: each.attrib["value"] for each in stream}
