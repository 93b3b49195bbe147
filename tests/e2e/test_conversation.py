"""A call can be followed as it goes on, by whoever may."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from gateway.sim.realtime import Behaviour
from tests.e2e.exchange import TOKEN, Exchange, exchange, noise, saying, sound

GREETING = "Hello."


def talkative() -> Behaviour:
    """A server that hears words in what the caller says."""
    words = 'wait\na "moment"'
    return saying((sound(1_500),), (sound(100, 1),), transcribe=lambda *_: words, transcription_delay_ms=5)


async def followed(ex: Exchange, call_sid: str, **headers: str) -> list[dict[str, Any]]:
    """All entries of a call, read until it is over."""
    async with ex.http.get(f"{ex.address}/calls/{call_sid}/conversation", headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/x-ndjson"
        return [json.loads(line) async for line in answer.content]


async def status(ex: Exchange, call_sid: str, **headers: str) -> int:
    """Whether a call may be followed."""
    async with ex.http.get(f"{ex.address}/calls/{call_sid}/conversation", headers=headers) as answer:
        return answer.status


async def interrupted_call(ex: Exchange, **options: Any) -> str:
    """A call that is greeted, cuts in, presses a key and hangs up; answers with its name."""
    async with ex.call(**options) as (phone, session):
        await phone.hears(at_least_ms=300)
        phone.say(noise(200, 1))
        await phone.cleared()
        await session.happened(lambda session: session.truncations)
        phone.press("5")
        await phone.hears(at_least_ms=100)
        await phone.hang_up()
        return phone.call_sid


async def test_a_conversation_is_told_in_order() -> None:
    """
    Who spoke, what was said, where the caller cut in and what of each item was heard, as it happened.
    """
    async with exchange(talkative(), greeting=GREETING) as ex:
        entries = await followed(ex, await interrupted_call(ex))
    kinds = [entry["kind"] for entry in entries]
    assert sorted(kinds) == sorted(
        ["agent_says", "caller_speaks", "barge_in", "heard", "key_pressed", "caller_said", "agent_says", "ended"]
    )
    assert kinds.index("barge_in") < kinds.index("heard") < kinds.index("caller_said")
    assert kinds[-1] == "ended"
    times_ms = [entry["at_ms"] for entry in entries]
    assert times_ms == sorted(times_ms)
    told = {entry["kind"]: entry for entry in entries}
    assert told["caller_said"]["text"] == 'wait\na "moment"'
    assert told["key_pressed"]["text"] == "5"
    (cut,) = told["heard"]["details"]["cuts"]
    assert 300 <= cut["heard_ms"] < cut["generated_ms"] == 1_500
    first, second = told["ended"]["details"]["items"]
    assert (first["item_id"], first["heard_ms"], first["truncated"]) == (cut["item_id"], cut["heard_ms"], True)
    assert (second["generated_ms"], second["truncated"]) == (100, False)


async def test_a_conversation_is_told_as_it_goes_on() -> None:
    """
    Whoever follows from the middle gets what was before, and then each entry when it happens.
    """
    async with exchange(saying((sound(300),)), greeting=GREETING) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=300)
        async with ex.http.get(f"{ex.address}/calls/{phone.call_sid}/conversation") as answer:
            assert json.loads(await answer.content.readline())["kind"] == "agent_says"
            phone.press("1")
            assert json.loads(await answer.content.readline())["text"] == "1"
            phone.press("2")
            assert json.loads(await answer.content.readline())["text"] == "2"
            await phone.hang_up()
            assert json.loads(await answer.content.readline())["kind"] == "ended"
            assert await answer.content.readline() == b""


async def test_a_follower_who_leaves_disturbs_nobody() -> None:
    """
    The call goes on when someone stops following it.
    """
    async with exchange(saying((sound(600),)), greeting=GREETING) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=50)
        async with ex.http.get(f"{ex.address}/calls/{phone.call_sid}/conversation") as answer:
            await answer.content.readline()
        await phone.hears(at_least_ms=550)
        await phone.hang_up()
        assert (await ex.counts())["calls_total{success}"] == 1


async def test_two_calls_are_told_apart() -> None:
    """
    Of two calls at once each has its own conversation, and one that never was has none.
    """
    async with exchange(saying((sound(200),)), greeting=GREETING) as ex, ex.call() as (one, _), ex.call() as (other, _):
        one.press("1")
        other.press("2")
        await one.hang_up()
        await other.hang_up()
        pressed = [
            [entry["text"] for entry in await followed(ex, phone.call_sid) if entry["kind"] == "key_pressed"]
            for phone in (one, other)
        ]
        assert pressed == [["1"], ["2"]]
        assert await status(ex, "CA-nobody") == 404


@pytest.mark.parametrize("host", ["gw.example.com", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1"])
async def test_without_a_secret_only_this_machine_is_told(host: str) -> None:
    """
    What comes through a tunnel, by any other name than this machine's, is refused with 403, also for calls unknown.
    """
    async with exchange(greeting=GREETING) as ex, ex.call() as (phone, _):
        assert await status(ex, phone.call_sid, Host=host) == 403
        assert await status(ex, "CA-nobody", Host=host) == 403
        assert await status(ex, "CA-nobody", Host="localhost") == 404


def seal(secret: str, path: str) -> dict[str, str]:
    """What shows that the secret is known."""
    return {"X-Gateway-Signature": hmac.new(secret.encode(), f"follow {path}".encode(), hashlib.sha256).hexdigest()}


async def test_with_a_secret_it_has_to_be_shown() -> None:
    """
    A follower from this machine too is refused without the signature of that very call; with it the name is no matter.
    """
    behaviour = saying((sound(200),))
    async with exchange(behaviour, auth_token=TOKEN, greeting=GREETING) as ex, ex.call(auth_token=TOKEN) as (phone, _):
        path = f"/calls/{phone.call_sid}/conversation"
        wrong: tuple[dict[str, str], ...] = (
            {},
            {"X-Gateway-Signature": "é"},
            seal("other", path),
            seal(TOKEN, "/calls/CA2/conversation"),
        )
        assert [await status(ex, phone.call_sid, **headers) for headers in wrong] == [403] * 4
        await phone.hears(at_least_ms=100)
        await phone.hang_up()
        entries = await followed(ex, phone.call_sid, **seal(TOKEN, path), Host="gw.example.com")
    assert [entry["kind"] for entry in entries] == ["agent_says", "ended"]
