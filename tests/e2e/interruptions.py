"""Callers who cut in, and what becomes of what they interrupt."""

from collections.abc import Iterable
from typing import Any

from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.realtime import Session
from gateway.sim.verdict import Judgement, Verdict, judge
from tests.e2e.exchange import Exchange, noise, sound

GREETING = "Hello."
NET = Network(80, 30)
NEAR_MS = 25
SHORT = sound(100, 9)
SPEECH_STARTED = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_x"}


async def cut(session: Session, times: int) -> None:
    """Wait until the agent has been told so many times."""
    await session.happened(lambda session: len(session.truncations) == times)


async def cut_in(phone: Phone, session: Session, *, heard_ms: float) -> None:
    """Let the caller speak when so much was heard, and wait until the agent has been told."""
    await phone.hears(at_least_ms=heard_ms)
    phone.say(noise(200, 1))
    await phone.cleared()
    await session.happened(lambda session: session.truncations)


async def interrupted(ex: Exchange, heard_ms: float, **options: Any) -> list[Verdict]:
    """A call in which the caller cuts in once; what became of every item."""
    async with ex.call(**options) as (phone, session):
        await cut_in(phone, session, heard_ms=heard_ms)
        await phone.hang_up()
        return judge(session, phone.earpiece)


def near(ex: Exchange, verdict: Verdict, limit_ms: float = NEAR_MS) -> bool:
    """Whether an item was cut where the caller cut in, as near as the machine let the telephone be on time."""
    allowed_ms = limit_ms + ex.heartbeat.late_ms
    return verdict.judgement is Judgement.CUT and abs(verdict.error_ms or 0) <= allowed_ms


def far(ex: Exchange, verdicts: Iterable[Verdict], limit_ms: float = NEAR_MS) -> list[Verdict]:
    """Those of several items that were cut elsewhere, or not at all."""
    return [verdict for verdict in verdicts if not near(ex, verdict, limit_ms)]
