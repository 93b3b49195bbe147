"""A call is ended over REST: at once, after a while, or not at all; always in time, and without a word of the token."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from http import HTTPStatus

import pytest
from aiohttp import web

from gateway.errors import PeerError, RemoteProtocolError
from gateway.providers.twilio_rest import TwilioApi
from gateway.sessions.rest import BODY_LIMIT_BYTES, MaybeDone, RequestRefused, RestClient
from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.rest import ACCOUNT_SID, RestFaults, TwilioRest
from tests.sessions.peers import UVLOOP, soon
from tests.sim.application import serving

TOKEN = "tok_example_0123456789"
CALL_SID = "CA" + "0" * 32
CALL = json.dumps({"sid": CALL_SID, "status": "completed"})
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asking(RestClient):
    """Whoever asks Twilio."""

    def __init__(self, api: TwilioApi, within_s: float) -> None:
        super().__init__(within_s=within_s)
        self._api = api

    async def hang_up(self, account_sid: str, call_sid: str) -> None:
        """End a call."""
        await self.settle(self._api.hang_up(account_sid, call_sid))

    async def update(self, call_sid: str) -> None:
        """Have a call go on elsewhere."""
        await self.settle(self._api.update(ACCOUNT_SID, call_sid, "<Response><Hangup/></Response>"))


@asynccontextmanager
async def asking(url: str, *, within_s: float = 5.0, token: str = TOKEN) -> AsyncIterator[Asking]:
    """Whoever asks at an address, and leaves no connection behind."""
    rest = Asking(TwilioApi(url, token), within_s)
    try:
        yield rest
    finally:
        await soon(rest.close())


@asynccontextmanager
async def answering(answer: Answering) -> AsyncIterator[str]:
    """A server that answers everything so; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(faults: RestFaults, token: str = TOKEN) -> AsyncIterator[tuple[TwilioRest, Phone]]:
    """Twilio with a phone in a call."""
    async with TwilioRest(TOKEN, faults=faults) as twilio, serving() as app, Phone() as phone:
        twilio.register(phone)
        await phone.connect(app.stream_url)
        yield twilio, phone


def now_s() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


async def test_a_call_is_hung_up() -> None:
    """
    One request, and the call is over; so is a call that the caller has ended.
    """
    async with calling(RestFaults()) as (twilio, phone), asking(twilio.url) as rest:
        await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert await soon(phone.ended()) == Ending.AGENT_HUNG_UP
        await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
        assert len(twilio.requests) == 3


@UVLOOP
async def test_trouble_that_passes_goes_unnoticed() -> None:
    """
    Too many requests and failures of Twilio's are asked again, after pauses that grow.
    """
    faults = RestFaults(refusals=(HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY))
    async with calling(faults) as (twilio, phone), asking(twilio.url) as rest:
        began_s = now_s()
        await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert now_s() - began_s > 0.37
        assert await soon(phone.ended()) == Ending.AGENT_HUNG_UP
        assert len(twilio.requests) == 3


@UVLOOP
async def test_the_pause_that_was_asked_for_is_kept() -> None:
    """
    Where `Retry-After` leaves time for it, the second request comes no sooner.
    """
    faults = RestFaults(refusals=(HTTPStatus.TOO_MANY_REQUESTS,), retry_after_s=1)
    async with calling(faults) as (twilio, phone), asking(twilio.url) as rest:
        began_s = now_s()
        await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert now_s() - began_s > 0.99


async def test_a_pause_that_is_too_long_is_not_begun() -> None:
    """
    A request that would be settled too late is given up at once, and the last answer is told.
    """
    faults = RestFaults(refusals=(HTTPStatus.TOO_MANY_REQUESTS,) * 9, retry_after_s=60)
    async with calling(faults) as (twilio, phone), asking(twilio.url) as rest:
        began_s = now_s()
        with pytest.raises(PeerError, match=r"asked to end the call; .*HTTP 429, error 20429.*after 1 attempt"):
            await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert now_s() - began_s < 1.0


@UVLOOP
async def test_trouble_that_does_not_pass_is_given_up_in_time() -> None:
    """
    Several attempts fit into the time, and none comes after it.
    """
    faults = RestFaults(refusals=(HTTPStatus.SERVICE_UNAVAILABLE,) * 99)
    async with calling(faults) as (twilio, phone), asking(twilio.url, within_s=0.8) as rest:
        began_s = now_s()
        with pytest.raises(PeerError, match=r"HTTP 503.*given up after"):
            await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert now_s() - began_s < 2.0
        assert 2 <= len(twilio.requests) <= 3


@pytest.mark.parametrize(
    "faults",
    [
        RestFaults(lost_answers=9),
        RestFaults(refusals=(HTTPStatus.BAD_GATEWAY,) * 9),
        RestFaults(delay_ms=60_000),
    ],
    ids=["lost", "bad gateway", "late"],
)
async def test_what_must_not_be_done_twice_is_not_asked_twice(faults: RestFaults) -> None:
    """
    Where it may have been done, whoever asked is told so, and nobody asks again.
    """
    async with calling(faults) as (twilio, phone), asking(twilio.url, within_s=0.3) as rest:
        with pytest.raises(MaybeDone, match="not asked again, since it may have done so"):
            await soon(rest.update(phone.call_sid))
        assert len(twilio.requests) == 1


async def test_what_was_surely_not_done_is_asked_again() -> None:
    """
    Also what must not be done twice: too many requests are none that were looked at, and a door that is shut is nobody.
    """
    faults = RestFaults(refusals=(HTTPStatus.TOO_MANY_REQUESTS,))
    async with calling(faults) as (twilio, phone), asking(twilio.url) as rest:
        await soon(rest.update(phone.call_sid))
        assert await soon(phone.ended()) == Ending.AGENT_HUNG_UP
        assert len(twilio.requests) == 2
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    async with asking(f"http://127.0.0.1:{port}", within_s=0.5) as rest:
        with pytest.raises(PeerError, match=r"cannot be reached: .*given up after [2-9] attempt"):
            await soon(rest.update(CALL_SID))


async def test_a_refusal_is_final() -> None:
    """
    Wrong credentials are tried once, and the setting to look at is named.
    """
    async with calling(RestFaults()) as (twilio, phone), asking(twilio.url, token="another") as rest:
        said = r"HTTP 401, error 20003, 'Authenticate'.*GATEWAY_TWILIO_AUTH_TOKEN"
        with pytest.raises(RequestRefused, match=said) as refused:
            await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert refused.value.status == 401
        assert len(twilio.requests) == 1


async def test_what_means_nothing_is_no_success() -> None:
    """
    A page that says that it works is not Twilio's answer.
    """
    async with calling(RestFaults(garbage=True)) as (twilio, phone), asking(twilio.url) as rest:
        with pytest.raises(PeerError, match=r"HTTP 200 .*GATEWAY_TWILIO_API_URL"):
            await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))


async def test_nobody_is_asked_about_what_is_no_identifier() -> None:
    """
    A stream that named its call so is at fault, and no address is made of it.
    """
    async with calling(RestFaults()) as (twilio, phone), asking(twilio.url) as rest:
        with pytest.raises(RemoteProtocolError, match="callSid"):
            await soon(rest.hang_up(ACCOUNT_SID, "../Messages"))
        with pytest.raises(RemoteProtocolError, match="accountSid"):
            await soon(rest.hang_up("", phone.call_sid))
        assert twilio.requests == []


async def test_a_slow_answer_is_not_waited_for() -> None:
    """
    The time for all attempts together is the time for one that does not end.
    """
    async with calling(RestFaults(delay_ms=60_000)) as (twilio, phone), asking(twilio.url, within_s=0.3) as rest:
        began_s = now_s()
        with pytest.raises(PeerError, match="did not answer in time; given up after 1 attempt"):
            await soon(rest.hang_up(ACCOUNT_SID, phone.call_sid))
        assert now_s() - began_s < 2.0


async def test_nobody_may_be_there() -> None:
    """
    A refused connection is tried again, and told when the time is over.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    async with asking(f"http://127.0.0.1:{port}", within_s=0.5) as rest:
        with pytest.raises(PeerError, match=r"cannot be reached: .*given up after [2-9] attempt"):
            await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))


@pytest.mark.slow
@UVLOOP
async def test_somebody_may_not_pick_up() -> None:
    """
    Two seconds are waited for a connection, whatever time is left.
    """
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server, closing(socket.socket()) as first:
        first.connect(server.getsockname())
        async with asking(f"http://127.0.0.1:{server.getsockname()[1]}", within_s=2.1) as rest:
            with pytest.raises(PeerError, match="cannot be reached: Connection timeout"):
                await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))


async def test_a_connection_that_was_let_go_is_opened_again() -> None:
    """
    A server that drops the connection before it answers has not been asked in vain.
    """
    requests: list[web.Request] = []

    async def drop_first(request: web.Request) -> web.Response:
        requests.append(request)
        if len(requests) == 1 and request.transport:
            request.transport.abort()
        return web.Response(text=CALL)

    async with answering(drop_first) as url, asking(url) as rest:
        await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
    assert len(requests) == 2


async def test_redirects_are_not_followed() -> None:
    """
    The token goes to the address that was configured, and to no other.
    """
    paths: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        paths.append(request.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with answering(elsewhere) as url, asking(url) as rest:
        with pytest.raises(PeerError, match=r"HTTP 307.*GATEWAY_TWILIO_API_URL"):
            await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
    assert len(paths) == 1


@pytest.mark.parametrize("padding_bytes", [0, BODY_LIMIT_BYTES - len(CALL)])
async def test_a_long_answer_is_read(padding_bytes: int) -> None:
    """
    Up to 64 KiB are an answer.
    """

    async def padded(_: web.Request) -> web.Response:
        return web.Response(text=CALL + " " * padding_bytes)

    async with answering(padded) as url, asking(url) as rest:
        await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))


async def test_an_endless_answer_is_not_read_on() -> None:
    """
    What is longer than 64 KiB is none, however well it begins, and its connection is dropped.
    """
    dropped = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await response.write(CALL.encode())
            while True:
                await response.write(b" " * 4096)
        finally:
            dropped.set()

    async with answering(endless) as url, asking(url) as rest:
        with pytest.raises(PeerError, match="HTTP 200 without saying more"):
            await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
        await soon(dropped.wait())


async def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    """
    Half an answer does not tell whether the call is over; the second says that it is.
    """
    requests: list[web.Request] = []

    async def half_first(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        response = web.StreamResponse()
        response.content_length = len(CALL)
        await response.prepare(request)
        await response.write(CALL[: len(CALL) // 2 if len(requests) == 1 else None].encode())
        if len(requests) == 1 and request.transport:
            request.transport.close()
        return response

    async with answering(half_first) as url, asking(url) as rest:
        await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
    assert len(requests) == 2


async def test_the_token_is_neither_logged_nor_told(caplog: pytest.LogCaptureFixture) -> None:
    """
    At every level, and in all that is raised, there is no token and no header made of it.
    """
    caplog.set_level(logging.DEBUG)
    header: list[str] = []

    async def unkind(request: web.Request) -> web.Response:
        header.append(request.headers["Authorization"])
        return web.Response(status=[503, 401][len(header) - 1], text=json.dumps({"code": 20003}))

    async with answering(unkind) as url, asking(url) as rest:
        with pytest.raises(PeerError) as caught:
            await soon(rest.hang_up(ACCOUNT_SID, CALL_SID))
    said = caplog.text + repr(caught.value) + str(caught.value)
    assert "HTTP 401" in said
    assert TOKEN not in said
    assert header[0].removeprefix("Basic ") not in said


async def test_requests_under_way_end_with_the_connections() -> None:
    """
    Whoever still asks when everything is closed, or asks afterwards, learns that it was in vain.
    """
    arrived = asyncio.Event()

    async def mute(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        return web.Response()

    async with answering(mute) as url, asking(url) as rest:
        under_way = asyncio.create_task(rest.hang_up(ACCOUNT_SID, CALL_SID))
        await soon(arrived.wait())
        await soon(rest.close())
        with pytest.raises(PeerError, match="given up"):
            await soon(under_way, 1.0)
        with pytest.raises(PeerError, match="no connections are left"):
            await soon(rest.hang_up(ACCOUNT_SID, CALL_SID), 0.2)
