"""
A call as the load sees it, and how its audio is recognised.

A frame, and the first piece of a delta, begin with a stamp, which is four characters that no other audio here has,
the call's number, and its own. So what comes out of the target is matched with what went in by content alone.
"""

import asyncio
import base64
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

BYTES_PER_S = 8_000
MARKER = b"++++"
STAMP = MARKER + b"%06d%010d"
_STAMP_CHARACTERS = 20
_NUMBERS = slice(len(MARKER), _STAMP_CHARACTERS)


@dataclass(slots=True)
class Window:
    """The time in which is measured, the same for all calls."""

    open: bool = False


@dataclass(slots=True)
class Passage:
    """One direction of one call: what went in on one side of the target, and came out on the other."""

    window: Window
    missing_bytes: int = 0
    """Audio that went in and has not come out."""
    added_ms: list[float] = field(default_factory=list)
    """How long the target kept what it passed on while the window was open."""
    _entered_s: list[float] = field(default_factory=list)

    @property
    def entered(self) -> int:
        """How many stamped pieces went in, and so the number of the next one."""
        return len(self._entered_s)

    def enter(self, size_bytes: int) -> None:
        """A stamped piece goes in."""
        self.missing_bytes += size_bytes
        self._entered_s.append(time.perf_counter())

    def leave(self, payload: bytes) -> None:
        """Audio came out."""
        self.missing_bytes -= decoded_bytes(payload)
        if self.window.open and payload.startswith(MARKER):
            _, number = numbers(payload)
            self.added_ms.append((time.perf_counter() - self._entered_s[number]) * 1000)


@dataclass(slots=True)
class Call:
    """One call as the load sees it."""

    number: int
    window: Window
    inbound: Passage = field(init=False)
    outbound: Passage = field(init=False)
    under_way: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller has heard the agent."""
    cleared: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what waited to be heard was thrown away."""
    cleared_s: float = 0.0
    """When that was, the last time."""
    over: bool = False

    def __post_init__(self) -> None:
        self.inbound, self.outbound = Passage(self.window), Passage(self.window)

    def clear(self) -> None:
        """The provider was told to throw away what waits to be heard."""
        self.cleared_s = time.perf_counter()
        self.cleared.set()


def filler(size_bytes: int, seed: int) -> bytes:
    """
    What follows the stamp in *size_bytes* of audio: base64 without the stamp's marker.

    >>> decoded_bytes(STAMP % (1, 2) + filler(2000, seed=1))
    2000
    """
    audio = random.Random(seed).randbytes(size_bytes)
    return base64.b64encode(audio).replace(b"+", b"A")[_STAMP_CHARACTERS:]


def decoded_bytes(payload: bytes) -> int:
    """How many bytes base64 stands for."""
    return len(payload) // 4 * 3 - payload.count(b"=")


def numbers(payload: bytes) -> tuple[int, int]:
    """
    The numbers of the call and of the piece that begins *payload*.

    >>> numbers(b"++++0000120000000345AAAA")
    (12, 345)
    """
    found = payload[_NUMBERS]
    return int(found[:6]), int(found[6:])


def string_after(text: bytes, name: bytes) -> bytes | None:
    """
    The string that follows the key *name*, blanks or not; None when there is no such key.

    >>> string_after(b'{"audio": "AAAA"}', b'"audio"')
    b'AAAA'
    """
    at = text.find(name)
    if at < 0:
        return None
    begin = text.index(b'"', at + len(name)) + 1
    return text[begin : text.index(b'"', begin)]


def encoded(message: Mapping[str, object]) -> bytes:
    """JSON, for what is not sent often."""
    return json.dumps(message, separators=(",", ":")).encode()
