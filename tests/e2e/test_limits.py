"""A call that nobody ends, and a caller who waits for a tool: on a simulated phone, with a real conversation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.lines.limits import NoInput
from gateway.prices import PriceTable
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.tools import FunctionTool
from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, Call, Session
from gateway.sim.rest import TwilioRest
from gateway.sim.twiml import Hangup
from tests.e2e.exchange import TOKEN, Exchange, asked, entries, exchange, heard_by, noise, said_by_agent, saying, sound

GREETING = "Good morning."
LAST_WORDS = "We have to stop here."
PRICES = {"gpt-realtime": {"text": {"input": 1, "output": 1}, "audio": {"input": 1, "output": 1}}}


@asynccontextmanager
async def limited(behaviour: Behaviour, **line: Any) -> AsyncIterator[tuple[Exchange, Phone, Session]]:
    """A call on a line with limits, whose provider can be asked to end it."""
    async with TwilioRest(TOKEN) as rest:
        options = {"auth_token": TOKEN, "twilio_api_url": rest.url, "greeting": GREETING, **line}
        async with exchange(behaviour, **options) as ex, ex.call(auth_token=TOKEN) as (phone, session):
            rest.register(phone)
            yield ex, phone, session


def words(session: Session) -> list[str]:
    """What the agent was told to say, word for word, in order."""
    asked_for = [event["response"]["instructions"] for event in asked(session, "response.create") if event["response"]]
    return [text.split('"')[1] for text in asked_for]


async def ended_by(ex: Exchange, phone: Phone, limit: str, reason: str) -> None:
    """The provider was asked to end the call, everybody knows why, and nothing of the agent's words was lost."""
    assert await phone.ended() is Ending.AGENT_HUNG_UP
    assert phone.fallback == [Hangup()]
    (ended,), (noted,) = await entries(ex, phone, "ended"), await entries(ex, phone, "limited")
    assert (ended["text"], noted["text"]) == (reason, limit)
    counts = await ex.counts()
    assert (counts[f"calls_limited_total{{{limit}}}"], counts["calls_total{success}"]) == (1, 1)


async def test_a_caller_who_says_nothing_is_asked_and_then_hung_up_on() -> None:
    """
    Each prompt is heard, as long after what was said before as the line says; coughing on and on does not help.
    """
    silence = NoInput(after=timedelta(seconds=1), prompts=("Are you there?", "Hello?"))
    behaviour = saying((sound(300),), transcribe=lambda *_: "", transcription_delay_ms=5)
    async with limited(behaviour, no_input=silence, goodbye="Goodbye.") as (ex, phone, session):
        began_s = asyncio.get_running_loop().time()
        await ended_by(ex, phone, "no_input", "no_input")
        lasted_s = asyncio.get_running_loop().time() - began_s
        assert words(session) == [GREETING, "Are you there?", "Hello?", "Goodbye."]
        assert heard_by(phone) == said_by_agent(session)
        assert lasted_s >= 4 * 0.3 + 3 * 1


async def test_a_caller_who_says_something_is_not_asked() -> None:
    """
    What was said counts, by its words, from when they are known; a sound without any does not.
    """
    silence = NoInput(after=timedelta(seconds=1), prompts=("Are you there?",))
    heard = iter(["I am thinking.", ""])
    behaviour = saying((sound(100),), transcribe=lambda *_: next(heard, ""), transcription_delay_ms=5)
    async with limited(behaviour, no_input=silence) as (_, phone, session):
        for _ in range(2):
            await phone.silent_for(700)
            phone.say(noise(200))
            await phone.spoken()
        await session.happened(lambda session: "Are you there?" in words(session))
        assert words(session)[:2] == [GREETING, "Are you there?"]
        await phone.hang_up()


@pytest.mark.parametrize("text", [LAST_WORDS, None])
async def test_a_call_lasts_no_longer_than_it_may(text: str | None) -> None:
    """
    The line's words are heard to their end, and then the provider is asked to end the call.
    """
    line: dict[str, Any] = {"max_duration": timedelta(seconds=1.5), "limit_text": text}
    async with limited(saying((sound(400),)), **line) as (ex, phone, session):
        await ended_by(ex, phone, "duration", "too_long")
        assert words(session) == [GREETING, *([text] if text else [])]
        assert heard_by(phone) == said_by_agent(session)


async def test_a_call_costs_no_more_than_it_may() -> None:
    """
    As soon as the server has counted as much; nobody is cut off for it.
    """
    line: dict[str, Any] = {"max_cost": Decimal("0.000001"), "limit_text": LAST_WORDS}
    prices = PriceTable.model_validate({"currency": "EUR", "models": PRICES})
    async with limited(saying((sound(400),)), prices=prices, **line) as (ex, phone, session):
        await ended_by(ex, phone, "cost", "too_expensive")
        assert words(session) == [GREETING, LAST_WORDS]
        assert heard_by(phone) == said_by_agent(session)


async def test_a_slow_tool_has_its_words() -> None:
    """
    They are heard while it runs, and its answer is spoken of when it is there.
    """

    async def invoke(context: object, arguments: str) -> str:
        await answered.wait()
        return "Room 12."

    answered = asyncio.Event()
    schema = {"type": "object", "properties": {}, "required": []}
    tool = FunctionTool("find_room", "Find a room.", schema, invoke, filler="One moment, please.")
    hotel = RealtimeAgent(name="hotel", instructions="You sell rooms.", tools=[tool])
    replies = saying((Call("find_room", {}, "call_1"),), (sound(300, 1),), (sound(200, 2),))
    async with exchange(replies, answered_by=hotel, greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=300)
        assert words(session) == [GREETING, "One moment, please."]
        answered.set()
        await phone.hears(at_least_ms=500)
        assert len(asked(session, "response.create")) == 3
        await phone.hang_up()
