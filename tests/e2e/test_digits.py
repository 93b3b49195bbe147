"""Keys, on a simulated phone: those that the caller presses for the agent, and those that the agent presses."""

import json
from typing import Any

from gateway.lines.agents import AgentSpec
from gateway.lines.keys import CollectDigits
from gateway.lines.menu import Menu, MenuKey
from gateway.sim.realtime import Call, Session
from gateway.sim.verdict import judge
from tests.audio.goertzel import received
from tests.e2e.exchange import asked, entries, exchange, heard_by, noise, played_to, saying, sound
from tests.e2e.interruptions import NET, near

GREETING = "Good morning."
DIGITS = CollectDigits()


def outputs(session: Session) -> list[dict[str, Any]]:
    """What the model was told by tools, in order."""
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


async def test_a_caller_enters_a_number() -> None:
    """
    The first key cuts what is being said, where the caller was; the number is spoken of when it is whole.
    """
    asks = (sound(5_000), Call("collect_digits", {"count": 4, "timeout_s": 5}, "call_1"))
    behaviour = saying((sound(200, 7),), asks, (sound(300, 1),), transcribe=lambda *_: "My number.")
    async with exchange(behaviour, greeting=GREETING, collect_digits=DIGITS) as ex:
        async with ex.call(inbound=NET, outbound=NET) as (phone, session):
            await phone.hears(at_least_ms=200)
            phone.say(noise(300))
            await phone.hears(at_least_ms=1_000)
            phone.press("12")
            await phone.cleared()
            phone.press("34")
            await phone.hears(at_least_ms=300)
            (cut,) = [verdict for verdict in judge(session, phone.earpiece) if verdict.truncated_ms is not None]
            await phone.hang_up()
        keys = [entry["text"] for entry in await entries(ex, phone, "key_pressed")]
        assert near(ex, cut)
        assert (await ex.counts())["dtmf_total"] == 4
    assert outputs(session) == [{"digits": "1234", "ended_by": "count"}]
    assert keys == ["1", "2", "3", "4"]
    assert heard_by(phone).endswith(noise(300, 1))


async def test_a_caller_who_enters_nothing_is_not_waited_for_without_end() -> None:
    """
    The time is counted from the last word of what was asked.
    """
    asks = (sound(800), Call("collect_digits", {"timeout_s": 1}, "call_1"))
    behaviour = saying(asks, (sound(300, 1),))
    async with (
        exchange(behaviour, greeting=GREETING, collect_digits=DIGITS) as ex,
        ex.call() as (phone, session),
    ):
        await phone.hears(at_least_ms=1_100)
        first, last = phone.earpiece.chunks[0], phone.earpiece.chunks[-1]
        assert last.start_ms - first.start_ms >= 800 + 1_000
        await phone.hang_up()
    assert outputs(session) == [{"digits": "", "ended_by": "timeout"}]


async def test_the_agent_presses_keys() -> None:
    """
    What is heard at the other end is what it said, then the keys, then what it says when told that they were heard.
    """
    presses = (sound(400), Call("send_dtmf", {"digits": "12#"}, "call_1"))
    async with (
        exchange(saying(presses, (sound(300, 1),)), greeting=GREETING, send_dtmf=True) as ex,
        ex.call(inbound=NET, outbound=NET) as (phone, session),
    ):
        await phone.hears(at_least_ms=400 + 600 + 300)
        heard = played_to(phone)
        await phone.hang_up()
    assert outputs(session) == [{"status": "pressed"}]
    assert (heard[: 400 * 8], heard[1_000 * 8 :]) == (noise(400), noise(300, 1))
    assert received(heard[400 * 8 : 1_000 * 8]) == "12#"
    assert not session.truncations


async def test_a_key_brings_another_agent() -> None:
    """
    A menu works without the model: what the agent is saying is cut, and the next one answers.
    """
    agents = {"german": AgentSpec(instructions="You speak German.")}
    line: dict[str, Any] = {"handoffs": ("german",), "agents": agents, "instructions": "You speak English."}
    menu = Menu(keys={"1": MenuKey(handoff="german")})
    async with exchange(saying((sound(5_000),), (sound(300, 1),)), greeting=GREETING, menu=menu, **line) as ex:
        async with ex.call(inbound=NET, outbound=NET) as (phone, session):
            await phone.hears(at_least_ms=500)
            phone.press("1")
            await phone.cleared()
            await phone.hears(at_least_ms=300)
            await phone.hang_up()
        (handed_over,) = await entries(ex, phone, "handed_over")
    assert handed_over["text"] == "german"
    assert session.config["instructions"] == "You speak German."
    assert outputs(session) == []
    assert heard_by(phone).endswith(noise(300, 1))
