"""
One session with its socket, and the truth about it.

A reader hands frames to the engine, a timer calls it when it wants to be called, and a writer carries out
what it asks for, in order. All three end with the socket. What a test may want to know is here: what was
really sent of each item, what was truncated and with which outcome, what came in, how it ended.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.commands import Close, Command, Drop, SendText, Speak
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.engine import ABRUPT_CODE, Closed, Engine
from gateway.sim.realtime.turn import Json

logger = logging.getLogger(__name__)


class Session:
    """A client that is, or was, connected."""

    def __init__(self, engine: Engine, socket: ServerConnection) -> None:
        self.items = engine.items
        """Every item that ever was, in the order of creation."""
        self.truncations = engine.truncations
        """Every truncation that was asked for, with its outcome."""
        self.received = engine.received
        """Every event of the client but audio."""
        self.sent = engine.context.outlet.sent
        """Every event sent, if the behaviour keeps them."""
        self._engine = engine
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[Command] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s: float | None = None
        self._voices: set[asyncio.Task[None]] = set()
        self._waiters: list[tuple[Callable[[Session], object], asyncio.Future[None]]] = []

    @property
    def id(self) -> str:
        """Identifier of the session."""
        return self.config.id

    @property
    def config(self) -> SessionConfig:
        """What the session is set to."""
        return self._engine.context.config

    @property
    def behaviour(self) -> Behaviour:
        """How the server behaves in this session; may be exchanged between responses."""
        return self._engine.context.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._engine.context.outlet.behaviour = behaviour

    @property
    def appended_bytes(self) -> int:
        """How much audio of the caller came in."""
        return self._engine.listener.hearing.appended_bytes

    @property
    def closed(self) -> Closed | None:
        """How the connection ended; None while it lasts."""
        return self._engine.closed

    async def happened(self, predicate: Callable[["Session"], object], *, timeout_s: float = 5.0) -> None:
        """Wait until *predicate* holds for this session."""
        waiter = (predicate, self._loop.create_future())
        self._waiters.append(waiter)
        self._look()
        try:
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        finally:
            self._waiters.remove(waiter)

    def send(self, event: Json) -> None:
        """Send any event at all; its id is added."""
        self._carry_out(self._engine.inject(event, now_s=self._loop.time()))

    def hear(self, audio: bytes) -> None:
        """Let the caller be heard, in the input format, past the client; calls on a SIP line do that."""
        self._carry_out(self._engine.hear(audio, now_s=self._loop.time()))

    def press(self, digit: str) -> None:
        """Let the caller press a key of the telephone."""
        self._carry_out(self._engine.press(digit, now_s=self._loop.time(), unix_s=time.time()))

    def drop(self) -> None:
        """End the connection as a cut cable does."""
        self._carry_out([Drop()])

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection with a close frame."""
        self._carry_out([Close(code, reason)])

    async def run(self) -> None:
        """Serve the client until it is gone."""
        writer = self._loop.create_task(self._write())
        try:
            self._carry_out(self._engine.open())
            async for frame in self._socket:
                self._carry_out(self._engine.receive(frame, now_s=self._loop.time()))
        except ConnectionClosed:
            logger.debug("connection broke")
        finally:
            await self._end(writer)

    def _carry_out(self, commands: list[Command]) -> None:
        if self.closed:
            return
        for command in commands:
            if isinstance(command, Speak):
                self._speak(command)
            else:
                self._outbox.put_nowait(command)
        self._set_timer()
        self._look()

    def _set_timer(self) -> None:
        deadline_s = self._engine.next_deadline_s()
        if deadline_s == self._timer_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = deadline_s
        self._timer = None if deadline_s is None else self._loop.call_at(deadline_s, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_s = None, None
        self._carry_out(self._engine.tick(now_s=self._loop.time()))

    def _look(self) -> None:
        for predicate, future in self._waiters:
            if not future.done() and predicate(self):
                future.set_result(None)

    def _speak(self, command: Speak) -> None:
        task = self._loop.create_task(self._voice(command))
        self._voices.add(task)
        task.add_done_callback(self._voices.discard)

    async def _voice(self, command: Speak) -> None:
        sounds: tuple[bytes, ...] | None = None
        try:
            sounds = tuple(await asyncio.gather(*map(self.behaviour.voice, command.texts)))
        except Exception:
            logger.exception("the voice failed")
        self._carry_out(self._engine.spoken(command.response_id, sounds, now_s=self._loop.time()))

    async def _write(self) -> None:
        try:
            while True:
                await self._do(await self._outbox.get())
        except ConnectionClosed:
            logger.debug("nobody is there to be told")

    async def _do(self, command: Command) -> None:
        match command:
            case SendText(text):
                await self._socket.send(text)
            case Close(code, reason):
                await self._socket.close(code, reason)
            case Drop():
                self._socket.transport.abort()
            case Speak():
                raise AssertionError("spoken, not sent")

    async def _end(self, writer: asyncio.Task[None]) -> None:
        tasks = [writer, *self._voices]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        code = self._socket.close_code or ABRUPT_CODE
        self._engine.gone(code, self._socket.close_reason or "", now_s=self._loop.time())
        if self._timer is not None:
            self._timer.cancel()
        self._look()
