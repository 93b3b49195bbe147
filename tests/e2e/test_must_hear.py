"""Some words have to be heard whole, and the call can show that they were."""

import hashlib
from typing import Any

from gateway.sim.phone import Phone
from gateway.sim.realtime import Session
from gateway.sim.verdict import Judgement, judge
from tests.e2e.exchange import (
    asked,
    entries,
    exchange,
    heard_by,
    noise,
    said_by_agent,
    said_by_caller,
    saying,
    sound,
)
from tests.e2e.interruptions import NEAR_MS, NET, SHORT, near

GREETING = "Hello, this is Ada."
NOTICE = "Calls are recorded."
TERMS = "The first minute is free, the others are not."


async def talked_over(phone: Phone, at_ms: float) -> None:
    """Let the caller speak when so much was heard, as if the agent did not, and hear the rest."""
    await phone.hears(at_least_ms=at_ms)
    phone.say(noise(300, 1))
    await phone.spoken()


async def answered(session: Session, phone: Phone) -> None:
    """Wait until the agent has said something to what the caller said, and the caller has heard it."""
    await session.happened(
        lambda session: said_by_caller(session) and said_by_agent(session).endswith(SHORT.audio or b"")
    )
    await phone.hears(at_least_ms=len(said_by_agent(session)) / 8)


def kept(receipt: dict[str, Any], text: str) -> bool:
    """Whether a receipt is for *text*."""
    return bool(receipt["details"]["text_sha256"] == hashlib.sha256(text.encode()).hexdigest())


async def test_a_greeting_may_have_to_be_heard() -> None:
    """
    Nothing cuts it, it leaves a receipt, and who has spoken over it is answered; the answer may be cut again.
    """
    behaviour = saying((sound(500, 1),), (sound(1_000, 2),), (SHORT,))
    greeting = {"text": GREETING, "interruptible": False}
    async with exchange(behaviour, greeting=greeting) as ex, ex.call(inbound=NET, outbound=NET) as (phone, session):
        await talked_over(phone, 200)
        await phone.hears(at_least_ms=700)
        assert phone.earpiece.clears == []
        phone.say(noise(200, 2))
        await phone.cleared()
        await session.happened(lambda session: session.truncations)
        await phone.hang_up()
        first, second = judge(session, phone.earpiece)[:2]
        assert first.judgement is Judgement.WHOLE
        assert near(ex, second)
        (receipt,) = await entries(ex, phone, "receipt")
        assert kept(receipt, GREETING)


async def test_what_must_be_heard_is_said_before_the_conversation() -> None:
    """
    Segment after segment is spoken, uncut, whatever the caller says meanwhile; then the caller is answered.
    """
    behaviour = saying((sound(200, 1),), (sound(500, 2),), (sound(400, 3),), (SHORT,))
    segments = [{"id": "notice", "text": NOTICE}, {"id": "terms", "text": TERMS}]
    async with exchange(behaviour, greeting=GREETING, must_hear=segments) as ex, ex.call() as (phone, session):
        await talked_over(phone, 300)
        await answered(session, phone)
        await phone.hang_up()
        assert heard_by(phone) == said_by_agent(session)
        assert (phone.earpiece.clears, session.truncations) == ([], [])
        words = [event["response"]["instructions"] for event in asked(session, "response.create")[:3]]
        assert [text in said for text, said in zip((GREETING, NOTICE, TERMS), words, strict=True)] == [True] * 3
        receipts = await entries(ex, phone, "receipt")
        assert [receipt["details"]["segment"] for receipt in receipts] == ["notice", "terms"]
        assert [kept(*receipt) for receipt in zip(receipts, (NOTICE, TERMS), strict=True)] == [True, True]


async def test_what_was_cut_short_is_said_again() -> None:
    """
    Where callers may cut in, it is played again from its start before the answer, until it was heard; nothing of it is
    truncated, and the one receipt says when the phone played it.
    """
    behaviour = saying((sound(500, 1),), (SHORT,))
    segments = [{"id": "notice", "text": NOTICE, "barge_in": "immediate"}]
    async with exchange(behaviour, must_hear=segments) as ex, ex.call() as (phone, session):
        for heard_ms in (150, 200):
            await phone.hears(at_least_ms=heard_ms)
            phone.say(noise(200, heard_ms))
            await phone.cleared()
        await phone.hears(at_least_ms=600)
        await phone.hang_up()
        again = phone.earpiece.clears[1].received_chunks
        assert heard_by(phone, again) == (sound(500, 1).audio or b"") + (SHORT.audio or b"")
        segment = next(item for item in session.items if item.role == "assistant")
        assert segment.id not in {cut.item_id for cut in session.truncations}
        (receipt,) = await entries(ex, phone, "receipt")
        details, begun_ms = receipt["details"], phone.earpiece.chunks[again].start_ms
        off_ms = max(abs(details["from_ms"] - begun_ms), abs(details["until_ms"] - begun_ms - 500))
        assert kept(receipt, NOTICE)
        assert off_ms <= NEAR_MS + ex.heartbeat.late_ms
        assert 0 <= receipt["at_ms"] - details["acked_ms"] <= 100 + ex.heartbeat.late_ms


async def test_a_caller_who_hangs_up_before_the_end_leaves_no_receipt() -> None:
    """
    What was not heard whole is not said to have been.
    """
    segments = [{"id": "notice", "text": NOTICE}]
    async with exchange(saying((sound(500, 1),)), must_hear=segments) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=400)
        await phone.hang_up()
        assert await entries(ex, phone, "receipt") == []
