"""
The calls of this gateway: who may come in, who is in, and how all of them leave.

A webhook that is answered makes a call expected: its stream may come once, within a minute, with the token that the
answer carried. A token is bound to the call's identifier, so that one that leaks opens nothing else.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.bridge import Bridge
from gateway.errors import RemoteProtocolError
from gateway.lines import Line
from gateway.providers.dialect import IncomingCall

TOKEN_LIFE_S = 60.0
CLOSE_WITHIN_S = 5.0


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
    expires_s: float


class Calls:
    """Admission and registry."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.draining = False
        self._clock_s = clock_s
        self._expected: dict[str, ExpectedCall] = {}
        self._bridges: dict[str, Bridge] = {}
        self._emptied = asyncio.Event()
        self._emptied.set()

    def __len__(self) -> int:
        return len(self._bridges)

    def expect(self, call: IncomingCall, line: Line) -> str:
        """Let the stream of *call* come in; answers with the token that it has to bring."""
        self._forget_expired()
        token = secrets.token_urlsafe(24)
        self._expected[token] = ExpectedCall(call, line, self._clock_s() + TOKEN_LIFE_S)
        return token

    def claim(self, token: str, call_sid: str) -> ExpectedCall:
        """Use a token up; raises `StreamRefused` when it is unknown, used, expired or another call's."""
        self._forget_expired()
        expected = self._expected.pop(token, None)
        if expected is None or expected.call.call_sid != call_sid:
            raise StreamRefused("bad_token", "the token is unknown, used, expired or another call's")
        if call_sid in self._bridges:
            raise StreamRefused("duplicate", "the call has a stream already")
        return expected

    def _forget_expired(self) -> None:
        now_s = self._clock_s()
        for token in [token for token, call in self._expected.items() if call.expires_s <= now_s]:
            del self._expected[token]

    async def carry(self, call_sid: str, bridge: Bridge) -> None:
        """Run a call to its end."""
        self._bridges[call_sid] = bridge
        self._emptied.clear()
        try:
            await bridge.run()
        finally:
            del self._bridges[call_sid]
            if not self._bridges:
                self._emptied.set()

    async def drain(self) -> None:
        """Take no more calls, and wait for those under way to end by themselves."""
        self.draining = True
        await self._emptied.wait()

    async def close(self) -> None:
        """Take no more calls, and end those under way; their callers go on with the fallback."""
        self.draining = True
        for bridge in tuple(self._bridges.values()):
            bridge.hang_up("gateway_stopped")
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await self._emptied.wait()
