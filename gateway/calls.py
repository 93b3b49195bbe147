"""
The calls of this gateway: who may come in, who is in, and how all of them leave.

A webhook that is answered makes a call expected: its stream may come once, within a minute, with the token that the
answer carried. A token is bound to the call's identifier, so that one that leaks opens nothing else.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol

from gateway.agents import Configuration
from gateway.errors import RemoteProtocolError
from gateway.lines import Line
from gateway.providers.dialect import IncomingCall
from gateway.realtime.hands import AgentHands

TOKEN_LIFE_S = 60.0
CLOSE_WITHIN_S = 8.0


class StreamRefused(RemoteProtocolError):  # noqa: N818 - a refusal is what it is
    """A stream that nobody waits for; *reason* is one of `metrics.STREAM_REFUSALS`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A call whose webhook was answered and whose stream may come."""

    call: IncomingCall
    line: Line
    place: "Place"
    """Kept for it, and to be left when it is over."""
    expires_s: float


class Carried(Protocol):
    """A call that is under way."""

    @property
    def hands(self) -> AgentHands:
        """What carries out what its agent wants."""

    async def run(self) -> None:
        """Carry it to its end."""

    def hang_up(self, reason: str) -> None:
        """End it for a reason of our own."""


class Places:
    """How many calls there are, and may be; each takes one place, however often it is told of."""

    def __init__(self) -> None:
        self.most: int | None = None
        """On all lines together; None is as many as come."""
        self._taken: dict[str, list[Place]] = {}

    def take(
        self, call_sid: str, line: Line, configuration: Configuration, *, even_if_full: bool = False
    ) -> "Place | None":
        """A place for a call; None when there is none left."""
        taken = self._taken.get(call_sid)
        if taken is None and self._is_full(line) and not even_if_full:
            return None
        place = Place(self, call_sid, taken[0].line if taken else line.line, configuration)
        self._taken.setdefault(call_sid, []).append(place)
        return place

    def leave(self, place: "Place") -> None:
        """Let others have it; once is enough."""
        taken = self._taken.get(place.call_sid, [])
        if place in taken:
            taken.remove(place)
        if not taken:
            self._taken.pop(place.call_sid, None)

    def use(self, configuration: Configuration) -> bool:
        """Whether there are calls that began with it."""
        return any(place.configuration is configuration for places in self._taken.values() for place in places)

    def _is_full(self, line: Line) -> bool:
        if self.most is not None and len(self._taken) >= self.most:
            return True
        on_line = sum(places[0].line == line.line for places in self._taken.values())
        return line.max_calls is not None and on_line >= line.max_calls


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What a call takes up, for as long as the block lasts."""

    places: Places
    call_sid: str
    line: str
    configuration: Configuration
    """With which the call began, and which it keeps."""

    def __enter__(self) -> None:
        """It was taken already."""

    def __exit__(self, *_: object) -> None:
        self.places.leave(self)


class Calls:
    """Admission and registry."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.draining = False
        self._places = Places()
        self._clock_s = clock_s
        self._expected: dict[str, ExpectedCall] = {}
        self._carried: dict[str, Carried] = {}
        self._jobs: set[asyncio.Task[object]] = set()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def __len__(self) -> int:
        return len(self._carried)

    @property
    def most(self) -> int | None:
        """How many calls there may be at a time; None is as many as come."""
        return self._places.most

    @most.setter
    def most(self, most: int | None) -> None:
        self._places.most = most

    def use(self, configuration: Configuration) -> bool:
        """Whether there are calls, expected or under way, that began with it."""
        self._forget_expired()
        return self._places.use(configuration)

    def admit(
        self, call_sid: str, line: Line, configuration: Configuration, *, even_if_full: bool = False
    ) -> Place | None:
        """Keep a place for a call; None when there is none left, on its line or at all."""
        self._forget_expired()
        return self._places.take(call_sid, line, configuration, even_if_full=even_if_full)

    def expect(self, call: IncomingCall, line: Line, configuration: Configuration) -> str | None:
        """
        Let the stream of *call* come in; answers with the token that it has to bring.

        None when there is no place left for it.
        """
        place = self.admit(call.call_sid, line, configuration)
        if place is None:
            return None
        token = secrets.token_urlsafe(24)
        self._expected[token] = ExpectedCall(call, line, place, self._clock_s() + TOKEN_LIFE_S)
        return token

    def give_up(self, call_sid: str) -> None:
        """Expect a call no more that is over."""
        self._forget(lambda expected: expected.call.call_sid == call_sid)

    def claim(self, token: str, call_sid: str) -> ExpectedCall:
        """Use a token up; raises `StreamRefused` when it is unknown, used, expired or another call's."""
        self._forget_expired()
        expected = self._expected.pop(token, None)
        if expected is None:
            raise StreamRefused("bad_token", "the token is unknown, used or expired")
        if expected.call.call_sid != call_sid:
            self._places.leave(expected.place)
            raise StreamRefused("bad_token", "the token is another call's")
        if call_sid in self._carried:
            self._places.leave(expected.place)
            raise StreamRefused("duplicate", "the call has a stream already")
        return expected

    def _forget_expired(self) -> None:
        now_s = self._clock_s()
        self._forget(lambda expected: expected.expires_s <= now_s)

    def _forget(self, is_over: Callable[[ExpectedCall], bool]) -> None:
        for token in [token for token, expected in self._expected.items() if is_over(expected)]:
            self._places.leave(self._expected.pop(token).place)

    def find(self, call_sid: str) -> Carried | None:
        """A call that is under way."""
        return self._carried.get(call_sid)

    async def carry(self, call_sid: str, call: Carried) -> None:
        """Run a call to its end."""
        self._carried[call_sid] = call
        self._emptied.clear()
        try:
            await call.run()
        finally:
            del self._carried[call_sid]
            self.give_up(call_sid)
            if not self._carried:
                self._emptied.set()

    def begin(self, job: Coroutine[None, None, object]) -> None:
        """Have done what comes before a call is carried, or is all that is done about it; the end waits for it too."""
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def drain(self) -> None:
        """Take no more calls, and wait for those under way to end by themselves."""
        self.draining = True
        while self._jobs:
            await asyncio.wait(self._jobs)
        await self._emptied.wait()

    async def close(self) -> None:
        """Take no more calls, and end those under way; their callers go on with the fallback."""
        self.draining = True
        for call in tuple(self._carried.values()):
            call.hang_up("gateway_stopped")
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await self.drain()
