"""The realtime session's socket: websockets connects, through TLS and proxies, and is then relieved."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from gateway.errors import ConfigError, PeerError
from gateway.sessions.socket import TextSocket

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
_SWITCHING = b"HTTP/1.1 101 "
_END_OF_ANSWER = b"\r\n\r\n"
ATTEMPT_S = 3.0
"""After this long a second attempt is made beside the first."""
CONNECT_WITHIN_S = 6.0


class ModelRefused(PeerError):  # noqa: N818 - a refusal is what it is
    """The server answered the handshake with an HTTP error; trying again will not help."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Connection(ClientConnection):
    """Shakes hands, and keeps what the server says behind the handshake for whoever takes over."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.early = b""
        self._answer = b""
        self._answered = False

    def data_received(self, data: bytes) -> None:
        """The server's answer is the library's; what comes after "switching protocols" is not."""
        if self._answered:
            self.early += data
            return
        before_bytes = len(self._answer)
        self._answer += data
        end = self._answer.find(_END_OF_ANSWER)
        if end < 0 or not self._answer.startswith(_SWITCHING):
            super().data_received(data)
            return
        self._answered = True
        answer_bytes = end + len(_END_OF_ANSWER) - before_bytes
        self.early = data[answer_bytes:]
        super().data_received(data[:answer_bytes])


async def open_model(url: str, headers: Mapping[str, str]) -> TextSocket:
    """
    Connect, with a second attempt beside the first when that takes long.

    Raises `ModelRefused` when the server says no, `PeerError` when it cannot be reached, `ConfigError` for a bad url.
    """
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            connection = await _hedged(partial(_connect, url, headers))
    except InvalidStatus as error:
        status = error.response.status_code
        raise ModelRefused(status, f"{_host(url)} answered HTTP {status}") from error
    except InvalidURI as error:
        raise ConfigError(f"the realtime address cannot be used: {error}") from error
    except TimeoutError as error:
        raise PeerError(f"{_host(url)} did not open a session within {CONNECT_WITHIN_S:g} s") from error
    except (OSError, InvalidHandshake, WebSocketException) as error:
        raise PeerError(f"{_host(url)} cannot be reached: {error}") from error
    return TextSocket(connection.transport, client=True, limit_bytes=MESSAGE_LIMIT_BYTES, early=connection.early)


def _host(url: str) -> str:
    return url.partition("?")[0]


async def _connect(url: str, headers: Mapping[str, str]) -> _Connection:
    connection = await connect(
        url,
        additional_headers=headers,
        compression=None,
        max_size=MESSAGE_LIMIT_BYTES,
        open_timeout=None,
        ping_interval=None,
        create_connection=_Connection,
    )
    assert isinstance(connection, _Connection)
    return connection


async def _hedged(attempt: Callable[[], Awaitable[_Connection]]) -> _Connection:
    """The first of two attempts to succeed, the second made when the first takes long."""
    winner: _Connection | None = None
    tasks = [asyncio.ensure_future(attempt())]
    try:
        await asyncio.wait(tasks, timeout=ATTEMPT_S)
        if not tasks[0].done():
            tasks.append(asyncio.ensure_future(attempt()))
        for finished in asyncio.as_completed(tasks):
            try:
                winner = await finished
                return winner
            except (OSError, WebSocketException):
                if all(task.done() for task in tasks):
                    raise
        raise AssertionError("one of the attempts either returned or raised")
    finally:
        for task in tasks:
            _abandon(task, winner)


def _abandon(task: asyncio.Future[_Connection], winner: _Connection | None) -> None:
    """Leave no connection behind that nobody will use."""
    if not task.done():
        task.cancel()
    elif not task.cancelled() and task.exception() is None and task.result() is not winner:
        task.result().transport.abort()
