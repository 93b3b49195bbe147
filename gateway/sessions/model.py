"""
The realtime session's socket, over websockets.

Texts are taken from the connection as it parses them, without the queue and the task switch that `recv()` needs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Event

from gateway.errors import ConfigError, PeerError
from gateway.sessions.socket import TextReceived, tune

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
OUTBOX_LIMIT_BYTES = 1024 * 1024
PING_EVERY_S = 15.0
PONG_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
ATTEMPT_S = 3.0
"""After this long a second attempt is made beside the first."""
CONNECT_WITHIN_S = 6.0


class ModelRefused(PeerError):  # noqa: N818 - a refusal is what it is
    """The server answered the handshake with an HTTP error; trying again will not help."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Connection(ClientConnection):
    """Hands over texts as they are parsed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._received: TextReceived | None = None
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.CONT, Opcode.BINARY}:
            self._data_frame(event)
        else:
            super().process_event(event)

    def _data_frame(self, frame: Frame) -> None:
        text = bytes(frame.data)
        if frame.fin and not self._fragments:
            self._hand_over(text)
            return
        self._fragments.append(text)
        if frame.fin:
            whole = b"".join(self._fragments)
            self._fragments.clear()
            self._hand_over(whole)

    def _hand_over(self, text: bytes) -> None:
        if self._received is None:
            self._early.append(text)
        else:
            self._received(text)

    def attach(self, received: TextReceived) -> None:
        """From now on texts go to *received*, beginning with those that came before."""
        self._received = received
        early, self._early = self._early, []
        for text in early:
            received(text)

    def send_now(self, text: bytes) -> None:
        """Frame *text* and write it to the transport."""
        if self.protocol.state is not OPEN:
            return
        if self.transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            self.transport.abort()
            return
        self.protocol.send_text(text)
        self.send_data()


class ModelSocket:
    """One open realtime session's socket."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        tune(connection.transport)

    def attach(self, received: TextReceived) -> None:
        """Hand every text to *received*, in order, beginning with those that are already here."""
        self._connection.attach(received)

    def send(self, text: bytes) -> None:
        """Write to the transport; a server that stops reading is let go."""
        self._connection.send_now(text)

    async def closed(self) -> str:
        """Wait for the end; answers with its code and reason."""
        await self._connection.wait_closed()
        code, reason = self._connection.close_code, self._connection.close_reason
        return f"{code} {reason}".strip()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; a server that does not answer within a second is cut off."""
        await self._connection.close(code, reason)


async def open_model(url: str, headers: Mapping[str, str]) -> ModelSocket:
    """
    Connect, with a second attempt beside the first when that takes long.

    Raises `ModelRefused` when the server says no, `PeerError` when it cannot be reached, `ConfigError` for a bad url.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            return ModelSocket(await _hedged(partial(_connect, url, headers)))
    except InvalidStatus as error:
        status = error.response.status_code
        raise ModelRefused(status, f"{_host(url)} answered HTTP {status}") from error
    except InvalidURI as error:
        raise ConfigError(f"the realtime address cannot be used: {error}") from error
    except TimeoutError as error:
        raise PeerError(f"{_host(url)} did not open a session within {CONNECT_WITHIN_S:g} s") from error
    except (OSError, InvalidHandshake, WebSocketException) as error:
        raise PeerError(f"{_host(url)} cannot be reached: {error}") from error


def _host(url: str) -> str:
    return url.partition("?")[0]


async def _connect(url: str, headers: Mapping[str, str]) -> _Connection:
    connection = await connect(
        url,
        additional_headers=headers,
        compression=None,
        max_size=MESSAGE_LIMIT_BYTES,
        open_timeout=None,
        ping_interval=PING_EVERY_S,
        ping_timeout=PONG_WITHIN_S,
        close_timeout=CLOSE_WITHIN_S,
        create_connection=_Connection,
    )
    assert isinstance(connection, _Connection)
    return connection


async def _hedged(attempt: Callable[[], Awaitable[_Connection]]) -> _Connection:
    """The first of two attempts to succeed, the second made when the first takes long."""
    tasks = [asyncio.ensure_future(attempt())]
    try:
        await asyncio.wait(tasks, timeout=ATTEMPT_S)
        if not tasks[0].done():
            tasks.append(asyncio.ensure_future(attempt()))
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except (OSError, WebSocketException):
                if all(task.done() for task in tasks):
                    raise
        raise AssertionError("one of the attempts either returned or raised")
    finally:
        for task in tasks:
            task.cancel()
