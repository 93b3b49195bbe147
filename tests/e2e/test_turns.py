"""A line may want to know who made a sound, and why, before its agent gives way."""

import asyncio

from gateway.sim.echo_path import EchoPath
from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, Say, Session
from gateway.sim.sounds import cough
from gateway.sim.verdict import Judgement, Verdict, judge
from gateway.sim.voices import FLITE, speak
from tests.e2e.exchange import Exchange, asked, exchange, heard_by, said_by_agent, said_by_caller, saying, sound
from tests.e2e.interruptions import GREETING, NEAR_MS, NET, SHORT, SPEECH_STARTED, near
from tests.real_parts import needs

ITEM = sound(900)
AGENT = "We are open from nine to six."
WORDS = "What time is it?"
PAUSE_MS = 600
"""As long as anyone may take to find out who it was, the network's time included."""


async def voice(text: str, speaker: str = "caller") -> bytes:
    """Words, in a real voice."""
    needs(FLITE)
    return (await speak(text, voice=speaker, engine=FLITE)).audio


def nothing(*_: object) -> str:
    """What is transcribed of a sound without words."""
    return ""


def untouched(session: Session) -> bool:
    """Whether the model was asked for one response, and not told that anybody has cut in on it."""
    kinds = ("response.create", "response.cancel", "conversation.item.truncate")
    return [len(asked(session, kind)) for kind in kinds] == [1, 0, 0]


def went_on(ex: Exchange, phone: Phone, item: bytes) -> bool:
    """Whether an item was stopped once, for no more than a moment, and spoken on where it was stopped."""
    (clear,) = phone.earpiece.clears
    before, after = (
        heard_by(phone)[: -len(heard_by(phone, clear.received_chunks))],
        heard_by(phone, clear.received_chunks),
    )
    assert item.startswith(before)
    assert item.endswith(after)
    pause_ms = phone.earpiece.chunks[clear.received_chunks].start_ms - clear.at_ms
    twice_ms = (len(before) + len(after) - len(item)) / 8
    late_ms = ex.heartbeat.late_ms
    return abs(twice_ms) <= NEAR_MS + late_ms and 100 <= pause_ms <= PAUSE_MS + late_ms


async def coughed_at(ex: Exchange, net: Network, seed: int) -> bool:
    """A call in which the caller coughs; whether the agent went on as if nothing had been."""
    async with ex.call(inbound=net, outbound=net, seed=seed) as (phone, session):
        await phone.hears(at_least_ms=150)
        phone.say(cough(seed))
        await phone.cleared()
        session.send(SPEECH_STARTED)
        await phone.hears(at_least_ms=100)
        await phone.quiet()
        await phone.hang_up()
        return went_on(ex, phone, said_by_agent(session)) and untouched(session)


async def coughs(speed: float) -> list[bool]:
    """Calls near and far to a model that speaks so many times faster than is spoken."""
    async with exchange(
        saying((ITEM,), (SHORT,), speed=speed, transcribe=nothing), greeting=GREETING, barge_in="confirmed"
    ) as ex:
        return await asyncio.gather(*(coughed_at(ex, net, seed) for net in (Network(), NET) for seed in range(2)))


async def test_a_cough_costs_a_pause_and_not_a_word() -> None:
    """
    The agent falls silent, and goes on at the byte at which it fell silent; the model is told and asked nothing. Speech
    that starts once more while it is not known who spoke changes nothing.
    """
    assert [*await asyncio.gather(coughs(1.2), coughs(20))] == [[True] * 4] * 2


async def spoken_to(speed: float, net: Network) -> list[str]:
    """A call in which the caller has something to say; what the model was told and asked after the greeting."""
    behaviour = saying((sound(1_500),), (SHORT,), speed=speed, late_deltas=2, transcribe=nothing)
    async with (
        exchange(behaviour, greeting=GREETING, barge_in="confirmed") as ex,
        ex.call(inbound=net, outbound=net) as (phone, session),
    ):
        await phone.hears(at_least_ms=150)
        phone.say(await voice(WORDS))
        await phone.cleared()
        await phone.hears(at_least_ms=100)
        await phone.hang_up()
        assert near(ex, judge(session, phone.earpiece)[0])
        (clear,) = phone.earpiece.clears
        assert SHORT.audio
        assert SHORT.audio.startswith(heard_by(phone, clear.received_chunks))
    return [received.type or "" for received in session.received[2:]]


async def test_a_caller_who_means_it_is_listened_to() -> None:
    """
    The item is cut where it fell silent, and the caller answered, from no other memory; nothing late gets through.
    """
    cut, cancel, ask = "conversation.item.truncate", "response.cancel", "response.create"
    calls = (spoken_to(speed, net) for speed in (20, 1.2) for net in (Network(), NET))
    long_done, long_done_far, under_way, under_way_far = await asyncio.gather(*calls)
    assert long_done == long_done_far == [cut, ask]
    assert sorted(under_way) == sorted(under_way_far) == [cut, cancel, ask]
    assert under_way[-1] == under_way_far[-1] == ask


async def said(text: str, delay_ms: float) -> tuple[int, Verdict]:
    """A call in which a short sound turns out to be words; how often the model was asked, and what was heard."""
    behaviour = saying((sound(1_800),), (SHORT,), transcribe=lambda *_: text, transcription_delay_ms=delay_ms)
    async with (
        exchange(behaviour, greeting=GREETING, barge_in="confirmed") as ex,
        ex.call(inbound=NET, outbound=NET) as (phone, session),
    ):
        await phone.hears(at_least_ms=150)
        phone.say(await voice("uh huh"))
        await phone.cleared()
        await phone.silent_for(500)
        await phone.hang_up()
        verdict = judge(session, phone.earpiece)[0]
        assert verdict.judgement is Judgement.WHOLE or near(ex, verdict, 2 * NEAR_MS)
    return len(asked(session, "response.create")), verdict


async def test_a_short_word_is_judged_by_what_it_says() -> None:
    """
    The very same sound is let pass as "Uh-huh.", and taken for an interruption as "No.", however late that is known.
    """
    nods, refusals = await asyncio.gather(
        asyncio.gather(*(said("Uh-huh.", delay_ms) for delay_ms in (20, 300))),
        asyncio.gather(*(said("No.", delay_ms) for delay_ms in (20, 300))),
    )
    assert [(asks, verdict.truncated_ms) for asks, verdict in nods] == [(1, None)] * 2
    assert [(asks, verdict.judgement) for asks, verdict in refusals] == [(2, Judgement.CUT)] * 2


ECHOES = (EchoPath(120, 12), EchoPath(90.3, 15, noise_rms=10))


async def talkative(words: str = "") -> Behaviour:
    """A server whose agent has a real voice, takes its time, and hears *words* in whatever comes back of it."""
    agent = Say(AGENT, await voice(AGENT, "agent"))
    return saying((agent,), (Say("", b""),), first_audio_ms=300, transcribe=lambda *_: words)


async def undisturbed(echo: EchoPath, barge_in: str) -> bool:
    """Whether an agent whose voice comes back, in words, is heard to the end on a line that guards against that."""
    async with (
        exchange(await talkative("nine to six"), greeting=GREETING, barge_in=barge_in, self_echo_guard=True) as ex,
        ex.call(echo=echo) as (phone, session),
    ):
        await phone.hears(at_least_ms=1_000)
        await phone.silent_for(350)
        await session.happened(said_by_caller)
        await phone.hang_up()
        return phone.earpiece.clears == [] and heard_by(phone) == said_by_agent(session) and untouched(session)


async def test_the_agent_is_not_interrupted_by_its_own_voice() -> None:
    """
    Near or far, and in words: what comes back from the phone is no caller on a line with a guard.
    """
    calls = (undisturbed(echo, barge_in) for echo in ECHOES for barge_in in ("immediate", "confirmed"))
    assert await asyncio.gather(*calls) == [True] * 4


async def test_without_the_guard_the_same_voice_interrupts() -> None:
    """
    The echoes of these tests are loud enough for a server to take them for a caller.
    """
    async with exchange(await talkative(), greeting=GREETING) as ex:
        for echo in ECHOES:
            async with ex.call(echo=echo) as (phone, _):
                await phone.cleared()


async def spoken_over(echo: EchoPath, barge_in: str) -> bool:
    """Whether a caller who speaks while the agent's voice comes back is listened to, and the item cut right."""
    words = await voice(WORDS)
    async with (
        exchange(await talkative(), greeting=GREETING, barge_in=barge_in, self_echo_guard=True) as ex,
        ex.call(echo=echo) as (phone, session),
    ):
        await phone.hears(at_least_ms=700)
        phone.say(words)
        await session.happened(lambda session: session.truncations)
        await phone.hang_up()
        return near(ex, judge(session, phone.earpiece)[0])


async def test_the_guard_hears_a_caller_over_the_echo() -> None:
    """
    Our own voice in the caller's does not hide the caller's.
    """
    calls = (spoken_over(echo, barge_in) for echo in ECHOES for barge_in in ("immediate", "confirmed"))
    assert await asyncio.gather(*calls) == [True] * 4


async def heard_out(speed: float) -> bool:
    """Whether an agent on whom no one can cut in is heard to the end, and then answers."""
    async with (
        exchange(saying((ITEM,), (SHORT,), speed=speed), greeting=GREETING, barge_in="off") as ex,
        ex.call(inbound=NET, outbound=NET) as (phone, session),
    ):
        await phone.hears(at_least_ms=200)
        phone.say(await voice(WORDS))
        await phone.spoken()
        await phone.hears(at_least_ms=950)
        await phone.quiet()
        await phone.hang_up()
        assert ITEM.audio
        assert SHORT.audio
        assert [len(asked(session, kind)) for kind in ("response.create", "response.cancel")] == [2, 0]
        return heard_by(phone) == ITEM.audio + SHORT.audio and (phone.earpiece.clears, session.truncations) == ([], [])


async def test_an_agent_may_be_allowed_to_finish() -> None:
    """
    Where barge-in is off nothing is cut or cancelled, and the caller is answered when the agent has finished.
    """
    assert [*await asyncio.gather(heard_out(1.2), heard_out(20))] == [True, True]
