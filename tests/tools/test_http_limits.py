"""How often a service is asked, how long it is waited for, and how much of its answer is read."""

import asyncio
import gzip
import tracemalloc

import pytest
from aiohttp import web

from tests.tools.services import (
    LOOPBACK,
    Service,
    asking,
    found,
    in_turn,
    resolving,
    saying,
    serving,
    told,
    tool_of,
)


@pytest.mark.parametrize("packed", [False, True])
async def test_no_answer_is_read_further_than_the_cap(packed: bool) -> None:
    """
    An endless body, and one that unpacks to gigabytes, cost no more than the cap and what is on its way.
    """
    bomb = gzip.compress(bytes(32 * 1024 * 1024))
    closed = asyncio.Event()

    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        try:
            while True:
                await response.write(bomb if packed else b"x" * 65_536)
        except ConnectionError:
            closed.set()
        return response

    async with serving(pour) as service:
        tracemalloc.start()
        try:
            outcome = await found(f"url: {service.url}\n")
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await asyncio.wait_for(closed.wait(), 5)
    assert outcome["cut"] is True
    assert peak_bytes < 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("method", "statuses", "written", "sent"),
    [
        ("GET", [503, 502], "retries: 2", 3),
        ("GET", [503, 503, 503], "retries: 2", 3),
        ("GET", [503], "", 1),
        ("GET", [404], "retries: 5", 1),
        ("PUT", [429], "retries: 1", 2),
        ("DELETE", [500], "retries: 1", 2),
        ("POST", [503], "", 1),
        ("POST", [503, 504], "retries: 2\nidempotency_key: true", 3),
        ("PATCH", [503], "retries: 1\nidempotency_key: true", 2),
    ],
)
async def test_a_request_is_sent_as_often_as_it_may(method: str, statuses: list[int], written: str, sent: int) -> None:
    """
    Again only where the line says so and the service was busy, never more often than that.
    """
    async with serving(in_turn(*statuses)) as service:
        outcome = await found(f"url: {service.url}\nmethod: {method}\n{written}\n")
    assert len(service.asked) == sent
    assert outcome == ({"result": {"ok": True}} if len(statuses) < sent else outcome)
    assert ("error" in outcome) is (len(statuses) >= sent)


async def test_a_call_of_a_tool_has_one_key() -> None:
    """
    Every attempt and every repetition of one call has the same key; another call, and another caller's, has another.
    """
    async with serving(in_turn(503)) as service, asking() as client:
        tool = tool_of(f"url: {service.url}\nmethod: POST\nretries: 1\nidempotency_key: true\n{LOOPBACK}", client)
        for call_id in ("call_1", "call_1", "call_2"):
            await told(tool, call_id=call_id)
        await told(tool, call_id="call_1", context=None)
        await told(tool, call_id="call_1", context=None)
        first, again, repeated, other, alone, alone_too = (asked.headers["Idempotency-Key"] for asked in service.asked)
    assert first == again == repeated
    assert len({first, other, alone, alone_too}) == 4


async def test_a_pause_that_is_too_long_is_not_begun() -> None:
    """
    When the service wants to be left alone for longer than the model waits, its last answer is told at once.
    """
    async with serving(in_turn(503, 503, **{"Retry-After": "60"})) as service:
        outcome = await found(f"url: {service.url}\nretries: 1\n")
        assert len(service.asked) == 1
    assert outcome == {"error": "the service behind book_table answered 503"}


@pytest.mark.parametrize(("method", "doubt"), [("GET", False), ("POST", True)])
async def test_nobody_waits_for_a_service_that_hangs(method: str, doubt: bool) -> None:
    """
    The time is up for everything together; where something may have been done, the model is told so.
    """
    over = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await over.wait()
        return response

    async with serving(hang) as service:
        began_s = asyncio.get_running_loop().time()
        outcome = await found(f"url: {service.url}\nmethod: {method}\ntimeout_s: 0.2\n")
        lasted_s = asyncio.get_running_loop().time() - began_s
        over.set()
    assert 0.2 <= lasted_s < 1.0
    assert outcome["error"].startswith("the service behind book_table did not answer")
    assert ("is not known" in outcome["error"]) is doubt


async def test_a_service_that_is_not_there_has_done_nothing() -> None:
    """
    When no connection came about, the model may be sure of it.
    """
    async with serving(saying(1)) as service:
        url = service.url
    assert await found(f"url: {url}\nmethod: POST\n") == {
        "error": "the service behind book_table cannot be reached; nothing was done"
    }


async def test_the_next_address_is_tried() -> None:
    """
    A host has several addresses so that one may fail.
    """
    resolve, _ = resolving(["127.0.0.3", "127.0.0.2"])
    async with serving(saying(1), host="127.0.0.2") as service, asking(resolve=resolve) as client:
        tool = tool_of(f"url: http://a.example:{service.port}\n{LOOPBACK}", client)
        assert await told(tool) == {"result": 1}
        assert service.asked[0].headers["Host"] == f"a.example:{service.port}"


async def test_connections_are_kept_for_what_may_come_twice() -> None:
    """
    What may be repeated goes over the connection that is there; what may not, over one that cannot have gone stale.
    """

    async def connections(service: Service, written: str) -> int:
        service.connections.clear()
        async with asking() as client:
            tool = tool_of(f"url: {service.url}\n{written}{LOOPBACK}", client)
            for _ in range(3):
                await told(tool)
        return len(service.connections)

    async with serving(saying(1)) as service:
        assert await connections(service, "") == 1
        assert await connections(service, "method: POST\nidempotency_key: true\n") == 1
        assert await connections(service, "method: POST\n") == 3
