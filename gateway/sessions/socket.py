"""
The seam between a call and the sockets that carry its texts.

The handshakes are the libraries': aiohttp's towards providers, websockets' towards models. Open connections are taken
over, and from then on both sides are alike. A text that came is handed on as it is parsed, without a queue or a task
switch; a text that is sent goes out at the next flush, without waiting. The transport's buffer is the outbox; a peer
that lets it grow past its bound is let go.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from gateway.sessions.frames import FrameError, FrameReader, Masks, Opcode, framed

logger = logging.getLogger(__name__)

TextReceived = Callable[[bytes], None]
"""Called with every text, in order, in the event loop."""
Message = tuple[int, bytes]
InOrder = Callable[[list[Message]], list[Message]]


def unchanged(messages: list[Message]) -> list[Message]:
    """The order in which they came."""
    return messages


OUTBOX_LIMIT_BYTES = 1024 * 1024
"""About two minutes of audio that the peer has not taken off the wire."""
USER_TIMEOUT_MS = 5_000
"""How long sent bytes may go unacknowledged before the kernel gives a connection up."""
PING_EVERY_S = 15.0
PONG_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
REASON_BYTES = 123
NORMAL, NO_CODE, ABNORMAL = 1000, 1005, 1006
_TEXT = int(Opcode.TEXT)


class TextSocket(asyncio.Protocol):
    """An open WebSocket that carries JSON texts, on a transport that someone else opened."""

    def __init__(self, transport: asyncio.Transport, *, client: bool, limit_bytes: int, early: bytes = b"") -> None:
        """Take over; *early* came in behind the handshake. A transport without a protocol is gone already."""
        self._transport = transport
        self._former = cast("asyncio.BaseProtocol | None", transport.get_protocol())
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._framed = Masks().framed if client else framed
        self._reader = FrameReader(masked=not client, limit_bytes=limit_bytes)
        self._received: TextReceived | None = None
        self._rejected: TextReceived | None = None
        self._urgent_first: InOrder = unchanged
        self._waiting: list[Message] = []
        self._outbox: list[bytes] = []
        self._open = True
        self._deaf = False
        self._ending: tuple[int, str] = (ABNORMAL, "")
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pong_came = True
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)
        if self._former is not None:
            _tune(transport)
            transport.set_protocol(self)
        if early:
            self.data_received(early)
        if self._former is None:
            self.connection_lost(None)

    # What a call uses

    def attach(
        self, received: TextReceived, *, rejected: TextReceived | None = None, urgent_first: InOrder = unchanged
    ) -> None:
        """
        Hand every text to *received* and every binary message to *rejected*, beginning with what is here already.

        What came at once is put in order by *urgent_first*.
        """
        self._urgent_first = urgent_first
        self._received, self._rejected = received, rejected or received
        while self._waiting and self._received is not None:
            self._take(*self._waiting.pop(0))

    def detach(self) -> None:
        """Keep what comes from now on for whoever is attached next."""
        self._received = self._rejected = None

    def send(self, text: bytes) -> None:
        """Send at the next flush; what is sent after the end is dropped."""
        if self._open:
            self._outbox.append(self._framed(Opcode.TEXT, text))

    def send_now(self, text: bytes) -> None:
        """Send, and flush."""
        transport = self._transport
        if self._outbox or not self._open or transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            self.send(text)
            self.flush()
        elif not transport.is_closing():
            transport.write(self._framed(_TEXT, text))

    def flush(self) -> None:
        """Write what was sent to the transport."""
        if self._outbox:
            chunks, self._outbox = self._outbox, []
            self._write(b"".join(chunks))

    def _write(self, frames: bytes) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            logger.warning("a peer does not read, and is let go")
            transport.abort()
            return
        transport.write(frames)

    async def drained(self) -> None:
        """Wait while the peer does not take what was sent; for those who have much to send, and time."""
        await self._writable.wait()

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; answers with the close code and the reason, 1006 when the peer gave none."""
        await asyncio.shield(self._ended)
        return self._ending

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close; a peer that does not answer within a second is cut off."""
        self._send_close(code, reason)
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._transport.abort()

    # What the transport tells

    def data_received(self, data: bytes) -> None:
        """Parse, and hand on; whatever comes behind a close, or behind nonsense, is thrown away."""
        if self._deaf:
            return
        if self._received is not None and (text := self._reader.only_text(data)) is not None:
            self._received(text)
            return
        try:
            self._read(data)
        except FrameError as error:
            logger.warning("a peer left the WebSocket protocol: %s", error)
            self._send_close(error.code, str(error))
            self._end_stream()

    def _read(self, data: bytes) -> None:
        messages: list[Message] = []
        try:
            messages.extend(self._reader.feed(data))
        finally:
            self._hand_on(messages if len(messages) < 2 else self._urgent_first(messages))

    def _hand_on(self, messages: list[Message]) -> None:
        for opcode, payload in messages:
            if opcode == Opcode.TEXT and self._received is not None:
                self._received(payload)
            else:
                self._take(opcode, payload)
            if self._deaf:
                return

    def pause_writing(self) -> None:
        """The transport holds a lot that the peer does not take."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The peer has taken most of it."""
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; whoever opened the transport has to know too."""
        self._open = False
        self._writable.set()
        self._timer.cancel()
        if not self._ended.done():
            self._ended.set_result(None)
        if self._former is not None:
            self._former.connection_lost(error)

    # Inside

    def _take(self, opcode: int, payload: bytes) -> None:
        match opcode:
            case Opcode.PONG:
                self._pong_came = True
            case Opcode.PING:
                self._send(Opcode.PONG, payload)
            case Opcode.CLOSE:
                self._close_came(payload)
            case _ if self._received is None or self._rejected is None:
                self._waiting.append((opcode, payload))
            case Opcode.BINARY:
                self._rejected(payload)
            case _:
                self._received(payload)

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._open:
            self._outbox.append(self._framed(opcode, payload))
            self.flush()

    def _send_close(self, code: int, reason: str) -> None:
        beginning = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        said = b"" if code == NO_CODE else code.to_bytes(2, "big") + beginning.encode()
        self._send(Opcode.CLOSE, said)
        self._open = False

    def _close_came(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE
        self._ending = (code, payload[2:].decode(errors="replace"))
        self._send_close(code, "")
        self._end_stream()

    def _end_stream(self) -> None:
        """
        Send no more, but read on for a moment: whoever is cut off while sending may lose the close frame.

        The server ends the TCP connection first (section 7.1.1), so a client only waits for it.
        """
        self._deaf = True
        if not self._client and self._transport.can_write_eof():
            self._transport.write_eof()
        self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_WITHIN_S, self._transport.abort)

    def _ping(self) -> None:
        self._pong_came = False
        self._send(Opcode.PING, b"")
        self._timer = self._loop.call_later(PONG_WITHIN_S, self._expect_pong)

    def _expect_pong(self) -> None:
        if self._pong_came:
            self._timer = self._loop.call_later(PING_EVERY_S - PONG_WITHIN_S, self._ping)
        else:
            logger.warning("a peer does not answer pings, and is let go")
            self._transport.abort()


def _tune(transport: asyncio.BaseTransport) -> None:
    """No waiting for more to send, and no long faith in a peer that does not acknowledge."""
    sock = transport.get_extra_info("socket")
    if sock is None or transport.is_closing() or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
