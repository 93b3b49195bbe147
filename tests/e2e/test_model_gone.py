"""
A model that is not there, or goes away, leaves the caller to the provider's fallback.

The fallback is what the webhook answered behind the stream: words, and a hang-up.
"""

import asyncio
import http
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.protocol import State

from gateway.sim.realtime import NEVER, Behaviour, Leave
from tests.e2e.exchange import (
    Exchange,
    exchange,
    fell_back,
    noise,
    played_to,
    said_by_agent,
    saying,
    sound,
)

GREETING = "Hello."
FALLBACK_WITHIN_MS = 500


async def call_falls_back(ex: Exchange) -> bool:
    """Place a call that the model has no part in."""
    async with ex.phone() as phone:
        await phone.dial()
        return await fell_back(phone)


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_a_server_that_is_not_there_is_fallen_back_from() -> None:
    """
    When the connection is refused the caller hears the fallback within 2 s.
    """
    async with exchange(url=f"ws://127.0.0.1:{closed_port()}/v1/realtime") as ex, asyncio.timeout(2):
        assert await call_falls_back(ex)
        counts = await ex.counts()
        assert counts["calls_total{fallback}"] == counts["errors_total{model}"] == 1


@asynccontextmanager
async def refusing(status: int) -> AsyncIterator[tuple[str, list[Request]]]:
    """A server that answers every handshake with *status*, and remembers who asked."""
    requests: list[Request] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        requests.append(request)
        return connection.respond(http.HTTPStatus(status), "no\n")

    async def unreachable(_: ServerConnection) -> None:
        raise AssertionError("the upgrade was refused")

    async with serve(unreachable, "127.0.0.1", 0, process_request=refuse) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/realtime", requests


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_server_that_refuses_is_fallen_back_from(status: int) -> None:
    """
    Whatever the answer, the caller hears the fallback within 2 s, and a wrong key is not tried again.
    """
    async with refusing(status) as (url, requests), exchange(url=url) as ex, asyncio.timeout(2):
        assert await call_falls_back(ex)
        assert requests
        assert status not in {401, 403} or len(requests) == 1
        assert (await ex.counts())["calls_total{fallback}"] == 1


@pytest.mark.parametrize(
    "behaviour",
    [saying(api_key="sk-right"), saying(leave=Leave(after_ms=0)), saying(leave=Leave(after_ms=0, code=1011))],
)
async def test_a_server_that_hangs_up_at_once_is_fallen_back_from(behaviour: Behaviour) -> None:
    """
    A session that ends before it began is none.
    """
    async with exchange(behaviour) as ex:
        assert await call_falls_back(ex)


@pytest.mark.slow
async def test_of_two_attempts_one_session_remains() -> None:
    """
    A handshake that takes three seconds is tried again beside the first; whichever wins, the other one is closed.
    """
    asked_twice = asyncio.Event()
    sockets: list[ServerConnection] = []

    async def hold_the_first(socket: ServerConnection, request: Request) -> None:
        if sockets:
            asked_twice.set()
        sockets.append(socket)
        await asked_twice.wait()

    async def mute(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(mute, "127.0.0.1", 0, process_request=hold_the_first) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with exchange(url=f"ws://127.0.0.1:{port}/v1/realtime") as ex, ex.phone() as phone:
            await phone.dial()
            async with asyncio.timeout(5):
                await asked_twice.wait()
            await asyncio.wait(
                [asyncio.ensure_future(socket.wait_closed()) for socket in sockets],
                timeout=2,
                return_when=asyncio.FIRST_COMPLETED,
            )
            assert sum(socket.state is State.OPEN for socket in sockets) == 1
            await phone.hang_up()
            async with asyncio.timeout(2):
                await asyncio.gather(*(socket.wait_closed() for socket in sockets))


@pytest.mark.slow
async def test_a_mute_server_is_fallen_back_from() -> None:
    """
    One that never says `session.created`, or never `session.updated`, is given ten seconds.
    """
    started_s = asyncio.get_running_loop().time()
    async with (
        exchange(saying(session_created_delay_ms=NEVER)) as mute,
        exchange(saying(session_updated_delay_ms=NEVER)) as forgetful,
    ):
        assert all(await asyncio.gather(call_falls_back(mute), call_falls_back(forgetful)))
        assert 9 < asyncio.get_running_loop().time() - started_s < 12
        for session in (*mute.server.sessions, *forgetful.server.sessions):
            await session.happened(lambda session: session.closed, timeout_s=2)


LEAVES = [
    Leave(after_deltas=2),
    Leave(after_deltas=2, code=1000),
    Leave(after_deltas=2, code=1001, reason="Your session hit the maximum duration of 60 minutes."),
    Leave(after_deltas=2, code=1011, reason="internal error"),
]


async def dead_air_ms(leave: Leave) -> float:
    """
    How long a caller waits between the model's last words and the fallback.

    A connection that breaks takes along what was not read by then, which a slow machine makes a difference to.
    """
    async with exchange(saying((sound(2_000),), leave=leave), greeting=GREETING) as ex, ex.call() as (phone, session):
        assert await fell_back(phone)
        said, played = said_by_agent(session), played_to(phone)
        assert said == noise(2_000)[:4_000]
        assert said == played if leave.code else said.startswith(played)
        assert phone.earpiece.played_ms_since_clear(phone.stream.now_ms()) == len(played) / 8
        counts = await ex.counts()
        assert counts["calls_total{fallback}"] == counts["errors_total{model}"] == 1
        return (phone.stream.stopped_ms or 0) - phone.earpiece.dry_at_ms()


async def test_a_model_that_goes_away_is_heard_to_the_end() -> None:
    """
    What it had said is played out, and right behind it the fallback is heard, however the connection ended.
    """
    waits_ms = await asyncio.gather(*(dead_air_ms(leave) for leave in LEAVES))
    assert max(waits_ms) < FALLBACK_WITHIN_MS


async def test_a_model_that_goes_away_is_not_waited_for_long() -> None:
    """
    Of all that was waiting to be played three seconds are heard, more or less, and then the fallback.
    """
    leave = Leave(after_deltas=40)
    async with exchange(saying((sound(10_000),), leave=leave), greeting=GREETING) as ex, ex.call() as (phone, _):
        assert await fell_back(phone)
        assert 2_500 < phone.earpiece.played_ms_since_clear(phone.stream.now_ms()) < 4_000


async def test_an_expired_session_is_fallen_back_from() -> None:
    """
    The error that says so and the close behind it are one fault, and lead to the fallback.
    """
    async with exchange(saying(max_age_s=0.3)) as ex:
        assert await call_falls_back(ex)
        assert (await ex.counts())["calls_total{fallback}"] == 1
