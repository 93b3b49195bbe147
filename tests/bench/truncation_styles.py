"""How callers cut in."""

import asyncio
from collections.abc import Coroutine

from tests.bench.truncation_calls import Conversation

APART_S = 0.2
"""From one barge-in to the next, of callers who cut in twice."""
SECOND_WITHIN_S = 1.0
"""By then the second barge-in of two has come to what it comes to, which may be nothing."""
SILENT_MS = 3_000
"""After so long the agent has said all."""
BEFORE_A_MARK_S = 0.12
"""Who speaks no later than this after an answer was announced is noticed before its first mark is back."""


async def after_hearing_some(call: Conversation) -> None:
    """Listen to so much of an answer, or to the end; what is never heard does not count."""
    call.ask()
    while call.goes_on:
        await _hears_some(call)
        await call.cut_in()


async def at_any_time(call: Conversation) -> None:
    """Listen for so long, whether there is something to hear or not."""
    call.ask()
    while call.goes_on:
        await _hears_first(call)
        await asyncio.sleep(call.moment_ms() / 1000)
        await call.cut_in()


async def twice(call: Conversation) -> None:
    """Cut in, and again before the agent can have fallen silent."""
    call.ask()
    while call.goes_on:
        await _hears_some(call)
        first = asyncio.ensure_future(call.cut_in())
        await asyncio.sleep(APART_S)
        call.interrupt()
        await first
        await call.silenced(SECOND_WITHIN_S)


async def at_first_sound(call: Conversation) -> None:
    """Speak as soon as the agent is heard."""
    call.ask()
    while call.goes_on:
        await _hears_first(call)
        await call.cut_in()


async def before_the_first_mark(call: Conversation) -> None:
    """Speak so soon that the model notices before the first mark of its answer is back."""
    answers = _answers(call)
    call.ask()
    while call.goes_on:
        await _next_answer(call, answers)
        await asyncio.sleep(call.rng.uniform(0, BEFORE_A_MARK_S))
        answers = _answers(call)
        await call.cut_in()


def _answers(call: Conversation) -> int:
    """How many answers of the agent were announced."""
    return len({item.response_id for item in call.session.items if item.response_id})


async def _next_answer(call: Conversation, answers: int) -> None:
    await call.session.happened(lambda _: _answers(call) > answers)


async def _hears_first(call: Conversation) -> None:
    await call.phone.spoken()
    await call.phone.hears(at_least_ms=call.phone.heard_ms + 1)


async def _hears_some(call: Conversation) -> None:
    phone = call.phone
    await phone.spoken()
    before_ms = phone.heard_ms
    await phone.hears(at_least_ms=before_ms + 100)
    await _first(phone.hears(at_least_ms=before_ms + call.moment_ms()), phone.silent_for(SILENT_MS))


async def _first(*conditions: Coroutine[object, object, None]) -> None:
    """Wait until one of several conditions comes true."""
    tasks = [asyncio.ensure_future(condition) for condition in conditions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
