"""Sockets are held against both event loops: asyncio's own, and the one that answers calls where there is one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from gateway.sessions.socket import TextSocket
from tests.sessions.peers import (
    Hand,
    Link,
    aiohttp_client,
    hand_client,
    hand_server,
    soon,
    websockets_client,
    websockets_server,
)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
_fast: LoopFactory = asyncio.new_event_loop
try:
    import uvloop
except ImportError:  # not on every platform
    pass
else:
    _fast = uvloop.new_event_loop


def pytest_asyncio_loop_factories() -> Mapping[str, LoopFactory]:
    """The loops that each test runs on, by name."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": _fast}


@pytest.fixture(params=[aiohttp_client, websockets_client, websockets_server])
async def link(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A connection with every kind of peer; whatever happened to it, it ends when the peer goes."""
    opening: Callable[[], AbstractAsyncContextManager[Link]] = request.param
    async with opening() as link:
        yield link
        await link.peer.cut()
        await soon(link.ours.closed())


@pytest.fixture(params=[hand_client, hand_server])
async def by_hand(request: pytest.FixtureRequest) -> AsyncIterator[tuple[TextSocket, Hand]]:
    """A connection with a peer made by hand."""
    opening: Callable[[], AbstractAsyncContextManager[tuple[TextSocket, Hand]]] = request.param
    async with opening() as (ours, hand):
        yield ours, hand
        hand.writer.transport.abort()
        await soon(ours.closed())
