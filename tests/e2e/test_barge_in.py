"""The caller cuts in, and the agent remembers what was heard and nothing else."""

import asyncio

from gateway.sim.network import Network
from gateway.sim.verdict import Judgement, Verdict, judge
from tests.e2e.exchange import Exchange, asked, exchange, noise, said_by_agent, saying, sound
from tests.e2e.interruptions import GREETING, NET, SHORT, cut, cut_in, far, interrupted, near


async def test_one_item_is_cut_at_what_was_heard() -> None:
    """
    Near or far, at the beginning or the end of an item, the cut is right to 25 ms.
    """
    async with exchange(saying((sound(2_500),), (SHORT,)), greeting=GREETING) as ex:
        calls = [
            interrupted(ex, 300 * number, inbound=net, outbound=net, seed=number)
            for number in range(1, 6)
            for net in (Network(), NET)
        ]
        first = [verdicts[0] for verdicts in await asyncio.gather(*calls)]
    assert far(ex, first) == []


async def interrupted_in_turn(ex: Exchange, seed: int) -> list[Verdict]:
    """A call on an uneven network, cut in on in the first of two items."""
    async with ex.call(inbound=NET, outbound=NET, seed=seed) as (phone, session):
        await cut_in(phone, session, heard_ms=400)
        await cut(session, 2)
        await phone.hang_up()
        return judge(session, phone.earpiece)


async def test_an_item_that_was_waiting_is_forgotten() -> None:
    """
    Of two items the first is cut where the caller cut in, and the second at its very beginning.
    """
    async with exchange(saying((sound(1_500, 1), sound(1_500, 2)), (SHORT,)), greeting=GREETING) as ex:
        audible, waiting = (await interrupted_in_turn(ex, 1))[:2]
    assert near(ex, audible)
    assert (waiting.heard_ms, waiting.truncated_ms) == (0, 0)


async def test_an_item_that_was_heard_is_kept() -> None:
    """
    Of two items the first, heard to its end, stays whole, and the second is cut where the caller cut in.
    """
    async with exchange(saying((sound(600, 1), sound(1_500, 2)), (SHORT,)), greeting=GREETING) as ex:
        heard, audible = (await interrupted(ex, 1_000, inbound=NET, outbound=NET))[:2]
    assert heard.judgement is Judgement.WHOLE
    assert heard.truncated_ms is None
    assert near(ex, audible)


async def test_nothing_is_forgotten_of_what_was_heard_to_the_end() -> None:
    """
    A caller who speaks when the agent has finished interrupts nobody: no clear, no truncate.
    """
    async with exchange(saying((sound(300),), (SHORT,)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=300)
        await phone.silent_for(100)
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=350)
        await phone.hang_up()
        assert (phone.earpiece.clears, session.truncations) == ([], [])
        assert all(verdict.judgement is not Judgement.WRONG for verdict in judge(session, phone.earpiece))
        assert "barge_ins_total{flushed_echo}" not in await ex.counts()


async def far_at_speed(speed: float) -> list[Verdict]:
    """A call to a model that speaks so many times faster than is spoken; the first item, if it is cut elsewhere."""
    async with exchange(saying((sound(2_000),), (SHORT,), speed=speed), greeting=GREETING) as ex:
        return far(ex, (await interrupted(ex, 700, inbound=NET, outbound=NET))[:1])


async def test_it_matters_not_how_fast_the_model_speaks() -> None:
    """
    The cut is right in the middle of a response, and long after the end of one.
    """
    assert await asyncio.gather(*(far_at_speed(speed) for speed in (1.2, 4.0, 50.0))) == [[], [], []]


async def interrupted_at_once(ex: Exchange, net: Network, seed: int) -> Verdict:
    """A call in which the caller speaks as soon as the agent does; what became of the first item."""
    async with ex.call(inbound=net, outbound=net, seed=seed) as (phone, session):
        await session.happened(said_by_agent)
        phone.say(noise(200, 1))
        await phone.cleared()
        await session.happened(lambda session: session.truncations)
        await phone.hang_up()
        return judge(session, phone.earpiece)[0]


async def test_a_caller_may_cut_in_at_once() -> None:
    """
    Before the first mark of the answer can be back, the cut is right all the same.
    """
    async with exchange(saying((sound(2_500),), (SHORT,)), greeting=GREETING) as ex:
        calls = [interrupted_at_once(ex, net, seed) for net in (NET, Network(200, 0)) for seed in range(6)]
        first = await asyncio.gather(*calls)
    assert far(ex, first) == []


async def test_every_interruption_is_settled_by_itself() -> None:
    """
    A caller who cuts in again and again has every answer cut where it was interrupted.
    """
    behaviour = saying(*((sound(2_000, seed),) for seed in range(5)))
    async with exchange(behaviour, greeting=GREETING) as ex, ex.call(inbound=NET, outbound=NET) as (phone, session):
        for number in range(1, 4):
            await phone.hears(at_least_ms=150 * number)
            phone.say(noise(200, number))
            await phone.cleared()
            await cut(session, number)
        await phone.hang_up()
        verdicts = judge(session, phone.earpiece)[:3]
    assert far(ex, verdicts) == []


async def test_an_item_may_end_while_the_clear_is_on_its_way() -> None:
    """
    What was heard to its end before the clear took effect is kept, though it was audible when the caller cut in.
    """
    far, behaviour = Network(200, 0), saying((sound(1_000),), (SHORT,))
    async with exchange(behaviour, greeting=GREETING) as ex, ex.call(inbound=far, outbound=far) as (phone, session):
        await phone.hears(at_least_ms=750)
        phone.say(noise(200, 1))
        await phone.cleared()
        await phone.hears(at_least_ms=50)
        await phone.hang_up()
        assert session.truncations == []
        assert judge(session, phone.earpiece)[0].judgement is Judgement.WHOLE


async def test_only_what_was_said_is_ever_truncated() -> None:
    """
    Every truncate names an item of the agent, with the first part of its content, in whole ms.
    """
    behaviour = saying((sound(1_500, 1), sound(500, 2)), (SHORT,))
    async with exchange(behaviour, greeting=GREETING) as ex, ex.call() as (phone, session):
        await cut_in(phone, session, heard_ms=300)
        await phone.hang_up()
    spoken = {item.id for item in session.items if item.role == "assistant"}
    for event in asked(session, "conversation.item.truncate"):
        assert event["item_id"] in spoken
        assert event["content_index"] == 0
        assert isinstance(event["audio_end_ms"], int)
        assert event["audio_end_ms"] >= 0
