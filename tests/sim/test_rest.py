"""The simulated REST side, asked by Twilio's own package."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.rest import ACCOUNT_SID, Asked, RestFaults, TwilioRest
from gateway.sim.twiml import Say
from tests.sim.application import Application, Socket, serving

TOKEN = "tok_example_0123456789"
TWILIO_URL = "https://api.twilio.com"


class Detour(AsyncHttpClient):  # type: ignore[misc] # the package has no types here
    """Brings what is meant for Twilio to the simulator."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        super().__init__(None, True)
        self._http = http
        self._url = url

    async def request(
        self, method: str, url: str, *, auth: tuple[str, str], data: dict[str, str], **_: Any
    ) -> Response:
        """Send a request."""
        headers = {"Authorization": aiohttp.encode_basic_auth(*auth)}
        address = url.replace(TWILIO_URL, self._url)
        async with self._http.request(method, address, data=data, headers=headers) as answer:
            return Response(answer.status, await answer.text(), answer.headers)


@asynccontextmanager
async def calling(rest: TwilioRest) -> AsyncIterator[tuple[Phone, Application, Socket]]:
    """A phone that is registered, in a call."""
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = app.connect(after="<Say>Goodbye</Say>")
        rest.register(phone)
        await phone.dial()
        yield phone, app, await app.socket()


@asynccontextmanager
async def official(rest: TwilioRest, token: str = TOKEN) -> AsyncIterator[Callable[[str, str], Any]]:
    """Twilio's own package; updates a call to a status."""
    async with aiohttp.ClientSession() as http:
        client = Client(ACCOUNT_SID, token, http_client=Detour(http, rest.url))

        async def update(call_sid: str, status: str) -> Any:
            return await client.calls(call_sid).update_async(status=status)

        yield update


async def test_a_live_call_is_hung_up() -> None:
    """
    Its stream gets `stop`, its socket closes, nothing behind the stream is carried out, and the answer is the call.
    """
    async with TwilioRest(TOKEN) as rest, official(rest) as update, calling(rest) as (phone, _, socket):
        call = await update(phone.call_sid, "completed")
        assert (call.sid, call.account_sid, call.status) == (phone.call_sid, ACCOUNT_SID, "completed")
        assert call.end_time is not None
        assert await phone.ended() == Ending.AGENT_HUNG_UP
        await socket.closed()
        assert socket.received[-1]["event"] == "stop"
        assert [str(verb) for verb in phone.fallback] == ["Hangup()"]
        path = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{phone.call_sid}.json"
        assert rest.requests == [Asked("POST", path, {"Status": "completed"})]


async def test_a_live_call_is_sent_elsewhere() -> None:
    """
    Its stream gets `stop`, its socket closes, and the call does what it was given; the answer is a call that goes on.
    """
    async with TwilioRest(TOKEN) as rest, aiohttp.ClientSession() as http, calling(rest) as (phone, _, socket):
        client = Client(ACCOUNT_SID, TOKEN, http_client=Detour(http, rest.url))
        call = await client.calls(phone.call_sid).update_async(twiml="<Response><Say>Moment</Say></Response>")
        assert (call.sid, call.status, call.end_time) == (phone.call_sid, "in-progress", None)
        assert await phone.ended() == Ending.AGENT_HUNG_UP
        await socket.closed()
        assert socket.received[-1]["event"] == "stop"
        assert phone.fallback == [Say("Moment")]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"Twiml": "<Response>" + " " * 4_000 + "</Response>"}, 32018),
        ({"Twiml": "<Response><Gather/></Response>"}, 12200),
        ({"Twiml": "<Response/>", "Status": "completed?"}, 20001),
        ({"Url": "https://gw.example.com/voice"}, 20001),
        ({}, 20001),
    ],
    ids=["too long", "no TwiML", "both", "elsewhere", "nothing"],
)
async def test_what_means_nothing_changes_nothing(form: dict[str, str], code: int) -> None:
    """
    It is refused with Twilio's number, and the stream goes on.
    """
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, TOKEN)}
    async with (
        TwilioRest(TOKEN) as rest,
        calling(rest) as (phone, _, socket),
        aiohttp.ClientSession(headers=headers) as http,
    ):
        address = f"{rest.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{phone.call_sid}.json"
        async with http.post(address, data=form) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, code)
        await socket.expect("media", len(socket.all("media")) + 1)
        assert phone.fallback == []


async def test_there_may_be_so_many_requests_in_a_second() -> None:
    """
    The others are too many, whatever they ask for.
    """
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, TOKEN)}
    faults = RestFaults(per_second=3, retry_after_s=1)
    async with TwilioRest(TOKEN, faults=faults) as rest, aiohttp.ClientSession(headers=headers) as http:
        address = f"{rest.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/CA{'0' * 32}.json"
        found = []
        for _ in range(5):
            async with http.post(address, data={"Status": "completed"}) as answer:
                found.append((answer.status, (await answer.json())["code"], answer.headers.get("Retry-After")))
    assert found == [(404, 20404, None)] * 3 + [(429, 20429, "1")] * 2


async def test_an_answer_may_get_lost() -> None:
    """
    What was asked is done, and whoever asked cannot know.
    """
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, TOKEN)}
    async with (
        TwilioRest(TOKEN, faults=RestFaults(lost_answers=1)) as rest,
        calling(rest) as (phone, _, _),
        aiohttp.ClientSession(headers=headers) as http,
    ):
        address = f"{rest.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{phone.call_sid}.json"
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.post(address, data={"Status": "completed"})
        assert await phone.ended() == Ending.AGENT_HUNG_UP


async def test_what_cannot_be_ended_is_refused() -> None:
    """
    A call that is not known or not placed is not found, one that is over is not in progress; the phone is left alone.
    """
    async with TwilioRest(TOKEN) as rest, official(rest) as update, calling(rest) as (phone, _, _):
        unplaced = Phone()
        rest.register(unplaced)
        for call_sid in ("CA" + "f" * 32, unplaced.call_sid):
            with pytest.raises(TwilioRestException, match="was not found") as caught:
                await update(call_sid, "completed")
            assert (caught.value.status, caught.value.code) == (404, 20404)
        with pytest.raises(TwilioRestException, match="not supported") as caught:
            await update(phone.call_sid, "canceled")
        assert (caught.value.status, caught.value.code) == (400, 20001)
        await phone.hang_up()
        with pytest.raises(TwilioRestException, match="not in-progress") as caught:
            await update(phone.call_sid, "completed")
        assert (caught.value.status, caught.value.code) == (400, 21220)
        assert await phone.ended() == Ending.CALLER_HUNG_UP


async def test_only_the_account_may_ask() -> None:
    """
    With another token nothing happens to the call.
    """
    async with TwilioRest(TOKEN) as rest, official(rest, "another") as update, calling(rest) as (phone, _, _):
        with pytest.raises(TwilioRestException, match="Authenticate") as caught:
            await update(phone.call_sid, "completed")
        assert (caught.value.status, caught.value.code) == (401, 20003)
        await phone.hang_up()
        assert await phone.ended() == Ending.CALLER_HUNG_UP


async def test_another_account_is_not_here() -> None:
    """
    The address of an account that is served elsewhere is not found.
    """
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, TOKEN)}
    async with TwilioRest(TOKEN) as rest, aiohttp.ClientSession(headers=headers) as http:
        address = f"{rest.url}/2010-04-01/Accounts/AC{'1' * 32}/Calls/CA{'0' * 32}.json"
        async with http.post(address, data={"Status": "completed"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, 20404)


async def test_refusals_come_first() -> None:
    """
    As many requests are refused as there are refusals, with the pause that is asked for; the next one is carried out.
    """
    refusals = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT_SID, TOKEN)}
    async with (
        TwilioRest(TOKEN, faults=RestFaults(refusals=refusals, retry_after_s=3)) as rest,
        calling(rest) as (phone, _, _),
        aiohttp.ClientSession(headers=headers) as http,
    ):
        address = f"{rest.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{phone.call_sid}.json"
        found = []
        for _ in range(3):
            async with http.post(address, data={"Status": "completed"}) as answer:
                found.append((answer.status, (await answer.json()).get("code"), answer.headers.get("Retry-After")))
        assert found == [(429, 20429, "3"), (503, 20500, "3"), (200, None, None)]
        assert await phone.ended() == Ending.AGENT_HUNG_UP


async def test_an_answer_may_be_late_and_mean_nothing() -> None:
    """
    The call is ended after the delay, and what comes back is no JSON.
    """
    faults = RestFaults(delay_ms=100, garbage=True)
    async with TwilioRest(TOKEN, faults=faults) as rest, official(rest) as update, calling(rest) as (phone, _, _):
        with pytest.raises(ValueError, match="Expecting value"):
            await update(phone.call_sid, "completed")
        await phone.ended()
        events = {event.kind: event.at_ms for event in phone.events}
        assert events["stream_ended"] - events["stream_began"] >= 95
