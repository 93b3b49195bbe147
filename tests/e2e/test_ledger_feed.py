"""Whoever follows a call may ask for the ledger as well."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.exchange import Exchange, exchange, saying, sound

GREETING = "Hello."


async def kinds_told(ex: Exchange, call_sid: str) -> set[str]:
    """What a follower is told who asks for nothing."""
    async with ex.http.get(f"{ex.address}/calls/{call_sid}/conversation") as answer:
        return {json.loads(line)["kind"] async for line in answer.content}


async def ledger_entries(ex: Exchange, call_sid: str, ledger_ms: int) -> list[dict[str, Any]]:
    """What a follower is told of the ledger, until the call is over."""
    async with ex.http.get(f"{ex.address}/calls/{call_sid}/conversation?ledger_ms={ledger_ms}") as answer:
        entries = [json.loads(line) async for line in answer.content]
    return [entry for entry in entries if entry["kind"] == "ledger"]


async def test_the_ledger_is_told_as_it_grows() -> None:
    """
    Step by step, no oftener than asked, no figure of an item ever shrinks, and the last one is what was heard.
    """
    async with exchange(saying((sound(600),), speed=2), greeting=GREETING) as ex, ex.call() as (phone, _):
        telling = asyncio.create_task(ledger_entries(ex, phone.call_sid, 100))
        await phone.hears(at_least_ms=600)
        await phone.silent_for(250)
        await phone.hang_up()
        steps = await telling
    assert len(steps) >= 4
    assert all(later["at_ms"] - before["at_ms"] >= 99 for before, later in pairwise(steps))
    figures = [
        [item[name] for name in ("heard_ms", "sent_ms", "generated_ms")]
        for step in steps
        for item in step["details"]["items"]
    ]
    assert all(one == sorted(one) for one in figures)
    assert all(now >= then for before, later in pairwise(figures) for then, now in zip(before, later, strict=True))
    assert len({heard_ms for heard_ms, *_ in figures}) >= 3
    assert (figures[-1], steps[-1]["details"]["items"][-1]["state"]) == ([600, 600, 600], "heard_whole")


async def test_a_ledger_that_stands_still_is_not_told() -> None:
    """
    While nothing changes nothing is told, and whoever does not ask for the ledger never is.
    """
    async with exchange(saying((sound(200),)), greeting=GREETING) as ex, ex.call() as (phone, _):
        telling = asyncio.create_task(ledger_entries(ex, phone.call_sid, 100))
        not_asked = asyncio.create_task(kinds_told(ex, phone.call_sid))
        await phone.hears(at_least_ms=200)
        await phone.silent_for(900)
        await phone.hang_up()
        assert 1 <= len(await telling) <= 5
        assert "ledger" not in await not_asked


@pytest.mark.parametrize("ledger_ms", ["", "99", "10001", "-100", "1e3", "soon", "५००", "9" * 5_000])
async def test_an_interval_that_is_none_is_explained(ledger_ms: str) -> None:
    """
    A ledger is told every 100 to 10,000 ms; anything else is refused with 400, and the answer says what is expected.
    """
    async with exchange(greeting=GREETING) as ex, ex.call() as (phone, _):
        url = f"{ex.address}/calls/{phone.call_sid}/conversation"
        async with ex.http.get(url, params={"ledger_ms": ledger_ms}) as answer:
            assert (answer.status, answer.content_type) == (400, "text/plain")
            assert "expected 100 to 10000, found" in await answer.text()
