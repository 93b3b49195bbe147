"""The calls of the simulated SIP provider, asked about through the official package."""

import json
from http import HTTPStatus
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed

from gateway.sim.sip import SipEnding
from tests.sim.realtime_script import tone
from tests.sim.sip_trunk import SESSION, trunk


async def test_an_accepted_call_has_the_session_it_was_accepted_with() -> None:
    """
    Whoever attaches is told of it, with the formats of the line; what the caller says is heard in it.
    """
    async with trunk() as here:
        call = here.ring()
        assert not await here.is_attachable(call)
        await here.calls.accept(call.call_id, **SESSION)
        assert await call.accepted() == SESSION
        async with here.attached(call) as socket:
            created = json.loads(await socket.recv())["session"]
            assert (created["model"], created["instructions"]) == ("gpt-realtime", "Be brief.")
            assert created["audio"]["input"]["format"] == created["audio"]["output"]["format"] == {"type": "audio/pcmu"}
            call.hear(tone(300))
            assert json.loads(await socket.recv())["type"] == "input_audio_buffer.speech_started"
        assert call.ending is None
        (asked,) = here.provider.requests
        assert (asked.call_id, asked.verb, json.loads(asked.body)) == (call.call_id, "accept", SESSION)


async def test_a_session_can_be_attached_to_again() -> None:
    """
    Leaving it does not end the call, so that one who crashed can come back.
    """
    async with trunk() as here:
        call = await here.accepted()
        for count in (1, 2):
            async with here.attached(call) as socket:
                assert json.loads(await socket.recv())["type"] == "session.created"
            assert (len(call.attached), call.ending) == (count, None)


@pytest.mark.parametrize(("asked", "told"), [({}, 603), ({"status_code": 486}, 486)])
async def test_a_rejected_call_is_over(asked: dict[str, Any], told: int) -> None:
    """
    The caller's telephone is told the status that was asked for, or that the call was declined.
    """
    async with trunk() as here:
        call = here.ring()
        await here.calls.reject(call.call_id, **asked)
        call.hang_up()
        assert (await call.ended(), call.status_code) == (SipEnding.REJECTED, told)
        assert await here.refusal(here.calls.accept(call.call_id, **SESSION)) == (404, "call_id_not_found")


@pytest.mark.parametrize("end", ["caller", "hangup"])
async def test_the_end_of_a_call_cuts_off_who_is_attached(end: str) -> None:
    """
    Whichever side hangs up, the connection is gone without a close frame, and the call is not found any more.
    """
    async with trunk() as here:
        call = await here.accepted()
        async with here.attached(call) as socket:
            await socket.recv()
            if end == "caller":
                call.hang_up()
            else:
                await here.calls.hangup(call.call_id)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is None
        assert await call.ended() == (SipEnding.CALLER_HUNG_UP if end == "caller" else SipEnding.AGENT_HUNG_UP)
        assert not await here.is_attachable(call)
        assert await here.refusal(here.calls.hangup(call.call_id)) == (404, "call_id_not_found")
        assert await here.refusal(here.calls.refer(call.call_id, target_uri="tel:+1")) == (404, "call_id_not_found")


async def test_a_caller_may_give_up_while_it_rings() -> None:
    """
    So may the provider, when nobody decides; then there is nothing to accept or to reject.
    """
    async with trunk(ring_s=0.05) as here:
        given_up, forgotten = here.ring(), here.ring()
        given_up.hang_up()
        assert (await given_up.ended(), await forgotten.ended()) == (SipEnding.CALLER_HUNG_UP, SipEnding.UNANSWERED)
        for call in (given_up, forgotten):
            assert await here.refusal(here.calls.accept(call.call_id, **SESSION)) == (404, "call_id_not_found")
            assert await here.refusal(here.calls.reject(call.call_id)) == (404, "call_id_not_found")
            assert not await here.is_attachable(call)


async def test_an_accepted_call_rings_no_longer() -> None:
    """
    Nobody's patience ends it.
    """
    async with trunk(ring_s=0.4) as here:
        call = await here.accepted()
        forgotten = here.ring()
        assert await forgotten.ended() == SipEnding.UNANSWERED
        assert call.ending is None


async def test_a_call_that_is_passed_on_ends_here() -> None:
    """
    When the other telephone has taken it, and not before.
    """
    async with trunk(refer_ms=200) as here:
        call = await here.accepted()
        await here.calls.refer(call.call_id, target_uri="tel:+15550155")
        assert (call.referred_to, call.ending) == (["tel:+15550155"], None)
        assert await call.ended() == SipEnding.TRANSFERRED
        assert not await here.is_attachable(call)


async def test_a_refer_may_come_to_nothing() -> None:
    """
    The answer is the same, and the call goes on.
    """
    async with trunk(deaf_to_refer=True) as here:
        call = await here.accepted()
        await here.calls.refer(call.call_id, target_uri="sip:desk@example.com")
        assert (call.referred_to, call.ending) == (["sip:desk@example.com"], None)
        await here.calls.hangup(call.call_id)
        assert await call.ended() == SipEnding.AGENT_HUNG_UP


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ({"model": "gpt-realtime", "type": "realtime", "extra_body": {"voice": "marin"}}, "unknown_parameter"),
        ({"model": "gpt-realtime", "type": "realtime", "output_modalities": ["smell"]}, "invalid_value"),
        ({"type": "realtime"}, "missing_required_parameter"),
        ({"type": openai.omit, "model": "gpt-realtime"}, "missing_required_parameter"),
    ],
)
async def test_a_session_that_could_not_be_opened_is_refused(session: dict[str, Any], code: str) -> None:
    """
    The call rings on, and may be accepted with another one; a provider that accepts anything loses it instead.
    """
    async with trunk() as here:
        call = here.ring()
        assert await here.refusal(here.calls.accept(call.call_id, **session)) == (400, code)
        await here.calls.accept(call.call_id, **SESSION)
        assert await here.is_attachable(call)
    async with trunk(accepts_anything=True) as here:
        call = here.ring()
        await here.calls.accept(call.call_id, **session)
        assert await call.ended() == SipEnding.FAILED
        assert not await here.is_attachable(call)


async def test_a_ghost_is_accepted() -> None:
    """
    A provider that does not notice that the caller gave up opens a session for nobody, until it is told to end it.
    """
    async with trunk(ghosts=True) as here:
        call = here.ring()
        call.hang_up()
        await here.calls.accept(call.call_id, **SESSION)
        assert await here.is_attachable(call)
        await here.calls.hangup(call.call_id)
        assert not await here.is_attachable(call)
        assert await here.refusal(here.calls.hangup(call.call_id)) == (404, "call_id_not_found")


async def test_what_does_not_go_with_the_state_of_a_call_is_refused() -> None:
    """
    A call is accepted once, rejected while it rings, and passed on or ended when it was accepted.
    """
    async with trunk() as here:
        ringing, accepted = here.ring(), await here.accepted()
        assert await here.refusal(here.calls.hangup(ringing.call_id)) == (400, "invalid_value")
        assert await here.refusal(here.calls.refer(ringing.call_id, target_uri="tel:+1")) == (400, "invalid_value")
        assert await here.refusal(here.calls.accept(accepted.call_id, **SESSION)) == (400, "invalid_value")
        assert await here.refusal(here.calls.reject(accepted.call_id)) == (400, "invalid_value")
        assert (ringing.ending, accepted.ending) == (None, None)


async def test_a_body_has_what_is_expected_and_nothing_else() -> None:
    """
    A refer needs its target, a status is a refusal of SIP's, and what nobody knows is an unknown parameter.
    """
    async with trunk() as here:
        call = here.ring()
        extra = {"extra_body": {"reason": "x"}}
        assert await here.refusal(here.calls.reject(call.call_id, status_code=200)) == (400, "invalid_value")
        assert await here.refusal(here.calls.reject(call.call_id, **extra)) == (400, "unknown_parameter")
        await here.calls.accept(call.call_id, **SESSION)
        missing = here.calls.refer(call.call_id, target_uri=openai.omit)
        assert await here.refusal(missing) == (400, "missing_required_parameter")
        address = f"/realtime/calls/{call.call_id}/refer"
        assert await here.refusal(here.client.post(address, body=[], cast_to=object)) == (400, None)
        form: openai.RequestOptions = {"headers": {"Content-Type": "application/x-www-form-urlencoded"}}
        asked = here.client.post(address, content=b"target_uri=tel:+1", options=form, cast_to=object)
        assert await here.refusal(asked) == (400, "unsupported_content_type")


async def test_only_the_project_may_ask() -> None:
    """
    Another key is refused, whatever it asks for, and nothing happens.
    """
    async with trunk(key="sk-another") as here:
        call = here.ring()
        assert await here.refusal(here.calls.reject(call.call_id)) == (401, "invalid_api_key")
        assert (call.ending, here.provider.requests) == (None, [])


async def test_what_is_not_there_is_said_so() -> None:
    """
    An address that nobody serves has no code, a call that nobody knows has one.
    """
    async with trunk() as here:
        call = here.ring()
        unknown = here.client.post(f"/realtime/calls/{call.call_id}/mute", cast_to=object)
        assert await here.refusal(unknown) == (404, None)
        assert await here.refusal(here.client.get("/models", cast_to=object)) == (404, None)
        assert await here.refusal(here.calls.reject("rtc_unknown")) == (404, "call_id_not_found")


async def test_refusals_come_first_and_answers_may_be_lost() -> None:
    """
    As many requests are refused as there are refusals; of the next, the answer is lost and the deed is done.
    """
    refusals = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY)
    async with trunk(refusals=refusals, lost_answers=1, delay_ms=20) as here:
        call = here.ring()
        for status in refusals:
            assert (await here.refusal(here.calls.accept(call.call_id, **SESSION)))[0] == status
        with pytest.raises(openai.APIConnectionError):
            await here.calls.accept(call.call_id, **SESSION)
        assert await call.accepted() == SESSION
        await here.calls.hangup(call.call_id)
        assert await call.ended() == SipEnding.AGENT_HUNG_UP
