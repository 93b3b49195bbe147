"""
WebSocket frames, as RFC 6455 writes them.

The libraries shake hands; what comes after is 50 frames a second in each call, and this. Measured under load it costs
half of what the parser in Python that came before it did, and that one was cheaper than a queue and a task switch for
each message. No extensions, so no compression: base64 audio gains nothing by it.
"""

import os
from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

try:
    from websockets.speedups import apply_mask
except ImportError:  # not built on every platform
    from websockets.utils import apply_mask

from gateway.errors import RemoteProtocolError

_FINAL = 0x80
_MASKED = 0x80
_FINAL_TEXT = 0x81
_LONGEST_CONTROL_BYTES = 125
_KEYS_BYTES = 4096
_SHORTEST_BYTES = 4
_short = Struct("!BB").pack
_medium = Struct("!BBH").pack
_long = Struct("!BBQ").pack


class Opcode(IntEnum):
    """What a frame is (section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class FrameError(RemoteProtocolError):
    """The peer left the protocol; *code* is what it is told in the close frame (section 7.4.1)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def framed(opcode: int, payload: bytes) -> bytes:
    """
    A whole frame as a server sends it.

    >>> framed(Opcode.TEXT, b"hi").hex(" ")
    '81 02 68 69'
    """
    return _head(opcode, len(payload), 0) + payload


class Masks:
    """
    Frames as a client sends them, each masked with a key that nobody can foresee (section 5.3).

    Keys are cut from a stock of the system's random bytes: to ask the system for four bytes costs more than a frame.
    """

    def __init__(self) -> None:
        self._keys = b""
        self._used_bytes = 0

    def framed(self, opcode: int, payload: bytes) -> bytes:
        """A whole frame as a client sends it."""
        if self._used_bytes >= len(self._keys):
            self._keys, self._used_bytes = os.urandom(_KEYS_BYTES), 0
        used_bytes = self._used_bytes
        self._used_bytes = used_bytes + 4
        key = self._keys[used_bytes : used_bytes + 4]
        length = len(payload)
        if 126 <= length < 65536:
            return _medium(_FINAL | opcode, _MASKED | 126, length) + key + apply_mask(payload, key)
        return _head(opcode, length, _MASKED) + key + apply_mask(payload, key)


def _head(opcode: int, length_bytes: int, masked: int) -> bytes:
    if length_bytes < 126:
        return _short(_FINAL | opcode, masked | length_bytes)
    if length_bytes < 65536:
        return _medium(_FINAL | opcode, masked | 126, length_bytes)
    return _long(_FINAL | opcode, masked | 127, length_bytes)


class FrameReader:
    """Cuts what comes in into whole messages and control frames."""

    def __init__(self, *, masked: bool, limit_bytes: int) -> None:
        self._masked = masked
        self._limit_bytes = limit_bytes
        self._key_bytes = 4 if masked else 0
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._needed_bytes = 0
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0
        self._fragments_opcode = 0

    def only_text(self, data: bytes) -> bytes | None:
        """The payload when *data* is one whole text and nothing else, as nearly always; None leaves it to `feed`."""
        size = len(data)
        if self._rest or self._fragments_opcode or size < _SHORTEST_BYTES or data[0] != _FINAL_TEXT:
            return None
        length, begin = data[1], 2
        if self._masked:
            length -= _MASKED
        if length == 126:
            length, begin = data[2] << 8 | data[3], 4
        elif length > 126:
            return None
        if not 0 < length <= self._limit_bytes or size != begin + length + self._key_bytes:
            return None
        return apply_mask(data[begin + 4 :], data[begin : begin + 4]) if self._masked else data[begin:]

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """
        What is complete by now: opcode and unmasked payload each, with the fragments of a message put together.

        Raises `FrameError` where the peer leaves the protocol, or a message is longer than the limit.
        """
        if self._rest:
            self._rest.append(data)
            self._rest_bytes += len(data)
            if self._rest_bytes < self._needed_bytes:
                return
            data = b"".join(self._rest)
            self._rest.clear()
            self._needed_bytes = 0
        at, size = 0, len(data)
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            length, begin = second & 0x7F, at + 2
            if length > _LONGEST_CONTROL_BYTES:
                begin += 2 if length == 126 else 8
                if begin > size:
                    break
                length = int.from_bytes(data[at + 2 : begin], "big")
            if length > self._limit_bytes or (second >= _MASKED) is not self._masked:
                raise self._wrong(length)
            payload_at = begin + 4 if self._masked else begin
            end = payload_at + length
            if end > size:
                self._needed_bytes = end - at
                break
            payload = data[payload_at:end]
            if self._masked:
                payload = apply_mask(payload, data[begin:payload_at])
            at = end
            if first == _FINAL_TEXT and not self._fragments_opcode:
                yield Opcode.TEXT, payload
            elif message := self._other(first, payload):
                yield message
        if at < size:
            self._rest.append(data[at:])
            self._rest_bytes = size - at

    def _wrong(self, length_bytes: int) -> FrameError:
        if length_bytes > self._limit_bytes:
            return FrameError(1009, f"a frame of {length_bytes} bytes; at most {self._limit_bytes} are taken")
        found = "no mask" if self._masked else "a mask"
        return FrameError(1002, f"a frame with {found}; a client masks, a server does not")

    def _other(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Everything but a text in one frame."""
        opcode, final = first & 0x0F, bool(first & _FINAL)
        if first & 0x70:
            raise FrameError(1002, "a reserved bit is set, though no extension was agreed on")
        if opcode in {Opcode.CLOSE, Opcode.PING, Opcode.PONG}:
            if not final or len(payload) > _LONGEST_CONTROL_BYTES:
                raise FrameError(1002, "a control frame in pieces, or longer than 125 bytes")
            return opcode, payload
        if opcode in {Opcode.TEXT, Opcode.BINARY}:
            return self._begin(opcode, payload, final=final)
        if opcode != Opcode.CONTINUATION:
            raise FrameError(1002, f"a frame of the unknown kind {opcode}")
        return self._continue(payload, final=final)

    def _begin(self, opcode: int, payload: bytes, *, final: bool) -> tuple[int, bytes] | None:
        if self._fragments_opcode:
            raise FrameError(1002, "a message within another")
        if final:
            return opcode, payload
        self._fragments_opcode, self._fragments_bytes = opcode, len(payload)
        self._fragments.append(payload)
        return None

    def _continue(self, payload: bytes, *, final: bool) -> tuple[int, bytes] | None:
        if not self._fragments_opcode:
            raise FrameError(1002, "the continuation of nothing")
        self._fragments_bytes += len(payload)
        if self._fragments_bytes > self._limit_bytes:
            raise self._wrong(self._fragments_bytes)
        if payload:
            self._fragments.append(payload)
        if not final:
            return None
        message = (self._fragments_opcode, b"".join(self._fragments))
        self._fragments_opcode = 0
        self._fragments.clear()
        return message
