"""Agents in conversation: their tools run, and they hand over."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from gateway.realtime import (
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAgentStartEvent,
    RealtimeAudio,
    RealtimeHandoffEvent,
    RealtimeToolApprovalRequired,
    RealtimeToolCallItem,
    RealtimeToolEnd,
    RealtimeToolStart,
    RunContextWrapper,
    ToolContext,
    function_tool,
    realtime_handoff,
)
from gateway.sim.realtime import RealtimeServer, Session
from tests.realtime.ear import soon
from tests.realtime.talk import acts, calls, outputs, says, sent, talk

ASKED = ["session.update", "conversation.item.create", "response.create"]
"""How every written turn begins."""
OUTPUT = "conversation.item.create"
DONE = says("There you are.")


@function_tool
async def look_up(q: int) -> str:
    """Look something up."""
    return f"found {q}"


@function_tool
async def fail() -> None:
    """Fail."""
    raise ValueError("out of order")


@function_tool(timeout=0.05)
async def sleep() -> None:
    """Never end."""
    await asyncio.Event().wait()


@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay."""
    return "paid"


def answered(count: int) -> Callable[[Session], bool]:
    """Whether the server was told of so many tools."""
    return lambda session: len(outputs(session)) == count


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_turns_outputs_go_out_before_one_response_is_asked_for(dialect: str) -> None:
    """
    All of them, once each, in either dialect; the agent then speaks of them.
    """
    turn = (calls("look_up", {"q": 1}, "call_1"), says("One moment."), calls("look_up", {"q": 2}, "call_2"))
    async with (
        RealtimeServer(acts(turn, (DONE,), dialect=dialect)) as server,
        talk(server, RealtimeAgent("A", tools=[look_up])) as (session, diary, far),
    ):
        await session.send_message("Look them up.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert sent(far) == [*ASKED, OUTPUT, OUTPUT, "response.create"]
        assert outputs(far) == {"call_1": "found 1", "call_2": "found 2"}
        items = [item for item in session.history if isinstance(item, RealtimeToolCallItem)]
        assert [(item.name, item.status, item.output) for item in items] == [
            ("look_up", "completed", "found 1"),
            ("look_up", "completed", "found 2"),
        ]
        known = [item.id for item in far.items if item.type in {"message", "function_call"}]
        assert [item.item_id for item in session.history] == known


async def test_a_slow_tool_holds_neither_the_audio_nor_another_tool_up() -> None:
    """
    The agent is heard to the end while it runs; the fast tool's output goes out, and the slow one's asks for an answer.
    """
    free = threading.Event()

    @function_tool
    def dawdle() -> str:
        return str(free.wait(5))

    turn = (calls("dawdle", call_id="slow"), calls("look_up", {"q": 1}, "fast"), says("One moment.", 600))
    async with (
        RealtimeServer(acts(turn, (DONE,), speed=50)) as server,
        talk(server, RealtimeAgent("A", tools=[dawdle, look_up])) as (session, diary, far),
    ):
        await session.send_message("Go.")
        await diary.until(RealtimeAgentEndEvent)
        await far.happened(answered(1))
        assert sum(len(event.audio.data) for event in diary.all(RealtimeAudio)) == 8 * 600
        assert (outputs(far), sent(far)[-1]) == ({"fast": "found 1"}, OUTPUT)
        free.set()
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert sent(far) == [*ASKED, OUTPUT, OUTPUT, "response.create"]
        assert outputs(far)["slow"] == "True"


@pytest.mark.parametrize(
    ("tool", "told"),
    [("fail", "out of order"), ("sleep", "did not answer within 0.05 s"), ("nothing", "no tool named 'nothing'")],
)
async def test_the_model_is_told_what_did_not_work(tool: str, told: str) -> None:
    """
    A tool that fails, one that takes too long, one that does not exist: the agent goes on.
    """
    async with (
        RealtimeServer(acts((calls(tool, call_id="call_1"),), (DONE,))) as server,
        talk(server, RealtimeAgent("A", tools=[fail, sleep])) as (session, diary, far),
    ):
        await session.send_message("Go.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert told in outputs(far)["call_1"]
        assert "error" not in diary.kinds


async def test_a_tool_is_told_of_from_its_beginning_to_its_end() -> None:
    """
    Whose it is, what the model said, and what it found, as it found it.
    """
    found = {"rooms": 3}

    @function_tool
    async def find(context: ToolContext[Any]) -> object:
        return found if context.context == "a guest" else None

    agent = RealtimeAgent("A", tools=[find])
    async with (
        RealtimeServer(acts((calls("find", call_id="call_1"),), (DONE,))) as server,
        talk(server, agent, context="a guest") as (session, diary, far),
    ):
        await session.send_message("Find one.")
        ended = await diary.until(RealtimeToolEnd)
        started = diary.all(RealtimeToolStart)[0]
        assert (started.agent, started.tool, started.arguments) == (agent, find, "{}")
        assert ended.output is found
        assert ended.info.context.context == "a guest"
        await far.happened(answered(1))


@pytest.mark.parametrize("approved", [True, False])
async def test_a_call_waits_for_somebodys_word(approved: bool) -> None:
    """
    It is made or not, and the agent answers either way.
    """
    async with (
        RealtimeServer(acts((calls("pay", call_id="call_1"),), (DONE,))) as server,
        talk(server, RealtimeAgent("A", tools=[pay])) as (session, diary, far),
    ):
        await session.send_message("Pay.")
        asked = await diary.until(RealtimeToolApprovalRequired)
        assert (asked.tool, asked.call_id, asked.arguments) == (pay, "call_1", "{}")
        if approved:
            await session.approve_tool_call("call_1")
        else:
            await session.reject_tool_call("call_1", rejection_message="not today")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert outputs(far) == {"call_1": "paid" if approved else "not today"}
        assert bool(diary.all(RealtimeToolStart)) is approved


async def test_nobody_has_to_agree_to_anything_when_the_session_is_closed() -> None:
    """
    It closes at once, and the tool never runs.
    """
    async with (
        RealtimeServer(acts((calls("pay"),))) as server,
        talk(server, RealtimeAgent("A", tools=[pay])) as (session, diary, _),
    ):
        await session.send_message("Pay.")
        await diary.until(RealtimeToolApprovalRequired)
        await soon(session.close())
        assert diary.all(RealtimeToolStart) == []


async def test_another_agent_takes_over_with_its_own_words_and_tools() -> None:
    """
    Formats and voice stay; the model is changed before it is told, and asked, so that the next response is the next
    agent's.
    """

    def instructions(context: RunContextWrapper[str], agent: RealtimeAgent[str]) -> str:
        return f"You are {agent.name}, talking to {context.context}."

    billing = RealtimeAgent("Billing", instructions, tools=[pay], handoff_description="Money.")
    front = RealtimeAgent("Front", "You are the front desk.", tools=[look_up], handoffs=[billing])
    async with (
        RealtimeServer(acts((says("I will ask."), calls("transfer_to_billing")), (DONE,))) as server,
        talk(server, front, context="Ada") as (session, diary, far),
    ):
        before = far.config["audio"]
        assert [tool["name"] for tool in far.config["tools"]] == ["look_up", "transfer_to_billing"]
        assert "Money." in far.config["tools"][1]["description"]
        await session.send_message("About my bill.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert sent(far) == [*ASKED, "session.update", OUTPUT, "response.create"]
        assert far.config["instructions"] == "You are Billing, talking to Ada."
        assert [tool["name"] for tool in far.config["tools"]] == ["pay"]
        assert far.config["audio"] == before
        assert far.config["audio"]["output"]["voice"] == "ash"
        handed = diary.all(RealtimeHandoffEvent)[0]
        assert (handed.from_agent, handed.to_agent, session.agent) == (front, billing, billing)
        assert [event.agent for event in diary.all(RealtimeAgentStartEvent)] == [front, billing]
        assert [event.agent for event in diary.all(RealtimeAgentEndEvent)] == [front, billing]


async def test_agents_hand_over_in_a_chain_and_back() -> None:
    """
    One after the other, each by its own ways.
    """
    first, second = RealtimeAgent[Any]("First", "1"), RealtimeAgent[Any]("Second", "2")
    third = RealtimeAgent("Third", "3", handoffs=[first])
    first.handoffs.append(second)
    second.handoffs.append(realtime_handoff(third, tool_name_override="onwards"))
    turns = [(calls(way),) for way in ("transfer_to_second", "onwards", "transfer_to_first")]
    async with RealtimeServer(acts(*turns, (DONE,))) as server, talk(server, first) as (session, diary, far):
        await session.send_message("Go.")
        await diary.until(RealtimeAgentEndEvent, times=4)
        assert [event.to_agent for event in diary.all(RealtimeHandoffEvent)] == [second, third, first]
        assert (far.config["instructions"], session.agent) == ("1", first)


async def test_of_two_handoffs_in_a_turn_the_first_is_made() -> None:
    """
    The model is told that the other was not; tools that it called beside them are still the first agent's.
    """
    second, third = RealtimeAgent("Second", "2"), RealtimeAgent("Third", "3")
    first = RealtimeAgent("First", "1", tools=[look_up], handoffs=[second, third])
    turn = (
        calls("transfer_to_second", call_id="call_1"),
        says("One moment.", 400),
        calls("transfer_to_third", call_id="call_2"),
        calls("look_up", {"q": 1}, "call_3"),
    )
    async with (
        RealtimeServer(acts(turn, (DONE,), speed=20)) as server,
        talk(server, first) as (session, diary, far),
    ):
        await session.send_message("Go.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert outputs(far)["call_1"] == '{"assistant": "Second"}'
        assert "error" in outputs(far)["call_2"]
        assert outputs(far)["call_3"] == "found 1"
        assert sent(far).count("response.create") == 2
        assert session.agent is second


async def test_an_agent_can_be_exchanged_from_outside() -> None:
    """
    That is no handoff: nobody is told of one, and what is said next is the next agent's.
    """
    async with (
        RealtimeServer(acts((calls("look_up", {"q": 1}, "call_1"),), (DONE,))) as server,
        talk(server, RealtimeAgent("A", "1")) as (session, diary, far),
    ):
        await session.update_agent(RealtimeAgent("B", "2", tools=[look_up]))
        await far.happened(lambda session: session.config["instructions"] == "2")
        await session.send_message("Look it up.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert outputs(far) == {"call_1": "found 1"}
        assert far.config["audio"]["output"]["voice"] == "ash"
        assert diary.all(RealtimeHandoffEvent) == []


async def test_tools_may_be_waited_for() -> None:
    """
    With `async_tool_calls` off, the session tells nothing more before a tool has answered.
    """
    free = asyncio.Event()

    @function_tool
    async def dawdle() -> str:
        await free.wait()
        return "done"

    turn = (calls("dawdle"), says("Here I am."))
    async with (
        RealtimeServer(acts(turn, (DONE,), speed=50)) as server,
        talk(server, RealtimeAgent("A", tools=[dawdle]), {"async_tool_calls": False}) as (session, diary, far),
    ):
        await session.send_message("Go.")
        await diary.until(RealtimeToolStart)
        await far.happened(lambda session: any(item.status == "completed" for item in session.items[1:]))
        assert diary.all(RealtimeAudio) == []
        free.set()
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert diary.kinds.index("tool_end") < diary.kinds.index("audio")
