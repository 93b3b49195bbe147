"""
A call that came by SIP, as the realtime service sees it.

It rings until it is accepted or rejected, the caller gives up, or nobody decides in time. Once it is accepted the agent
is on the line, and whoever knows the call's id can attach to its session, until one of the two sides ends it or it is
passed on. Its end reaches whoever is attached as a cut connection, and no other way.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from gateway.sim.realtime import AttachableCall, Session
from gateway.sim.realtime.turn import Json


class SipEnding(StrEnum):
    """Why a call is over."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    REJECTED = "rejected"
    TRANSFERRED = "transferred"
    UNANSWERED = "unanswered"
    """Nobody decided in time."""
    FAILED = "failed"
    """It was accepted, and no session came of it."""


class SipCall:
    """One call, from the caller's side."""

    def __init__(self, call_id: str, headers: tuple[tuple[str, str], ...], *, ring_s: float) -> None:
        self.call_id = call_id
        self.headers = headers
        self.session: Json | None = None
        """What it was accepted with."""
        self.status_code: int | None = None
        """What it was rejected with, in SIP's numbers."""
        self.referred_to: list[str] = []
        """Where it was to be passed on to, every time that was asked."""
        self.ending: SipEnding | None = None
        self._line: AttachableCall | None = None
        self._changed = asyncio.Event()
        self._timer = asyncio.get_running_loop().call_later(ring_s, self.end, SipEnding.UNANSWERED)

    @property
    def rings(self) -> bool:
        """Whether nothing has been decided yet."""
        return self.ending is None and self.session is None

    @property
    def is_ghost(self) -> bool:
        """Whether the caller has left, and the service has not noticed, or has not been told to stop."""
        return self.ending == SipEnding.CALLER_HUNG_UP and (self._line is None or self._line.lasts)

    @property
    def attached(self) -> list[Session]:
        """Every session in which somebody was attached to it, in order."""
        return self._line.sessions if self._line else []

    def hang_up(self) -> None:
        """The caller hangs up, or gives up while it rings."""
        self.end(SipEnding.CALLER_HUNG_UP)

    def hear(self, audio: bytes) -> None:
        """The caller says something, in the format of the line."""
        for session in self.attached:
            session.hear(audio)

    def accept(self, session: Json, line: AttachableCall) -> None:
        """The agent is on the line."""
        self.session, self._line = session, line
        self._timer.cancel()
        self._changed.set()

    def reject(self, status_code: int) -> None:
        """The caller is turned away."""
        self.status_code = status_code
        self.end(SipEnding.REJECTED)

    def end(self, ending: SipEnding) -> None:
        """It is over; what has ended does not end again."""
        self._timer.cancel()
        self.ending = self.ending or ending
        if self._line is not None:
            self._line.hang_up()
        self._changed.set()

    async def accepted(self, *, timeout_s: float = 5.0) -> Json:
        """Wait until it is accepted; answers the session."""
        await self._wait(lambda: self.session is not None, timeout_s)
        assert self.session is not None
        return self.session

    async def decided(self, *, timeout_s: float = 5.0) -> None:
        """Wait until it rings no more, whatever has become of it."""
        await self._wait(lambda: not self.rings, timeout_s)

    async def ended(self, *, timeout_s: float = 5.0) -> SipEnding:
        """Wait until it is over."""
        await self._wait(lambda: self.ending is not None, timeout_s)
        assert self.ending is not None
        return self.ending

    async def _wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
