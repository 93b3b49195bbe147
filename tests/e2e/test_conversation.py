"""A call can be followed as it goes on, by whoever may."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from gateway.sim.realtime import Behaviour, Call
from gateway.sim.sounds import cough
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
    assert cut["truncated"] is True
    first, second = told["ended"]["details"]["items"]
    assert (first["item_id"], first["heard_ms"], first["truncated"]) == (cut["item_id"], cut["heard_ms"], True)
    assert (second["generated_ms"], second["truncated"]) == (100, False)


async def test_words_are_parted_where_the_caller_cut_in() -> None:
    """
    A cut and the account of its item have all of the item's words, heard and unheard; a whole item has no unheard ones.
    """
    async with exchange(talkative(), greeting=GREETING) as ex:
        entries = await followed(ex, await interrupted_call(ex))
    told = {entry["kind"]: entry["details"] for entry in entries if "details" in entry}
    (cut,) = told["heard"]["cuts"]
    assert cut["heard_text"] + cut["unheard_text"] == "Good morning."
    assert cut["unheard_text"] != ""
    assert cut["text_error_ms"] > 0
    first, second = told["ended"]["items"]
    assert (first["heard_text"], first["unheard_text"]) == (cut["heard_text"], cut["unheard_text"])
    assert (second["heard_text"], second["unheard_text"]) == ("Good morning.", "")


async def test_accounts_add_up() -> None:
    """
    Once the call is over, what was generated of each item was either heard or discarded, and its state says which.
    """
    async with exchange(talkative(), greeting=GREETING) as ex:
        *_, ended = await followed(ex, await interrupted_call(ex))
    first, second = ended["details"]["items"]
    for item in (first, second):
        assert item["heard_ms"] + item["discarded_ms"] == item["generated_ms"]
        assert item["heard_ms"] <= item["sent_ms"] <= item["generated_ms"]
    assert (first["state"], second["state"]) == ("cut", "heard_whole")
    assert (first["discarded_ms"] > 0, second["discarded_ms"]) == (True, 0)


async def test_a_cough_is_told_as_one() -> None:
    """
    Where barge-in is confirmed, whoever follows sees the clear, why it was for nothing, and that the agent went on.
    """
    async with exchange(saying((sound(2_500),)), greeting=GREETING, barge_in="confirmed") as ex:
        async with ex.call() as (phone, _):
            await phone.hears(at_least_ms=700)
            phone.say(cough(1))
            await phone.cleared()
            await phone.hears(at_least_ms=100)
            await phone.hang_up()
        entries = await followed(ex, phone.call_sid)
    kinds = [entry["kind"] for entry in entries if entry["kind"] not in {"caller_said", "agent_says"}]
    assert kinds == ["barge_in", "caller_speaks", "dismissed", "resumed", "ended"]
    told = {entry["kind"]: entry.get("details", {}) for entry in entries}
    assert told["dismissed"] == {"verdict": "noise"}
    assert 100 < told["resumed"]["silent_ms"] < 1_000


MUST_HEAR = [{"id": "terms", "text": "This call is recorded.", "barge_in": "immediate"}]


async def test_a_receipt_is_told() -> None:
    """
    Words that had to be heard leave a receipt as soon as the last of them was: which they were, and when.
    """
    async with exchange(saying((sound(400),)), must_hear=MUST_HEAR) as ex, ex.call() as (phone, _):
        async with ex.http.get(f"{ex.address}/calls/{phone.call_sid}/conversation") as answer:
            entries = [json.loads(await answer.content.readline()) for _ in range(2)]
        await phone.hang_up()
    receipt = next(entry for entry in entries if entry["kind"] == "receipt")
    details = receipt["details"]
    assert details["segment"] == "terms"
    assert details["text_sha256"] == hashlib.sha256(b"This call is recorded.").hexdigest()
    assert details["until_ms"] - details["from_ms"] == pytest.approx(400, abs=2 + ex.heartbeat.late_ms)
    assert receipt["at_ms"] - details["acked_ms"] < 200 + ex.heartbeat.late_ms


async def test_whoever_hangs_up_at_the_last_word_has_heard_it() -> None:
    """
    A caller who hangs up the moment the last word was played leaves a receipt all the same.
    """
    async with exchange(saying((sound(400),)), must_hear=MUST_HEAR) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=400)
        await phone.hang_up()
        entries = await followed(ex, phone.call_sid)
    assert [entry["kind"] for entry in entries][-2:] == ["receipt", "ended"]


async def test_what_must_be_heard_is_cut_but_not_forgotten() -> None:
    """
    A segment that is cut short and played again later was not truncated in the model's memory, and the cut says so.
    """
    async with exchange(saying((sound(1_000),)), must_hear=MUST_HEAR) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=300)
        phone.say(noise(200, 1))
        await phone.cleared()
        await phone.hears(at_least_ms=500)
        await phone.hang_up()
        entries = await followed(ex, phone.call_sid)
        assert not session.truncations
    (cut,) = next(entry for entry in entries if entry["kind"] == "heard")["details"]["cuts"]
    assert (cut["generated_ms"], cut["truncated"]) == (1_000, False)


async def test_hanging_up_is_told() -> None:
    """
    When the agent ends the call, the conversation says so before it ends.
    """
    behaviour = saying((sound(200), Call("hang_up")))
    async with exchange(behaviour, greeting=GREETING, goodbye={"wait_s": 5}) as ex, ex.call() as (phone, _):
        await phone.ended()
        entries = await followed(ex, phone.call_sid)
    assert [entry["kind"] for entry in entries] == ["agent_says", "hanging_up", "ended"]
    assert entries[-1]["text"] == "agent_hung_up"


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
