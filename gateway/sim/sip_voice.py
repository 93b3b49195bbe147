"""
The voice of a caller on a SIP line, as it comes: frames in real time, and silence where nothing is said.

The line is open as long as the block lasts.
"""

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self

from gateway.sim.sip_call import SipCall

FRAME_S = 0.02
FRAME_BYTES = 160
SILENCE = b"\xff"


class SipVoice:
    """Speaks into one call."""

    def __init__(self, call: SipCall) -> None:
        self._call = call
        self._frames: deque[bytes] = deque()
        self._silent = asyncio.Event()
        self._silent.set()
        self._speaking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._speaking = asyncio.create_task(self._speak())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            with suppress(asyncio.CancelledError):
                await self._speaking

    def say(self, audio: bytes) -> None:
        """Say mu-law at 8 kHz, behind what is still to be said."""
        frames = (audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES))
        self._frames.extend(frame.ljust(FRAME_BYTES, SILENCE) for frame in frames)
        self._silent.clear()

    async def spoken(self) -> None:
        """Wait until all is said."""
        await self._silent.wait()

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self._call.hear(self._frames.popleft() if self._frames else SILENCE * FRAME_BYTES)
            if not self._frames:
                self._silent.set()
            due_s += FRAME_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))
