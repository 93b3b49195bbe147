"""The seam between a call and whichever library carries its texts."""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

TextReceived = Callable[[bytes], None]
"""Called with every text, in order, in the event loop."""

USER_TIMEOUT_MS = 5_000
"""How long sent bytes may go unacknowledged before the kernel gives a connection up."""


class TextSocket(Protocol):
    """A connection that carries JSON texts."""

    def send(self, text: bytes) -> None:
        """Send without waiting; what is sent after the end is dropped."""

    async def close(self, code: int, reason: str) -> None:
        """Close, within a bounded time."""


def tune(transport: asyncio.BaseTransport | None) -> None:
    """No waiting for more to send, and no long faith in a peer that does not acknowledge."""
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
