"""A media stream written by hand, frame by frame: for what no provider should send."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from gateway.sim.twiml import Connect

STREAM_SID = "MZ0"
FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}


def start_frame(call_sid: str, parameters: dict[str, str], *, stream_sid: str = STREAM_SID) -> str:
    """The first frame that means something."""
    start = {
        "streamSid": stream_sid,
        "accountSid": "AC0",
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": FORMAT,
        "customParameters": parameters,
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": stream_sid, "start": start})


def media_frame(audio: bytes, *, at_ms: int = 0) -> str:
    """A piece of the caller's voice."""
    payload = base64.b64encode(audio).decode()
    media = {"track": "inbound", "chunk": "1", "timestamp": str(at_ms), "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": "2", "streamSid": STREAM_SID, "media": media})


class HandStream:
    """A socket to the gateway's media endpoint."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, *frames: str | bytes) -> None:
        """Send frames as they are: text, or binary for bytes."""
        for frame in frames:
            await self._socket.send(frame)

    async def start(self, call_sid: str, parameters: dict[str, str]) -> None:
        """Say hello, and which call this is."""
        await self.send('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        await self.send(start_frame(call_sid, parameters))

    async def expect(self, event: str) -> dict[str, Any]:
        """The next message of one kind."""
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            if message["event"] == event:
                return message

    async def closed(self) -> int | None:
        """Wait for the end; answers with its code."""
        await self._socket.wait_closed()
        return self._socket.close_code

    def cut(self) -> None:
        """End the connection as a cut cable does."""
        self._socket.transport.abort()


@asynccontextmanager
async def hand_stream(url: str, **headers: str) -> AsyncIterator[HandStream]:
    """Shake hands with the gateway."""
    options: dict[str, Any] = {"compression": None, "max_queue": None, "ping_interval": None, "proxy": None}
    async with asyncio.timeout(20), connect(url, additional_headers=headers, **options) as socket:
        yield HandStream(socket)


@asynccontextmanager
async def started(connect_to: Connect, call_sid: str) -> AsyncIterator[HandStream]:
    """A stream that was let in."""
    async with hand_stream(connect_to.url) as stream:
        await stream.start(call_sid, connect_to.parameters)
        yield stream
