"""
The seam between a call and the library that carries its texts.

The handshakes are the libraries' (aiohttp towards providers, websockets towards models). Once a connection is open both
sides are alike: the WebSocket protocol of websockets, without its I/O, on an asyncio transport. A text that came is
handed on as it is parsed, without a queue or a task switch; a text that is sent goes out at the next flush, without
waiting. The transport's buffer is the outbox; a peer that lets it grow past its bound is let go.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable

from websockets.frames import Frame, Opcode
from websockets.protocol import CLOSED, OPEN, Protocol

logger = logging.getLogger(__name__)

TextReceived = Callable[[bytes], None]
"""Called with every text, in order, in the event loop."""

OUTBOX_LIMIT_BYTES = 1024 * 1024
"""About two minutes of audio that the peer has not taken off the wire."""
USER_TIMEOUT_MS = 5_000
"""How long sent bytes may go unacknowledged before the kernel gives a connection up."""
PING_EVERY_S = 15.0
PONG_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
ABNORMAL = 1006
END_OF_STREAM = b""
"""What the protocol writes when it has nothing more to send."""


class TextSocket(asyncio.Protocol):
    """An open WebSocket that carries JSON texts, on a transport that someone else opened."""

    def __init__(self, protocol: Protocol, transport: asyncio.Transport, early: Iterable[Frame] = ()) -> None:
        self._protocol = protocol
        self._transport = transport
        self._former = transport.get_protocol()
        self._loop = asyncio.get_running_loop()
        self._received: TextReceived | None = None
        self._rejected: TextReceived | None = None
        self._early = list(early)
        self._fragments: list[bytes] = []
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._pong_came = True
        self._ping = self._loop.call_later(PING_EVERY_S, self._send_ping)
        _tune(transport)
        transport.set_protocol(self)

    # What a call uses

    def attach(self, received: TextReceived, *, rejected: TextReceived | None = None) -> None:
        """Hand every text to *received* and every binary message to *rejected*, beginning with what is here already."""
        self._received, self._rejected = received, rejected or received
        while self._early and self._received is not None:
            self._data_frame(self._early.pop(0))

    def detach(self) -> None:
        """Keep what comes from now on for whoever is attached next."""
        self._received = self._rejected = None

    def send(self, text: bytes) -> None:
        """Send at the next flush; what is sent after the end is dropped."""
        if self._protocol.state is OPEN:
            self._protocol.send_text(text)

    def flush(self) -> None:
        """Write what was sent to the transport."""
        data = self._protocol.data_to_send()
        if data:
            self._write(data)

    async def closed(self) -> tuple[int, str]:
        """Wait for the end; answers with the close code and the reason."""
        await asyncio.shield(self._ended)
        return self._protocol.close_code or ABNORMAL, self._protocol.close_reason or ""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; a peer that does not answer within a second is cut off."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
            self.flush()
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self._transport.abort()

    # What the transport tells

    def data_received(self, data: bytes) -> None:
        """Parse, hand on, and answer what the protocol answers by itself."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            self.frame_received(event)
        self.flush()

    def frame_received(self, frame: object) -> None:
        """Take a frame that was parsed."""
        if not isinstance(frame, Frame):
            return
        if frame.opcode is Opcode.PONG:
            self._pong_came = True
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._data_frame(frame)

    def _data_frame(self, frame: Frame) -> None:
        if self._received is None or self._rejected is None:
            self._early.append(frame)
        elif frame.fin and frame.opcode is Opcode.TEXT:
            self._received(bytes(frame.data))
        elif frame.opcode is Opcode.BINARY:
            self._rejected(bytes(frame.data))
        else:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                whole = b"".join(self._fragments)
                self._fragments.clear()
                self._received(whole)

    def eof_received(self) -> None:
        """The peer sends no more."""
        self._protocol.receive_eof()
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; whoever opened the transport has to know too."""
        self._ping.cancel()
        if self._protocol.state is not CLOSED:
            self._protocol.receive_eof()
        if not self._ended.done():
            self._ended.set_result(None)
        self._former.connection_lost(error)

    # Inside

    def _write(self, chunks: list[bytes]) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > OUTBOX_LIMIT_BYTES:
            logger.warning("a peer does not read, and is let go")
            self._transport.abort()
            return
        self._transport.write(chunks[0] if len(chunks) == 1 else b"".join(chunks))
        if chunks[-1] == END_OF_STREAM:
            self._end_stream()

    def _end_stream(self) -> None:
        """Send no more, but read on: a peer that is cut off while it sends may lose the close frame."""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
        self._ping.cancel()
        self._ping = self._loop.call_later(CLOSE_WITHIN_S, self._transport.abort)

    def _send_ping(self) -> None:
        if not self._pong_came:
            self._transport.abort()
        elif self._protocol.state is OPEN:
            self._pong_came = False
            self._protocol.send_ping(b"")
            self.flush()
            self._ping = self._loop.call_later(PONG_WITHIN_S, self._await_pong)

    def _await_pong(self) -> None:
        if self._pong_came:
            self._ping = self._loop.call_later(PING_EVERY_S - PONG_WITHIN_S, self._send_ping)
        else:
            self._transport.abort()


def _tune(transport: asyncio.BaseTransport) -> None:
    """No waiting for more to send, and no long faith in a peer that does not acknowledge."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
