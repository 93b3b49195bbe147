"""A call, from the webhook to the end of both connections."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.sim.carrier import Ending
from gateway.sim.faults import PhoneFaults
from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, Session
from gateway.sim.voices import speak
from tests.e2e.exchange import (
    FRAME_BYTES,
    Exchange,
    asked,
    exchange,
    noise,
    played_to,
    said_by_agent,
    said_by_caller,
    saying,
    sound,
)
from tests.e2e.hand_stream import started

GREETING = "Good morning, this is Ada."
QUESTION = "Are you open today?"
SILENCE = b"\xff"
CLOSES_WITHIN_S = 2.0


def responses_done(count: int) -> Callable[[Session], bool]:
    """Whether so many responses have ended."""
    return lambda session: sum(event["type"] == "response.done" for event in session.sent) >= count


async def test_a_call_from_the_first_word_to_the_last() -> None:
    """
    The caller is greeted in the line's words, asks, is answered and hangs up; every byte of both is kept.
    """
    question = (await speak(QUESTION, voice="caller")).audio
    async with exchange(Behaviour(keep_events=True), greeting=GREETING) as ex, ex.call() as (phone, session):
        await session.happened(responses_done(1))
        greeting = (await speak(GREETING)).audio
        assert said_by_agent(session) == greeting
        await phone.hears(at_least_ms=len(greeting) / 8)
        assert greeting in phone.earpiece.heard(phone.stream.now_ms())
        phone.say(question)
        await session.happened(responses_done(2), timeout_s=8)
        await phone.hears(at_least_ms=len(greeting) / 8 + 200)
        await phone.hang_up()
        assert await phone.ended() == Ending.CALLER_HUNG_UP
    (turn,) = said_by_caller(session)
    assert turn.strip(SILENCE) == question.strip(SILENCE)
    assert played_to(phone) == said_by_agent(session)
    assert phone.warnings == {}
    assert phone.fallback == []
    assert session.truncations == []


@pytest.mark.parametrize("net", [Network(), Network(80, 30)])
async def test_nothing_is_lost_while_the_session_opens(net: Network) -> None:
    """
    However long the server takes to be ready, it gets all that the caller said since the stream began.
    """
    slow = saying((sound(200),), session_created_delay_ms=500, session_updated_delay_ms=400)
    question = noise(400, 1)
    async with exchange(slow) as ex, ex.call(inbound=net, outbound=net) as (phone, session):
        phone.say(question)
        await session.happened(said_by_caller)
        (turn,) = said_by_caller(session)
        before, found, after = turn.partition(question)
        assert found
        assert before.strip(SILENCE) == after.strip(SILENCE) == b""
        await phone.hang_up()
        await session.happened(lambda session: session.closed)
        frames = int(phone.stream.stopped_ms or 0) // 20 + 1
        assert abs(session.appended_bytes // FRAME_BYTES - frames) <= 1


async def test_audio_waits_for_the_session_to_know_its_format() -> None:
    """
    The configuration is the first thing the server is sent, once, and asks for mu-law both ways.
    """
    async with exchange(saying((sound(200),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=150)
        assert session.received[0].type == "session.update"
        (update,) = asked(session, "session.update")
        audio = update["session"]["audio"]
        assert audio["input"]["format"] == audio["output"]["format"] == {"type": "audio/pcmu"}


async def test_without_a_greeting_the_agent_waits() -> None:
    """
    Nothing is asked of the model until the caller has spoken, and then the server answers by itself.
    """
    async with exchange(saying((sound(200),))) as ex, ex.call() as (phone, session):
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=100)
        assert asked(session, "response.create") == []
        assert len(said_by_caller(session)) == 1


async def hang_up(phone: Phone) -> None:
    """End a call from the caller's side."""
    await phone.hang_up()


async def be_dropped(phone: Phone) -> None:
    """Lose the phone and everything it has open."""
    await phone.close()


@pytest.mark.parametrize(
    ("faults", "end"),
    [
        (PhoneFaults(), hang_up),
        (PhoneFaults(close_without_stop=True), hang_up),
        (PhoneFaults(stop_without_close=True), hang_up),
        (PhoneFaults(), be_dropped),
    ],
)
async def test_the_session_ends_with_the_call(faults: PhoneFaults, end: Callable[[Phone], Awaitable[None]]) -> None:
    """
    However the caller's side goes away, the model's is closed within 2 s, and so is the stream.
    """
    async with exchange(saying((sound(3_000),)), greeting=GREETING) as ex, ex.call(faults=faults) as (phone, session):
        await phone.hears(at_least_ms=100)
        before_s = asyncio.get_running_loop().time()
        await end(phone)
        await session.happened(lambda session: session.closed, timeout_s=CLOSES_WITHIN_S)
        await phone.ended()
        assert asyncio.get_running_loop().time() - before_s < CLOSES_WITHIN_S
        assert len(ex.gateway.calls) == 0
        assert (await ex.counts())["calls_total{success}"] == 1


async def test_the_session_ends_with_a_cut_cable() -> None:
    """
    A provider that vanishes without a close takes the model's session with it, within 2 s.
    """
    behaviour = saying((sound(3_000),))
    async with exchange(behaviour, greeting=GREETING) as ex, started(await ex.invited("CA1"), "CA1") as stream:
        await stream.expect("media")
        session = await ex.server.next_session()
        stream.cut()
        await session.happened(lambda session: session.closed, timeout_s=CLOSES_WITHIN_S)


async def test_hanging_up_early_leaves_no_session() -> None:
    """
    A caller who hangs up while the session is still opening leaves none behind.
    """
    async with exchange(saying((sound(200),), session_created_delay_ms=5_000)) as ex, ex.call() as (phone, session):
        await phone.hang_up()
        await session.happened(lambda session: session.closed, timeout_s=CLOSES_WITHIN_S)
        assert len(ex.gateway.calls) == 0


async def one_call(ex: Exchange, faults: PhoneFaults) -> None:
    """Place a call, be greeted and hang up."""
    async with ex.phone(faults=faults) as phone:
        await phone.dial()
        await phone.hears(at_least_ms=50)
        await phone.hang_up()
        await phone.ended()


async def test_a_call_leaves_nothing_behind() -> None:
    """
    When calls are over, the gateway has as many tasks as before the first of them.
    """
    async with exchange(saying((sound(2_000),)), greeting=GREETING) as ex:
        before = asyncio.all_tasks()
        faults = (PhoneFaults(), PhoneFaults(close_without_stop=True), PhoneFaults(stop_without_close=True))
        await asyncio.gather(*(one_call(ex, fault) for fault in faults * 2))
        for session in ex.server.sessions:
            await session.happened(lambda session: session.closed)
        left = asyncio.all_tasks() - before
        _, pending = await asyncio.wait(left, timeout=CLOSES_WITHIN_S) if left else (set(), set())
        assert not pending


async def marked_call(ex: Exchange, number: int) -> tuple[bytes, bytes]:
    """Say something that nobody else says; answers with it, and with all that was heard."""
    async with ex.phone() as phone:
        await phone.dial()
        phone.say(noise(300, 1_000 + number))
        await phone.hears(at_least_ms=400)
        await phone.hang_up()
        return noise(300, 1_000 + number), played_to(phone)


async def test_no_call_hears_another() -> None:
    """
    Of twenty calls at once, each gets the answer to its own words, and not one byte of another's.
    """
    seeds = iter(range(100, 200))
    behaviour = saying(reply=lambda turn: (sound(400, next(seeds)),))
    async with exchange(behaviour) as ex:
        calls = await asyncio.gather(*(marked_call(ex, number) for number in range(20)))
        assert len({heard for _, heard in calls}) == len(ex.server.sessions) == 20
        for words, heard in calls:
            (session,) = (one for one in ex.server.sessions if words in b"".join(said_by_caller(one)))
            assert heard == said_by_agent(session)
            assert b"".join(said_by_caller(session)).replace(words, b"").strip(SILENCE) == b""
