"""
Which calls were accepted by SIP and are under way, on disk, since they go on when the gateway does not.

One small file a call, named by its id. Whoever carries a call holds a lock on its file, which the system lets go of
when the process ends, however it ends. So a file that can be locked belongs to a call that nobody looks after. Files
are written in a thread; where they cannot be written calls go on without.
"""

import asyncio
import fcntl
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

logger = logging.getLogger(__name__)

SUFFIX = ".json"


class KeptCall(msgspec.Struct, frozen=True):
    """What has to be known of a call in order to go on with it."""

    call_id: str
    line: str = ""
    """Id of the line; empty when the file cannot be read, and nothing is left to do but end the call."""
    accepted_unix_s: float = 0.0
    caller: str = ""
    called: str = ""
    heard: tuple[str, ...] = ()
    """Which of the words that must be heard were."""


@dataclass(frozen=True, slots=True)
class _Held:
    descriptor: int
    path: Path


class SipRegistry:
    """The calls of one gateway, and those of gateways that are gone, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, _Held] = {}
        self._lock = asyncio.Lock()

    async def keep(self, call: KeptCall) -> None:
        """Write down a call, or what has become of it."""
        async with self._lock:
            try:
                await asyncio.to_thread(self._write, call)
            except OSError as error:
                logger.warning("a restart will not know of this call: %s; is GATEWAY_STATE a folder of ours?", error)

    async def forget(self, call_id: str) -> None:
        """A call is over."""
        async with self._lock:
            held = self._held.pop(call_id, None)
            if held is not None:
                await asyncio.to_thread(_remove, held)

    async def orphans(self) -> list[KeptCall]:
        """The calls that nobody looks after; from now on they are ours."""
        async with self._lock:
            try:
                return await asyncio.to_thread(self._take)
            except OSError as error:
                logger.warning("calls of a gateway that is gone cannot be looked for: %s", error)
                return []

    async def close(self) -> None:
        """Let go of all files; what is still in the folder is for the next gateway."""
        async with self._lock:
            for held in self._held.values():
                os.close(held.descriptor)
            self._held.clear()

    def _write(self, call: KeptCall) -> None:
        held = self._held.get(call.call_id)
        if held is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = _open(self._folder / f"{call.call_id}{SUFFIX}", os.O_CREAT)
            if held is None:
                return
            self._held[call.call_id] = held
        text = msgspec.json.encode(call)
        os.pwrite(held.descriptor, text, 0)
        os.truncate(held.descriptor, len(text))

    def _take(self) -> list[KeptCall]:
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            call_id = path.name.removesuffix(SUFFIX)
            if call_id not in self._held and (held := _open(path, 0)):
                self._held[call_id] = held
                found.append(_read(held, call_id))
        return found


def _open(path: Path, flags: int) -> _Held | None:
    """A file, if nobody else holds it."""
    descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return _Held(descriptor, path)


def _read(held: _Held, call_id: str) -> KeptCall:
    text = os.pread(held.descriptor, 64 * 1024, 0)
    try:
        call = msgspec.json.decode(text, type=KeptCall)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return KeptCall(call_id)
    return call if call.call_id == call_id else KeptCall(call_id)


def _remove(held: _Held) -> None:
    held.path.unlink(missing_ok=True)
    os.close(held.descriptor)
