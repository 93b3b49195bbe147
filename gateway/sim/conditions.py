"""
Waiting for something to become true of a call, without asking again and again.

A condition answers when it will hold if nothing else happens: now, at a later time, or not at all.
Whoever waits sleeps until then, or until something did happen, and asks again.
"""

import asyncio
from collections.abc import Callable

from gateway.errors import PeerError

Due = Callable[[], float | None]
"""Answers the loop time, in s, from which a condition holds; None when it takes another event."""


class Conditions:
    """Wakes those who wait when something has happened."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()
        self._over = ""

    async def until(self, due_s: Due, what: str) -> None:
        """Return as soon as the condition holds; raise `PeerError` when it no longer can."""
        loop = asyncio.get_running_loop()
        while (at_s := due_s()) is None or at_s > loop.time():
            if self._over:
                raise PeerError(f"{self._over} while waiting until {what}")
            await self._next_change(at_s)

    def changed(self) -> None:
        """Something has happened: let everyone ask again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def over(self, why: str) -> None:
        """Nothing will happen any more."""
        self._over = why
        self.changed()

    async def _next_change(self, at_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        timer = loop.call_at(at_s, _wake, waiter) if at_s is not None else None
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            if timer:
                timer.cancel()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
