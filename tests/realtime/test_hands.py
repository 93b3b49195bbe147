"""The hands of an agent carry out what its run wishes, and report what comes of it."""

import asyncio
import json
import logging
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.agent import (
    AgentEvent,
    ChangeAgent,
    CheckSpeech,
    HandOver,
    RunTool,
    SpeechTripped,
    TookOver,
    ToolAnswered,
    ToolCall,
)
from gateway.realtime import (
    AgentHands,
    AgentObserver,
    FunctionTool,
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RunContextWrapper,
    ToolErrorFormatterArgs,
    UserError,
    function_tool,
    output_guardrail,
    realtime_handoff,
)
from gateway.realtime.guardrails import OutputGuardrailResult
from gateway.realtime.tool_calls import REFUSED
from tests.realtime.ear import soon

STAFF, GUEST = object(), object()


class Hands(AgentObserver):
    """Hands whose reports and observations are kept."""

    def __init__(self, *tools: FunctionTool, guardrails: Iterable[OutputGuardrail] = (), **options: Any) -> None:
        self.agent = RealtimeAgent[Any]("A", tools=[*tools], output_guardrails=[*guardrails])
        self.reports: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self.seen: list[tuple[str, ...]] = []
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.hands = AgentHands(self.agent, self.reports.put_nowait, observer=self, **options)

    def call(self, tool: str, arguments: str = "{}", *, call_id: str = "call_1") -> None:
        """The model calls a tool."""
        self.hands.carry_out(RunTool(ToolCall(call_id, tool, arguments)))

    async def answer(self) -> str:
        """What the model is told next."""
        event = await soon(self.reports.get())
        assert isinstance(event, ToolAnswered)
        return event.output

    def on_tool_started(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall) -> None:
        """Keep it."""
        self.seen.append(("started", agent.name, tool.name, call.call_id))

    def on_tool_ended(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall, output: Any) -> None:
        """Keep it."""
        self.seen.append(("ended", agent.name, tool.name, str(output)))

    def on_approval_required(self, agent: RealtimeAgent[Any], tool: FunctionTool, call: ToolCall) -> None:
        """Keep it."""
        self.asked.put_nowait(call.call_id)

    def on_handed_over(self, from_agent: RealtimeAgent[Any], to_agent: RealtimeAgent[Any]) -> None:
        """Keep it."""
        self.seen.append(("handed over", from_agent.name, to_agent.name))

    def on_guardrail_tripped(self, tripped: SpeechTripped, result: OutputGuardrailResult) -> None:
        """Keep it."""
        self.seen.append(("tripped", result.guardrail.get_name(), result.agent_output))


@function_tool
async def greet(name: str = "you") -> str:
    """Greet somebody."""
    return f"Hello, {name}."


@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay a bill."""
    return "paid"


def above_100(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    """Large sums want somebody's word."""
    return bool(arguments["sum"] > 100)


@function_tool(needs_approval=above_100)
async def spend(sum: int) -> str:  # noqa: A002 - what it is
    """Spend some."""
    return f"spent {sum}"


def guardrail(word: str, name: str | None = None) -> OutputGuardrail:
    """Trips over a word."""

    def check(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(word, word in output)

    return OutputGuardrail(check, name or word)


async def test_a_tool_is_seen_from_its_beginning_to_its_end() -> None:
    """
    With the agent whose tool it is, and what it found.
    """
    watched = Hands(greet)
    watched.call("greet", '{"name": "Ada"}')
    assert await watched.answer() == "Hello, Ada."
    assert watched.seen == [("started", "A", "greet", "call_1"), ("ended", "A", "greet", "Hello, Ada.")]


async def test_a_call_waits_until_somebody_agrees() -> None:
    """
    It does not run before; then it does.
    """
    watched = Hands(pay)
    watched.call("pay")
    assert await soon(watched.asked.get()) == "call_1"
    assert watched.seen == []
    watched.hands.approve("call_1")
    assert await watched.answer() == "paid"


async def test_a_call_that_is_refused_is_not_made_and_the_model_knows() -> None:
    """
    In the words of whoever refused, or of whoever runs the agent, or in ours.
    """

    def words(known: ToolErrorFormatterArgs) -> str | None:
        return f"no {known.tool_name}" if known.call_id == "call_3" else None

    watched = Hands(pay, tool_error_formatter=words)
    told = []
    for call_id, message in [("call_1", "too much"), ("call_2", None), ("call_3", None)]:
        watched.call("pay", call_id=call_id)
        watched.hands.reject(await soon(watched.asked.get()), message=message)
        told.append(await watched.answer())
    assert told == ["too much", json.dumps({"error": REFUSED}), "no pay"]
    assert watched.seen == []


@pytest.mark.parametrize("approved", [True, False])
async def test_a_verdict_may_hold_for_ever(approved: bool) -> None:
    """
    For all calls of that tool that wait, and all that come; nobody is asked again.
    """
    watched = Hands(pay)
    for call_id in ("call_1", "call_2"):
        watched.call("pay", call_id=call_id)
        await soon(watched.asked.get())
    decide = watched.hands.approve if approved else watched.hands.reject
    decide("call_2", always=True)
    watched.call("pay", call_id="call_3")
    told = {await watched.answer() for _ in range(3)}
    assert told == {"paid"} if approved else {json.dumps({"error": REFUSED})}
    assert watched.asked.empty()


async def test_who_has_to_agree_may_depend_on_the_arguments() -> None:
    """
    With arguments that make no sense nobody is asked, and the model is told.
    """
    watched = Hands(spend)
    watched.call("spend", '{"sum": 5}')
    assert await watched.answer() == "spent 5"
    watched.call("spend", '{"sum": 500}')
    watched.hands.approve(await soon(watched.asked.get()))
    assert await watched.answer() == "spent 500"
    watched.call("spend", '{"sum":')
    assert "malformed arguments" in await watched.answer()
    assert watched.asked.empty()


async def test_only_a_call_that_waits_can_be_decided_on() -> None:
    """
    Neither one that nobody made, nor one twice.
    """
    watched = Hands(pay)
    watched.call("pay")
    await soon(watched.asked.get())
    with pytest.raises(UserError, match="call_9"):
        watched.hands.approve("call_9")
    watched.hands.approve("call_1")
    await watched.answer()
    with pytest.raises(UserError, match="call_1"):
        watched.hands.reject("call_1")


async def test_a_handoff_is_answered_with_who_takes_over() -> None:
    """
    The next agent's instructions are found out then; from its change on, its tools are at hand.
    """

    async def instructions(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> str:
        return f"You are {agent.name}."

    watched = Hands()
    watched.agent.handoffs.append(RealtimeAgent("B", instructions, tools=[greet]))
    profile = await watched.hands.profile()
    assert profile.handoffs == {"transfer_to_b": "B"}
    watched.hands.carry_out(HandOver(ToolCall("call_1", "transfer_to_b", ""), "B"))
    event = await soon(watched.reports.get())
    assert isinstance(event, TookOver)
    assert (event.profile.name, event.profile.instructions) == ("B", "You are B.")
    watched.hands.carry_out(ChangeAgent(event.profile))
    watched.call("greet")
    assert await watched.answer() == "Hello, you."
    assert watched.seen[0] == ("handed over", "A", "B")


async def test_a_handoff_may_ask_why() -> None:
    """
    What the model says is checked, and told to whoever wants to know.
    """
    reasons = []

    def told(context: RunContextWrapper[Any], reason: str) -> None:
        reasons.append(reason)

    watched = Hands()
    watched.agent.handoffs.append(
        realtime_handoff(RealtimeAgent("B"), tool_name_override="ask_b", on_handoff=told, input_type=str)
    )
    await watched.hands.profile()
    watched.hands.carry_out(HandOver(ToolCall("call_1", "ask_b", "7"), "B"))
    assert "malformed arguments" in await watched.answer()
    watched.hands.carry_out(HandOver(ToolCall("call_2", "ask_b", '"a bill"'), "B"))
    assert isinstance(await soon(watched.reports.get()), TookOver)
    assert reasons == ["a bill"]


async def test_a_handoff_that_fails_leaves_the_agent_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """
    The model is told.
    """

    def broken(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> str:
        raise LookupError("nobody knows what B is told")

    watched = Hands()
    watched.agent.handoffs.append(RealtimeAgent("B", broken))
    watched.hands.carry_out(HandOver(ToolCall("call_1", "transfer_to_b", ""), "B"))
    assert "nobody knows" in await watched.answer()
    assert watched.hands.agent is watched.agent
    assert "LookupError" in caplog.text


@pytest.mark.parametrize(
    ("on_handoff", "input_type"), [(None, str), (lambda context: None, str), (lambda context, why: None, None)]
)
def test_who_is_told_of_a_handoff_has_to_take_what_is_told(on_handoff: Any, input_type: Any) -> None:
    """
    That is found out when the handoff is made, not when it is used.
    """
    with pytest.raises(UserError, match="on_handoff"):
        realtime_handoff(RealtimeAgent("B"), on_handoff=on_handoff, input_type=input_type)


async def test_the_model_is_told_of_what_is_enabled() -> None:
    """
    Tools and handoffs by the context, when the agent begins; tools that the server runs as they are.
    """

    def for_staff(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> bool:
        return context.context is STAFF

    secret = function_tool(name_override="secret", is_enabled=for_staff)(lambda: None)
    vault = realtime_handoff(RealtimeAgent("Vault"), is_enabled=for_staff)
    remote = {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example.com"}
    agent = RealtimeAgent("A", tools=[secret, remote, greet], handoffs=[vault])

    async def names(who: object) -> list[str]:
        profile = await AgentHands(agent, lambda event: None, context=RunContextWrapper(who)).profile()
        return [tool.get("name", tool.get("server_label")) for tool in profile.tools]

    assert await names(GUEST) == ["crm", "greet"]
    assert await names(STAFF) == ["secret", "crm", "greet", "transfer_to_vault"]


async def test_tools_that_a_model_could_not_tell_apart_are_refused() -> None:
    """
    Two of a name, be they tools or handoffs.
    """
    with pytest.raises(UserError, match="greet"):
        await AgentHands(RealtimeAgent("A", tools=[greet, greet]), lambda event: None).profile()


async def test_instructions_are_text() -> None:
    """
    What else a function finds is refused by the agent's name.
    """
    agent = RealtimeAgent("Ada", lambda context, agent: 7)  # type: ignore[arg-type, return-value]  # on purpose
    with pytest.raises(UserError, match="Ada"):
        await AgentHands(agent, lambda event: None).profile()


async def test_the_first_guardrail_that_trips_is_reported_at_once() -> None:
    """
    Whatever the others are still thinking; one that fails lets everything pass.
    """

    @output_guardrail
    async def slow(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        await asyncio.Event().wait()
        raise AssertionError

    @output_guardrail(name="broken")
    async def broken(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        raise ValueError("out of order")

    watched = Hands(guardrails=[slow, broken, guardrail("gin")], output_guardrails=[guardrail("rum")])
    watched.hands.carry_out(CheckSpeech("resp_1", "item_1", "some gin"))
    assert await soon(watched.reports.get()) == SpeechTripped("resp_1", "item_1", "gin")
    assert watched.seen == [("tripped", "gin", "some gin")]
    watched.hands.carry_out(CheckSpeech("resp_2", "item_2", "some rum"))
    assert await soon(watched.reports.get()) == SpeechTripped("resp_2", "item_2", "rum")
    await soon(watched.hands.close())


async def test_what_no_guardrail_minds_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """
    Nor what one fails over; the operator sees that.
    """

    def broken(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        raise ValueError("out of order")

    watched = Hands(guardrails=[OutputGuardrail(broken), guardrail("gin")])
    watched.hands.carry_out(CheckSpeech("resp_1", "item_1", "some tea"))
    await soon(watched.hands.idle())
    assert watched.reports.empty()
    assert "the guardrail broken failed" in caplog.text


async def test_closing_stops_what_runs_and_reports_nothing_more() -> None:
    """
    Tools, calls that wait for somebody's word, and checks; nothing begins after that.
    """
    stopped = asyncio.Event()

    @function_tool
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    watched = Hands(wait, pay)
    watched.call("wait")
    watched.call("pay", call_id="call_2")
    await soon(watched.asked.get())
    await soon(watched.hands.close())
    assert stopped.is_set()
    watched.call("greet")
    assert watched.reports.empty()


async def test_a_tool_may_close_the_hands_that_run_it() -> None:
    """
    It ends in peace.
    """
    ended = asyncio.Event()

    @function_tool
    async def hang_up() -> None:
        await watched.hands.close()
        ended.set()

    watched = Hands(hang_up)
    watched.call("hang_up")
    await soon(ended.wait())


async def test_a_tool_that_will_not_stop_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """
    Closing takes a second at most.
    """
    begun, free = asyncio.Event(), asyncio.Event()

    @function_tool
    async def stubborn() -> None:
        begun.set()
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    watched = Hands(stubborn)
    watched.call("stubborn")
    await soon(begun.wait())
    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(watched.hands.close(), 2.0)
    assert "does not stop" in caplog.text
    free.set()
