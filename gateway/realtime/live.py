"""An open session: carries out between the socket and the listeners what the protocol decides."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from gateway.errors import PeerError
from gateway.protocol.model.events import (
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelExceptionEvent,
)
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.protocol.model.outbox import Send, Warn
from gateway.protocol.model.session import Effect, ModelSession
from gateway.realtime.delivery import Delivery
from gateway.sessions.socket import ABNORMAL, NO_CODE, NORMAL, TextSocket

logger = logging.getLogger(__name__)

OPENED_WITHIN_S = 10.0
SETTLED_WITHIN_S = 2.0
"""How long a server that forgets to confirm the settings is waited for."""


class LiveSession:
    """One socket, from the handshake to its end."""

    def __init__(self, socket: TextSocket, session: ModelSession, delivery: Delivery, *, ends_abruptly: bool) -> None:
        """Whoever attaches to a call sees it end without a close frame, so there *ends_abruptly* is no fault."""
        self.ended = False
        self._socket = socket
        self._session = session
        self._delivery = delivery
        self._normal = {NORMAL, NO_CODE, ABNORMAL} if ends_abruptly else {NORMAL, NO_CODE}
        self._ending = (ABNORMAL, "")
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        socket.attach(self._received)
        self._watch = asyncio.create_task(self._until_closed(), name="realtime session")

    async def ready(self) -> None:
        """
        Wait until the session is open, and set up as far as the server says.

        Raises `PeerError` when it is not opened.
        """
        try:
            await self._until_open()
            await self._until_settled()
        finally:
            self._ready.set()
        if self.ended:
            raise self._gone()

    async def send(self, event: RealtimeModelSendEvent) -> None:
        """Ask something of the model; waits until it is set up, and while the server does not take what was sent."""
        await self._ready.wait()
        if self.ended:
            raise self._gone()
        for effect in self._session.send(event, now_ms=self._loop.time() * 1000):
            self._do(effect)
            self._socket.flush()
            await self._socket.drained()

    async def close(self) -> None:
        """End the session; nobody is told, since whoever closes knows."""
        await self._delivery.stop()
        await self.abandon()

    async def abandon(self) -> None:
        """Let go of the socket; what has happened is still told."""
        self.ended = True
        self._changed.set()
        self._socket.detach()
        self._watch.cancel()
        await asyncio.wait([self._watch])
        await self._socket.close()

    def _received(self, text: bytes) -> None:
        """Let the protocol decide; a bug in here, or in a tracker, ends nothing."""
        try:
            self._carry_out(self._session.receive(text, now_ms=self._loop.time() * 1000))
        except Exception as error:
            logger.exception("an event of the server could not be dealt with")
            self._delivery.put(RealtimeModelExceptionEvent(error, "while dealing with an event of the server"))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._do(effect)
        self._socket.flush()
        self._changed.set()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                self._socket.send(text)
            case Warn(message):
                logger.warning(message)
            case _:
                self._delivery.put(effect)

    async def _until_open(self) -> None:
        try:
            async with asyncio.timeout(OPENED_WITHIN_S):
                await self._wait(lambda: self._session.confirmed is not None)
        except TimeoutError as error:
            raise PeerError(f"the server opened no session within {OPENED_WITHIN_S:g} s") from error

    async def _until_settled(self) -> None:
        try:
            async with asyncio.timeout(SETTLED_WITHIN_S):
                await self._wait(lambda: self._session.settled)
        except TimeoutError:
            logger.warning("the server does not confirm the settings of the session")

    async def _wait(self, holds: Callable[[], bool]) -> None:
        while not self.ended and not holds():
            self._changed.clear()
            await self._changed.wait()

    async def _until_closed(self) -> None:
        self._ending = await self._socket.closed()
        self.ended = True
        self._changed.set()
        normal = self._ending[0] in self._normal
        if not normal:
            self._delivery.put(RealtimeModelExceptionEvent(self._gone(), "the connection was lost"))
        self._delivery.put(RealtimeModelConnectionStatusEvent("disconnected"))
        if normal:
            self._delivery.put(RealtimeModelEndOfStreamEvent())
        self._delivery.finish()

    def _gone(self) -> PeerError:
        code, reason = self._ending
        return PeerError(f"the server ended the session: {code} {reason}".rstrip())
