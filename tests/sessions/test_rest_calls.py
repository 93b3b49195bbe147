"""Calls that came by SIP, over REST: the client that asks Twilio asks OpenAI, and a caller who has left is no error."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from time import time
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import PeerError
from gateway.providers.openai_calls import OpenAICalls, SipStatus
from gateway.providers.openai_webhook import IncomingSipCall, incoming, verify
from gateway.providers.rest import Done, Gone
from gateway.sessions.rest import BODY_LIMIT_BYTES, RestClient
from gateway.sim.sip import SipCall, SipEnding
from tests.sessions.peers import soon
from tests.sessions.test_rest import answering
from tests.sim.sip_trunk import KEY, SECRET, SESSION, Trunk, trunk


@asynccontextmanager
async def calling(*, key: str = KEY, **knobs: Any) -> AsyncIterator[tuple[RestClient, OpenAICalls, Trunk]]:
    """Whoever asks, what can be asked, and a trunk."""
    async with trunk(**knobs) as here:
        client = RestClient(within_s=2.0)
        try:
            yield client, OpenAICalls(here.provider.url, key), here
        finally:
            await soon(client.close())


async def told(here: Trunk) -> tuple[SipCall, IncomingSipCall]:
    """A call that rings, and what was told of it."""
    ringing = here.ring()
    assert await soon(here.provider.told())
    (heard,) = here.ear.heard
    verify(SECRET, heard.headers, heard.body, time())
    call = incoming(heard.headers, heard.body)
    assert call is not None
    return ringing, call


async def test_a_call_is_taken_by_its_webhook() -> None:
    """
    What was told of it is enough to accept it, to pass it on and to end it.
    """
    async with calling(deaf_to_refer=True) as (client, calls, here):
        ringing, call = await told(here)
        assert (call.caller, call.called) == ("+15550100", "+15550199")
        assert await soon(client.settle(calls.accept(call.call_id, SESSION))) == Done()
        assert await ringing.accepted() == SESSION
        assert await soon(client.settle(calls.refer(call.call_id, "tel:+15550155"))) == Done()
        assert ringing.referred_to == ["tel:+15550155"]
        assert await soon(client.settle(calls.hang_up(call.call_id))) == Done()
        assert await ringing.ended() == SipEnding.AGENT_HUNG_UP


async def test_a_call_is_turned_away_with_a_status() -> None:
    """
    The caller's telephone is told what was asked for.
    """
    async with calling() as (client, calls, here):
        ringing, call = await told(here)
        assert await soon(client.settle(calls.reject(call.call_id, SipStatus.BUSY))) == Done()
        assert (await ringing.ended(), ringing.status_code) == (SipEnding.REJECTED, 486)


async def test_a_caller_who_has_left_is_no_error() -> None:
    """
    Whatever is asked then, it is asked once, and the answer is that the caller is gone.
    """
    async with calling() as (client, calls, here):
        ringing, call = await told(here)
        ringing.hang_up()
        requests = [calls.accept(call.call_id, SESSION), calls.reject(call.call_id), calls.hang_up(call.call_id)]
        for request in (*requests, calls.refer(call.call_id, "tel:+15550155")):
            assert await soon(client.settle(request)) == Gone()
        assert len(here.provider.requests) == 4


async def test_trouble_that_passes_goes_unnoticed() -> None:
    """
    Too many requests and failures of OpenAI's are asked again.
    """
    refusals = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY)
    async with calling(refusals=refusals) as (client, calls, here):
        ringing, call = await told(here)
        assert await soon(client.settle(calls.accept(call.call_id, SESSION))) == Done()
        assert await ringing.accepted() == SESSION


async def test_an_accept_whose_answer_was_lost_is_in_doubt() -> None:
    """
    It is asked again, which is refused; that the call is taken shows only when someone attaches to it.
    """
    async with calling(lost_answers=1) as (client, calls, here):
        ringing, call = await told(here)
        with pytest.raises(PeerError, match=r"asked to accept the call; .*HTTP 400"):
            await soon(client.settle(calls.accept(call.call_id, SESSION)))
        assert await ringing.accepted() == SESSION
        assert await here.is_attachable(ringing)


@pytest.mark.parametrize("status", [200, 404])
async def test_an_overlong_answer_says_nothing(status: int) -> None:
    """
    It is neither a success nor a caller who has left, though an empty one would be.
    """

    async def overlong(_: web.Request) -> web.Response:
        return web.Response(status=status, text=" " * (BODY_LIMIT_BYTES + 1))

    client = RestClient(within_s=2.0)
    async with answering(overlong) as url:
        with pytest.raises(PeerError, match=rf"HTTP {status} .*GATEWAY_OPENAI_API_URL"):
            await soon(client.settle(OpenAICalls(url, KEY).accept("rtc_1", SESSION)))
        await soon(client.close())


async def test_the_key_is_neither_logged_nor_told(caplog: pytest.LogCaptureFixture) -> None:
    """
    Nor is the session; the setting to look at is named.
    """
    caplog.set_level(logging.DEBUG)
    key = "sk-of-another-project"
    async with calling(key=key) as (client, calls, here):
        _, call = await told(here)
        with pytest.raises(PeerError, match=r"HTTP 401, error invalid_api_key.*OPENAI_API_KEY") as caught:
            await soon(client.settle(calls.accept(call.call_id, SESSION)))
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("gateway"))
    assert "/accept" in ours
    assert key not in ours + str(caught.value)
    assert SESSION["instructions"] not in ours
