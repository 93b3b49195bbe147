"""Calls that come by SIP, from the webhook to the end, against the simulated service."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gateway.agents import CallContext
from gateway.call.sip_call import SipTerms
from gateway.realtime import GuardrailFunctionOutput, OutputGuardrail, RealtimeAgent, ToolContext, function_tool
from gateway.sim.realtime import Behaviour, Call, Reply, Say
from gateway.sim.sip import SipCall, SipEnding, SipFaults
from tests.e2e.exchange import asked, noise, saying, sound
from tests.e2e.sip_exchange import KEY, SipExchange, count, is_played, kept, says, sip_exchange, told_of

GREETING = "Good morning."


def speaking(*replies: Reply, **knobs: Any) -> Behaviour:
    """A server of the service, which remembers what it told."""
    return saying(*replies, api_key=KEY, keep_events=True, **knobs)


async def test_a_call_from_the_webhook_to_the_hang_up(tmp_path: Path) -> None:
    """
    It is accepted with the line's session, attached to, greeted and answered; the caller cuts in, and hangs up.
    """
    behaviour = speaking((sound(300),), (sound(3_000, 1),), (sound(200, 2),))
    async with sip_exchange(behaviour, state=tmp_path, greeting=GREETING, instructions="Be brief.") as ex:
        call, session = await ex.followed()
        accepted = json.loads(ex.asked("accept")[0])
        assert (accepted["type"], accepted["model"]) == ("realtime", "gpt-realtime")
        assert (accepted["instructions"], accepted["audio"]["output"]) == ("Be brief.", {"voice": "marin"})
        await session.happened(is_played)
        says(call)
        await session.happened(lambda session: count(session, "output_audio_buffer.started") == 2)
        says(call)
        await session.happened(lambda session: session.truncations and is_played(session, 2))
        assert not [event for event in session.received if str(event.type).startswith("conversation.item")]
        call.hang_up()
        assert await call.ended() is SipEnding.CALLER_HUNG_UP
        told = await told_of(ex, call.call_id)
    kinds = [entry["kind"] for entry in told]
    for kind in ("agent_says", "caller_speaks", "caller_said", "barge_in", "truncated"):
        assert kind in kinds
    assert (told[-1]["kind"], told[-1]["text"]) == ("ended", "caller_hung_up")
    assert ex.asked("hangup") == []
    assert kept(tmp_path) == []


async def ended(ex: SipExchange, call: SipCall) -> tuple[str, str]:
    """How the gateway says that a call ended."""
    last = (await told_of(ex, call.call_id))[-1]
    return last["details"]["result"], last["text"]


async def test_words_that_must_be_heard_are_said_in_order_and_cannot_be_cut(tmp_path: Path) -> None:
    """
    Each in a response of its own, when the one before was played; the caller who speaks meanwhile is answered behind
    the last, each leaves a receipt, and from then on the turns are the server's.
    """
    words = [{"id": "recording", "text": "This is recorded."}, {"id": "terms", "text": "It is binding."}]
    behaviour = speaking((sound(300),), (sound(200, 1),), (sound(250, 2),))
    async with sip_exchange(behaviour, state=tmp_path, greeting=GREETING, must_hear=words) as ex:
        call, session = await ex.followed()
        says(call)
        await session.happened(lambda session: is_played(session, 4))
        call.hang_up()
        told = await told_of(ex, call.call_id)
    said = [event.get("response", {}).get("instructions", "") for event in asked(session, "response.create")]
    assert [next((text for text in (GREETING, "recorded", "binding") if text in words), "") for words in said] == [
        GREETING,
        "recorded",
        "binding",
        "",
    ]
    assert not session.truncations
    assert [entry["details"]["segment"] for entry in told if entry["kind"] == "receipt"] == ["recording", "terms"]
    first, *_, last = [
        event["session"]["audio"]["input"]["turn_detection"] for event in asked(session, "session.update")
    ]
    assert (first["create_response"], first["interrupt_response"]) == (False, True)
    assert (last["create_response"], last["interrupt_response"]) == (True, True)


async def test_the_agent_hangs_up_when_its_last_words_were_heard(tmp_path: Path) -> None:
    """
    The service is asked once, after the last byte.
    """
    behaviour = speaking((sound(400), Call("hang_up")))
    async with sip_exchange(behaviour, state=tmp_path, greeting=GREETING, goodbye={}) as ex:
        call, session = await ex.followed()
        assert await call.ended() is SipEnding.AGENT_HUNG_UP
        assert is_played(session)
        assert await ended(ex, call) == ("success", "agent_hung_up")
        counts = await ex.counts()
    assert len(ex.asked("hangup")) == 1
    assert (counts["agent_hang_ups_total"], counts["calls_total{success}"]) == (1, 1)
    assert kept(tmp_path) == []


async def test_a_pressed_key_is_noted(tmp_path: Path) -> None:
    """
    The service tells of it, since the gateway does not hear the caller.
    """
    async with sip_exchange(speaking(), state=tmp_path) as ex:
        call, session = await ex.followed()
        session.press("7")
        says(call)
        await session.happened(is_played)
        call.hang_up()
        told = await told_of(ex, call.call_id)
        counts = await ex.counts()
    assert [entry["text"] for entry in told if entry["kind"] == "key_pressed"] == ["7"]
    assert counts["dtmf_total"] == 1


KITCHEN = {"kitchen": "+15550155"}
PASSES_ON = (sound(200), Call("transfer", {"destination": "kitchen"}))


async def test_a_call_is_passed_on(tmp_path: Path) -> None:
    """
    When the caller has heard that it will be; the call has left then, and is not ended by us.
    """
    async with sip_exchange(
        speaking(PASSES_ON), state=tmp_path, faults=SipFaults(refer_ms=50), greeting=GREETING, transfer=KITCHEN
    ) as ex:
        call, session = await ex.followed()
        assert await call.ended() is SipEnding.TRANSFERRED
        assert is_played(session)
        assert call.referred_to == ["tel:+15550155"]
        assert await ended(ex, call) == ("success", "transferred")
        assert (await ex.counts())["transfers_total{transferred}"] == 1
    assert ex.asked("hangup") == []


async def test_a_call_that_cannot_be_passed_on_comes_back(tmp_path: Path) -> None:
    """
    A service that says yes and does nothing is not waited for long: the model is told, and the caller is answered.
    """
    behaviour = speaking(PASSES_ON, (sound(200, 1),))
    terms = SipTerms(transfer_within_ms=150)
    faults = SipFaults(deaf_to_refer=True)
    async with sip_exchange(
        behaviour, state=tmp_path, terms=terms, faults=faults, greeting=GREETING, transfer=KITCHEN
    ) as ex:
        call, session = await ex.followed()
        await session.happened(lambda session: is_played(session, 2))
        (output,) = [event["item"]["output"] for event in asked(session, "conversation.item.create")]
        assert "still on the line" in output
        call.hang_up()
        assert await ended(ex, call) == ("success", "caller_hung_up")
        assert (await ex.counts())["transfers_total{not_through}"] == 1


async def test_a_connection_that_breaks_is_made_again(tmp_path: Path) -> None:
    """
    The call goes on, and is ended by the caller, not by the cut.
    """
    async with sip_exchange(speaking(), state=tmp_path, greeting=GREETING) as ex:
        call, session = await ex.followed()
        await session.happened(is_played)
        session.drop()
        again = await ex.server.next_session()
        says(call)
        await again.happened(is_played)
        assert call.ending is None
        call.hang_up()
        assert await ended(ex, call) == ("success", "caller_hung_up")


async def test_a_call_that_cannot_be_attached_to_is_hung_up(tmp_path: Path) -> None:
    """
    Nobody is left alone with an agent that nobody looks after.
    """
    terms = SipTerms(attach_within_ms=300)
    async with sip_exchange(speaking(), state=tmp_path, terms=terms, realtime_url="ws://127.0.0.1:9/v1") as ex:
        call = ex.rings()
        await call.accepted()
        assert await call.ended() is SipEnding.AGENT_HUNG_UP
        assert await ended(ex, call) == ("failed", "attach_failed")
        counts = await ex.counts()
    assert (counts["sip_accepts_total{accepted}"], counts["calls_total{failed}"]) == (1, 1)
    assert kept(tmp_path) == []


async def test_a_session_that_is_not_taken_is_set_up_afterwards(tmp_path: Path) -> None:
    """
    The call is accepted with nothing but its model, and gets the rest when it is attached to.
    """
    faults = SipFaults(refusals=(HTTPStatus.BAD_REQUEST,))
    async with sip_exchange(speaking(), state=tmp_path, faults=faults, greeting=GREETING, voice="cedar") as ex:
        call, session = await ex.followed()
        assert call.session == {"type": "realtime", "model": "gpt-realtime"}
        await session.happened(is_played)
        assert asked(session, "session.update")[0]["session"]["audio"]["output"] == {"voice": "cedar"}


async def test_an_accept_whose_answer_is_lost_is_probed(tmp_path: Path) -> None:
    """
    Asked again, the service refuses; the session is there all the same, and the caller is greeted.
    """
    faults = SipFaults(lost_answers=1)
    async with sip_exchange(speaking(), state=tmp_path, faults=faults, greeting=GREETING) as ex:
        call, session = await ex.followed()
        await session.happened(is_played)
        call.hang_up()
        assert await ended(ex, call) == ("success", "caller_hung_up")


async def test_a_gateway_that_stops_ends_its_calls(tmp_path: Path) -> None:
    """
    Nobody else would take them over.
    """
    async with sip_exchange(speaking(), state=tmp_path, greeting=GREETING) as ex:
        call, session = await ex.followed()
        await session.happened(is_played)
        await ex.gateway.calls.close()
        assert await call.ended() is SipEnding.AGENT_HUNG_UP


@function_tool
def find_room(context: ToolContext[CallContext], nights: int) -> str:
    """Find a room."""
    return f"Room 12, {nights} nights, for {context.context.caller} on {context.context.line}."


def no_codes(*asked: Any) -> GuardrailFunctionOutput:
    """Nobody is told a code."""
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="code" in asked[-1])


async def test_an_agent_in_python_answers_by_sip_too(tmp_path: Path) -> None:
    """
    Its tools run, told who calls; what it must not say is thrown away by the service, and something else is said.
    """
    porter = RealtimeAgent[CallContext](name="porter", instructions="You carry bags.")
    desk = RealtimeAgent[CallContext](
        name="desk",
        instructions="You are the desk.",
        tools=[find_room],
        handoffs=[porter],
        output_guardrails=[OutputGuardrail(no_codes)],
    )
    behaviour = speaking(
        (sound(200), Call("find_room", {"nights": 3})),
        (Say("The code is 4711. " * 20, noise(5_000)),),
        (sound(200, 1), Call("transfer_to_porter")),
        (sound(200, 2),),
    )
    async with sip_exchange(behaviour, state=tmp_path, answered_by=desk, greeting=GREETING, transfer=KITCHEN) as ex:
        call, session = await ex.followed(caller="+15550111")
        await session.happened(lambda session: is_played(session, 2))
        call.hang_up()
        told = await told_of(ex, call.call_id)
    kinds = [entry["kind"] for entry in told]
    assert [kind for kind in kinds if kind in {"tool_called", "guardrail", "handed_over"}] == [
        "tool_called",
        "guardrail",
        "tool_called",
        "handed_over",
    ]
    (found, _) = [event["item"]["output"] for event in asked(session, "conversation.item.create")]
    assert "Room 12, 3 nights, for +15550111 on test." in found
    assert len(asked(session, "output_audio_buffer.clear")) == 1
    assert session.truncations
    last = asked(session, "session.update")[-1]["session"]
    assert (last["instructions"], [tool["name"] for tool in last["tools"]]) == ("You carry bags.", ["transfer"])
