"""
WebSocket framing for the load generator, both ends, and no more of it than a load needs.

Texts come by callback and leave at once. A client masks with a key of zeros, which the protocol allows and which
costs nothing. Pings and closes are answered; fragments, which neither target sends, are an error.
"""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NO_MASK = bytes(4)
_SIZE_BYTES = {126: 2, 127: 8}
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = base64.b64encode(bytes(16))
_REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n\r\n"
)
_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
)

Received = Callable[[bytes], None]


def head(opcode: int, size_bytes: int, *, masked: bool) -> bytes:
    r"""
    What goes before the payload of a whole frame.

    >>> head(TEXT, 300, masked=False)
    b'\x81~\x01,'
    """
    first, bit = 0x80 | opcode, 0x80 if masked else 0
    key = NO_MASK if masked else b""
    if size_bytes < 126:
        return bytes((first, bit | size_bytes)) + key
    if size_bytes < 1 << 16:
        return struct.pack("!BBH", first, bit | 126, size_bytes) + key
    return struct.pack("!BBQ", first, bit | 127, size_bytes) + key


def read_frame(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    r"""
    The frame that begins at *at*: opcode, payload and where the next one begins; None when it is not all here.

    >>> read_frame(b"\x81\x02hi\x81", 0), read_frame(b"\x81\x02hi\x81", 4)
    ((1, b'hi', 4), None)
    """
    if len(data) < at + 2:
        return None
    short = data[at + 1] & 0x7F
    key_at = at + 2 + _SIZE_BYTES.get(short, 0)
    begin = key_at + (4 if data[at + 1] & 0x80 else 0)
    size_bytes = short if short < 126 else int.from_bytes(data[at + 2 : key_at], "big")
    end = begin + size_bytes
    if len(data) < begin or len(data) < end:
        return None
    if not data[at] & 0x80:
        raise ValueError("expected whole messages, found a fragment")
    return data[at] & 0x0F, unmasked(data[begin:end], data[key_at:begin]), end


def unmasked(payload: bytes, key: bytes) -> bytes:
    """
    *payload* without its mask; an empty *key* is none.

    >>> unmasked(bytes([0x69, 0x68, 0x69]), bytes([1, 1, 1, 1]))
    b'hih'
    """
    if not key or key == NO_MASK:
        return payload
    size_bytes = len(payload)
    mask = (key * (size_bytes // 4 + 1))[:size_bytes]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size_bytes, "big")


class Wire(asyncio.Protocol):
    """One end of a WebSocket."""

    masks = False

    def __init__(self, received: Received) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._received = received
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def send(self, text: bytes) -> None:
        """Send a text; after the end it is dropped."""
        self._write(TEXT, text)

    def close(self) -> None:
        """Say that this end is done; the other one closes the connection."""
        self._write(CLOSE, (1000).to_bytes(2, "big"))

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(head(opcode, len(payload), masked=self.masks) + payload)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is up."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own kind has another base

    def connection_lost(self, error: Exception | None) -> None:
        """TCP is down."""
        self._transport = None
        self.closed.set_result(None)
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the handshake was refused"))

    def data_received(self, data: bytes) -> None:
        """Read what is complete, and keep the rest."""
        data, at = self._rest + data, 0
        if not self.opened.done():
            at = self._shake_hands(data)
        while self.opened.done() and (frame := read_frame(data, at)) is not None:
            opcode, payload, at = frame
            self._frame(opcode, payload)
        self._rest = data[at:]

    def _shake_hands(self, data: bytes) -> int:
        """Where the first frame begins, once the other side's part of the handshake is here."""
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return 0
        if self.greeted(data[:end]):
            self.opened.set_result(None)
        elif self._transport is not None:
            self._transport.abort()
        return end

    def greeted(self, header: bytes) -> bool:
        """Take the other side's part of the handshake, and answer with ours if it is due; False when it is bad."""
        raise NotImplementedError

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._received(payload)
        elif opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE and self._transport is not None:
            self._write(CLOSE, payload)
            self._transport.close()


class ClientWire(Wire):
    """The end that opens the connection."""

    masks = True

    def __init__(self, path: str, host: str, received: Received) -> None:
        super().__init__(received)
        self._request = _REQUEST % (path.encode(), host.encode())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is up: ask for a WebSocket."""
        super().connection_made(transport)
        if self._transport is not None:
            self._transport.write(self._request)

    def greeted(self, header: bytes) -> bool:
        """Whether the server switched protocols."""
        return header.startswith(b"HTTP/1.1 101 ")


class ServerWire(Wire):
    """The end that was connected to."""

    def __init__(self, received: Received, ready: Callable[[], None]) -> None:
        super().__init__(received)
        self._ready = ready

    def greeted(self, header: bytes) -> bool:
        """Accept whoever brings a key."""
        fields = dict(line.split(b": ", 1) for line in header.split(b"\r\n")[1:] if b": " in line)
        key = next((value for name, value in fields.items() if name.lower() == b"sec-websocket-key"), None)
        if key is None or self._transport is None:
            return False
        self._transport.write(_ACCEPTED % base64.b64encode(hashlib.sha1(key + _GUID).digest()))
        self._ready()
        return True


async def connect(url: str, received: Received) -> ClientWire:
    """Open a WebSocket."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(
        lambda: ClientWire(parts.path, parts.netloc, received), parts.hostname or "", parts.port or 80
    )
    await wire.opened
    return wire
