"""The provider's media stream, over aiohttp."""

import asyncio
from collections.abc import Coroutine

from aiohttp import WSMsgType, web

from gateway.sessions.socket import TextReceived, tune

FRAME_LIMIT_BYTES = 64 * 1024
OUTBOX_LIMIT_BYTES = 1024 * 1024
"""About two minutes of audio that the provider has not taken off the wire."""
PING_EVERY_S = 15.0
CLOSE_WITHIN_S = 1.0
_NEVER_WAIT = 1 << 62


class ProviderSocket:
    """One accepted media socket; reads until the end, writes without waiting."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._socket = web.WebSocketResponse(
            timeout=CLOSE_WITHIN_S,
            heartbeat=PING_EVERY_S,
            compress=False,
            max_msg_size=FRAME_LIMIT_BYTES,
            writer_limit=_NEVER_WAIT,
            decode_text=False,
        )
        self._closing: asyncio.Task[object] | None = None

    @classmethod
    async def accept(cls, request: web.Request) -> "ProviderSocket":
        """Answer the handshake."""
        accepted = cls(request)
        await accepted._socket.prepare(request)
        tune(request.transport)
        return accepted

    @property
    def response(self) -> web.WebSocketResponse:
        """What the HTTP handler has to return."""
        return self._socket

    async def read(self, received: TextReceived, *, rejected: TextReceived) -> int:
        """
        Hand every text to *received* until the end, and every binary frame to *rejected*; answers with the close code.
        """
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                received(message.data)
            elif message.type is WSMsgType.BINARY:
                rejected(message.data)
        return self._socket.close_code or 1006

    async def receive(self) -> bytes | None:
        """The next text; None at the end. Binary frames count as empty texts."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return bytes(message.data)
        return b"" if message.type is WSMsgType.BINARY else None

    def send(self, text: bytes) -> None:
        """Write to the transport; a provider that stops reading is let go."""
        transport = self._request.transport
        if transport is None or self._socket.closed:
            return
        if transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            transport.abort()
            return
        try:
            _run(self._socket.send_frame(text, WSMsgType.TEXT))
        except ConnectionResetError:
            return

    async def close(self, code: int, reason: str) -> None:
        """Close; a provider that does not answer is cut off."""
        await self._socket.close(code=code, message=reason.encode()[:120])


def _run(sending: Coroutine[None, None, None]) -> None:
    """Run a send to its end; with the writer's own limit lifted, and no compression, it never waits."""
    try:
        sending.send(None)
    except StopIteration:
        return
    sending.close()
    raise RuntimeError("sending a frame had to wait")
