"""Responses that fail are asked for again while that may help; tool calls are never left without an answer."""

import json

import pytest

from gateway.sim.realtime import Call, Fail, Reply, Say, Session
from tests.e2e.exchange import asked, exchange, fell_back, noise, played_to, saying, sound

GREETING = "Hello."
RATE_LIMIT = Fail("rate_limit_exceeded", "Rate limit reached for gpt-realtime.")


def greetings_asked_for(session: Session) -> list[str]:
    """The words of each `response.create`."""
    return [event.get("response", {}).get("instructions", "") for event in asked(session, "response.create")]


async def test_a_failed_response_is_asked_for_again() -> None:
    """
    A greeting that failed is asked for once more, in the same words, and the call goes on.
    """
    async with exchange(saying((RATE_LIMIT,), (sound(200),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=200)
        first, second = greetings_asked_for(session)
        assert GREETING in first
        assert second == first
        assert len(ex.gateway.calls) == 1


async def test_a_failed_answer_is_asked_for_again() -> None:
    """
    An answer that failed is asked for once more, and the caller hears it without having to repeat the question.
    """
    async with exchange(saying((RATE_LIMIT,), (sound(200),))) as ex, ex.call() as (phone, session):
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=200)
        assert greetings_asked_for(session) == [""]
        await phone.hang_up()
        counts = await ex.counts()
        assert counts["responses_total{failed}"] == counts["calls_total{success}"] == 1


async def test_three_failures_in_a_row_are_enough() -> None:
    """
    Then the caller hears the fallback, within a second or two.
    """
    async with exchange(saying((RATE_LIMIT,)), greeting=GREETING) as ex, ex.call() as (phone, session):
        assert await fell_back(phone)
        assert len(greetings_asked_for(session)) == 3


async def test_failures_that_are_not_in_a_row_are_forgiven() -> None:
    """
    A response that succeeds wipes the slate clean.
    """
    replies: list[Reply] = [
        (RATE_LIMIT,),
        (RATE_LIMIT,),
        (sound(150, 1),),
        (RATE_LIMIT,),
        (RATE_LIMIT,),
        (sound(150, 2),),
    ]
    async with exchange(saying(*replies), greeting=GREETING) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=150)
        await phone.silent_for(50)
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=300)
        assert len(ex.gateway.calls) == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached", "account_deactivated"])
async def test_a_quota_that_is_used_up_is_not_asked_again(code: str) -> None:
    """
    Where asking again cannot help, the first failure leads to the fallback.
    """
    async with exchange(saying((Fail(code),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        assert await fell_back(phone)
        assert len(greetings_asked_for(session)) == 1


async def test_what_was_said_before_a_failure_is_heard() -> None:
    """
    A response that fails in the middle has its beginning played before the fallback.
    """
    replies = (sound(400), Fail("insufficient_quota"))
    async with exchange(saying(replies), greeting=GREETING) as ex, ex.call() as (phone, _):
        assert await fell_back(phone)
        assert phone.earpiece.played_ms_since_clear(phone.stream.now_ms()) == 400


async def test_a_model_that_calls_a_tool_is_told_that_there_is_none() -> None:
    """
    Each call of a response is answered with an output, and then one response is asked for.
    """
    calls = (Call("book", {"day": "Monday"}, "call_1"), Call('drop"\n', "not JSON", "call_2"))
    async with exchange(saying(calls, (sound(200),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=200)
        outputs = [event["item"] for event in asked(session, "conversation.item.create")]
        assert [(item["type"], item["call_id"]) for item in outputs] == [
            ("function_call_output", "call_1"),
            ("function_call_output", "call_2"),
        ]
        assert all("error" in json.loads(item["output"]) for item in outputs)
        assert len(asked(session, "response.create")) == 2


async def test_a_model_may_speak_and_call_at_once() -> None:
    """
    What it says beside the call is heard first, and then what it makes of the output.
    """
    first = (Say("One moment.", noise(200, 1)), Call("book", "{}", "call_1"))
    async with exchange(saying(first, (sound(200, 2),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=400)
        assert played_to(phone) == noise(200, 1) + noise(200, 2)
        assert len(asked(session, "response.create")) == 2
