"""A phone call that is answered by an agent in Python: its tools, its handoffs, its guardrails."""

import asyncio
import json
from typing import Any

import pytest

from gateway.agents import CallContext
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.guardrails import GuardrailFunctionOutput, output_guardrail
from gateway.realtime.run_context import RunContextWrapper, ToolContext
from gateway.realtime.tools import function_tool
from gateway.sim.phone import Phone
from gateway.sim.realtime import Call, Say, Session
from gateway.sim.verdict import judge
from tests.e2e.exchange import NUMBER, Exchange, asked, entries, exchange, fell_back, noise, saying, sound
from tests.e2e.interruptions import near

SECRET = "The key of the back door lies under the third flower pot from the left, and nobody ever looks there at all."
CALLER = "+15550100"


@function_tool
async def find_room(context: ToolContext[CallContext], nights: int) -> dict[str, object]:
    """Find a free room."""
    return {"room": 12, "nights": nights, "for": context.context.caller}


def outputs(session: Session) -> list[Any]:
    """What the model was told by tools, in order."""
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


async def test_a_tool_is_run_and_spoken_of() -> None:
    """
    With the call as its context, while the agent speaks on; the conversation tells of it.
    """
    hotel = RealtimeAgent(name="hotel", instructions="You sell rooms.", tools=[find_room])
    looks = (sound(400), Call("find_room", {"nights": 2}, "call_1"))
    async with exchange(saying(looks, (sound(300, 1),)), answered_by=hotel, greeting="Hello.") as ex:
        async with ex.call(caller=CALLER) as (phone, session):
            await phone.hears(at_least_ms=700)
            await phone.hang_up()
        (called,), (answered,) = [await entries(ex, phone, kind) for kind in ("tool_called", "tool_answered")]
    assert outputs(session) == [{"room": 12, "nights": 2, "for": CALLER}]
    assert session.config["instructions"] == "You sell rooms."
    assert (called["text"], json.loads(called["details"]["arguments"])) == ("find_room", {"nights": 2})
    assert answered["details"] == {"call_id": "call_1"}


async def test_a_handoff_keeps_formats_and_voice() -> None:
    """
    The next agent has its own instructions and tools, and all else of the session stays.
    """
    cakes = RealtimeAgent(name="cakes", instructions="You sell cakes.", tools=[find_room])
    bread = RealtimeAgent(name="bread", instructions="You sell bread.", handoffs=[cakes])
    replies = saying((Call("transfer_to_cakes", {}),), (sound(300),))
    async with exchange(replies, answered_by=bread, greeting="Hello.", goodbye={}, voice="cedar") as ex:
        async with ex.call() as (phone, session):
            await phone.hears(at_least_ms=300)
            await phone.hang_up()
        (handed_over,) = await entries(ex, phone, "handed_over")
        counts = await ex.counts()
    assert session.config["instructions"] == "You sell cakes."
    assert [tool["name"] for tool in session.config["tools"]] == ["find_room", "hang_up"]
    assert session.config["audio"]["output"]["voice"] == "cedar"
    assert session.config["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    assert handed_over["text"] == "cakes"
    assert counts["handoffs_total"] == 1


async def test_what_must_not_be_said_is_cut_where_it_was_heard() -> None:
    """
    The model is told what the caller has heard of it, and says something else.
    """

    @output_guardrail
    async def no_secrets(
        context: RunContextWrapper[CallContext], agent: RealtimeAgent[Any], text: str
    ) -> GuardrailFunctionOutput:
        """Look for flower pots, as long as it takes."""
        await heard.wait()
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="flower pot" in text)

    heard = asyncio.Event()
    porter = RealtimeAgent(name="porter", instructions="You keep secrets.", output_guardrails=[no_secrets])
    replies = saying((Say(SECRET, noise(4_000)),), (sound(300, 1),))
    async with exchange(replies, answered_by=porter) as ex:
        async with ex.call() as (phone, session):
            phone.say(noise(300))
            await phone.hears(at_least_ms=1_000)
            heard.set()
            await phone.cleared()
            await session.happened(lambda session: session.truncations)
            await phone.hears(at_least_ms=200)
            verdicts = judge(session, phone.earpiece)
            await phone.hang_up()
        (tripped,) = await entries(ex, phone, "guardrail")
        counts = await ex.counts()
        assert near(ex, verdicts[0])
    assert tripped["text"] == "no_secrets"
    assert counts["guardrails_tripped_total"] == 1
    assert "no_secrets" in asked(session, "response.create")[-1]["response"]["instructions"]


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_a_tool_waits_for_an_operator(decision: str) -> None:
    """
    The agent speaks on meanwhile; a rejection is told to the model, in the operator's words.
    """
    made = []

    @function_tool(needs_approval=True)
    async def give_away(what: str) -> str:
        """Give something away."""
        made.append(what)
        return "given"

    host = RealtimeAgent(name="host", tools=[give_away])
    replies = saying((Call("give_away", {"what": "the house"}, "call_1"), sound(200)), (sound(300),))
    async with exchange(replies, answered_by=host, greeting="Hello.") as ex:
        async with ex.call() as (phone, session):
            await phone.hears(at_least_ms=200)
            assert await decided(ex, phone, "call_9", decision) == 409
            assert await decided(ex, phone, "call_1", decision, "Never.") == 200
            await phone.hears(at_least_ms=500)
            await phone.hang_up()
        assert len(await entries(ex, phone, "approval_required")) == 1
        assert await decided(ex, phone, "call_1", decision) == 404
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    assert made == (["the house"] if decision == "approve" else [])
    assert [item["output"] for item in items if "output" in item] == ["given" if made else "Never."]


async def decided(ex: Exchange, phone: Phone, call_id: str, decision: str, message: str = "") -> int:
    """Decide about a tool; answers with the status."""
    url = f"{ex.address}/calls/{phone.call_sid}/tools/{call_id}/{decision}"
    async with ex.http.post(url, data=message) as answer:
        return answer.status


async def test_an_agent_that_cannot_be_had_leaves_the_call_to_the_fallback() -> None:
    """
    Instructions are code of others: what they raise ends in what the webhook answered, and in nothing worse.
    """

    def instructions(context: RunContextWrapper[CallContext], agent: RealtimeAgent[Any]) -> str:
        raise LookupError(f"nobody knows {context.context.called}")

    agent = RealtimeAgent(name="lost", instructions=instructions)
    async with exchange(answered_by=agent) as ex, ex.phone(to=NUMBER) as phone:
        await phone.dial()
        assert await fell_back(phone)
        assert (await ex.counts())["calls_total{failed}"] == 1
