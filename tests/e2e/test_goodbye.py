"""The agent hangs up when its last words were heard, unless the caller has something to say."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, Call, Session
from gateway.sim.rest import TwilioRest
from gateway.sim.twiml import Hangup
from tests.e2e.exchange import (
    TOKEN,
    Exchange,
    asked,
    entries,
    exchange,
    fell_back,
    heard_by,
    noise,
    said_by_agent,
    said_by_caller,
    saying,
    sound,
)
from tests.e2e.interruptions import GREETING, NET, SHORT

LAST_WORDS = sound(600, 1)
HANG_UP = Call("hang_up")
TEXT = "Goodbye, and thank you for calling."


@asynccontextmanager
async def parting(
    behaviour: Behaviour, rest: TwilioRest, **line: Any
) -> AsyncIterator[tuple[Exchange, Phone, Session]]:
    """A call on a line whose agent may hang up, through *rest*."""
    options = {"auth_token": TOKEN, "twilio_api_url": rest.url, "greeting": GREETING, "goodbye": {}, **line}
    async with (
        exchange(behaviour, **options) as ex,
        ex.call(auth_token=TOKEN, inbound=NET, outbound=NET) as (phone, session),
    ):
        rest.register(phone)
        yield ex, phone, session


def told_model(session: Session) -> list[dict[str, Any]]:
    """What the model was told about its hang-ups."""
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


async def hung_up(ex: Exchange, phone: Phone, session: Session) -> bool:
    """Whether the provider has ended a call, with nothing left unheard and nothing said after it."""
    assert await phone.ended() is Ending.AGENT_HUNG_UP
    assert phone.fallback == [Hangup()]
    await session.happened(lambda session: session.closed)
    (ended,) = await entries(ex, phone, "ended")
    assert ended["text"] == "agent_hung_up"
    assert (await ex.counts())["calls_total{success}"] == 1
    return heard_by(phone) == said_by_agent(session)


async def last_words_heard(speed: float) -> bool:
    """A call to a model that speaks so many times faster than is spoken, and then hangs up; whether all was heard."""
    async with (
        TwilioRest(TOKEN) as rest,
        parting(saying((LAST_WORDS, HANG_UP), speed=speed), rest) as (ex, phone, session),
    ):
        whole = await hung_up(ex, phone, session)
        assert [dict(request.form) for request in rest.requests] == [{"Status": "completed"}]
        return whole and (phone.stream.stopped_ms or 0) >= phone.earpiece.dry_at_ms()


async def test_the_agent_hangs_up_when_its_last_words_were_heard() -> None:
    """
    However early it has asked for that, the provider is told once, after the last byte; and the fallback keeps quiet.
    """
    assert [*await asyncio.gather(last_words_heard(1.2), last_words_heard(20))] == [True, True]


async def test_a_line_may_have_words_for_it() -> None:
    """
    They are asked for when the agent wants to hang up, and heard to their end first.
    """
    behaviour = saying((LAST_WORDS, HANG_UP), (sound(300, 2),))
    async with TwilioRest(TOKEN) as rest, parting(behaviour, rest, goodbye=TEXT) as (ex, phone, session):
        assert await hung_up(ex, phone, session)
        assert len(said_by_agent(session)) == 900 * 8
        assert TEXT in asked(session, "response.create")[1]["response"]["instructions"]


async def listened_to(**line: str) -> list[str]:
    """A call whose caller speaks before the agent could hang up, and is answered; what the model was told of it."""
    behaviour = saying((LAST_WORDS, HANG_UP), (SHORT,), transcribe=lambda *_: "Wait!", transcription_delay_ms=5)
    async with TwilioRest(TOKEN) as rest, parting(behaviour, rest, **line) as (_, phone, session):
        await phone.hears(at_least_ms=200)
        phone.say(noise(400, 3))
        await session.happened(lambda session: said_by_agent(session).endswith(SHORT.audio or b""))
        await phone.silent_for(100)
        assert said_by_caller(session)
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP
        assert rest.requests == []
        return [told["status"] for told in told_model(session)]


async def test_a_caller_who_speaks_first_is_listened_to() -> None:
    """
    The model is told that the call goes on; the caller is answered, and the provider never asked: on every line.
    """
    calls = (listened_to(barge_in=mode) for mode in ("immediate", "off", "confirmed"))
    assert await asyncio.gather(*calls) == [["not hung up"]] * 3


async def test_a_provider_that_refuses_leaves_the_fallback(caplog: pytest.LogCaptureFixture) -> None:
    """
    When the call cannot be ended its stream is, the caller hears the fallback to its end, and the log says why.
    """
    behaviour = saying((LAST_WORDS, HANG_UP))
    async with TwilioRest("another secret") as rest, parting(behaviour, rest) as (_, phone, session):
        assert await fell_back(phone)
        assert heard_by(phone) == said_by_agent(session)
    assert [record.levelno for record in caplog.records if "would not end the call" in record.message] == [
        logging.WARNING
    ]
    assert TOKEN not in caplog.text


async def test_without_a_secret_the_stream_is_all_that_can_be_closed(caplog: pytest.LogCaptureFixture) -> None:
    """
    The caller hears everything, and then the fallback; the log says what is missing.
    """
    async with (
        exchange(saying((LAST_WORDS, HANG_UP)), greeting=GREETING, goodbye={}) as ex,
        ex.call() as (phone, session),
    ):
        assert await fell_back(phone)
        assert heard_by(phone) == said_by_agent(session)
    assert "without the provider's secret" in caplog.text
