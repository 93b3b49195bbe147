"""
The provider's end of a call, as light as it can be written: what it costs is not what is measured.

A frame leaves every 20 ms, and a mark is echoed when all audio before it would have been played.
"""

import asyncio
from collections.abc import Mapping

from tests.bench.load_call import BYTES_PER_S, STAMP, Call, decoded_bytes, encoded, filler, string_after
from tests.bench.load_wire import ClientWire, connect

FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_S // 1000
ACCOUNT_SID = "AC" + "0" * 32

_CONNECTED = b'{"event":"connected","protocol":"Call","version":"1.0.0"}'
_MEDIA = (
    b'{"event":"media","sequenceNumber":"%d","streamSid":"%s","media":'
    b'{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"' + STAMP + b'%s"}}'
)


class Phone:
    """The provider's end: speaks and listens."""

    def __init__(self, call: Call, call_sid: str) -> None:
        self._call = call
        self._call_sid = call_sid
        self._stream_sid = f"MZ{call.number:032x}"
        self._filler = filler(FRAME_BYTES, call.number)
        self._loop = asyncio.get_running_loop()
        self._wire: ClientWire | None = None
        self._sent = 0
        self._next_s = self._dry_s = 0.0

    async def begin(self, stream_url: str, parameters: Mapping[str, str], *, phase_s: float) -> None:
        """Open the stream, and speak from *phase_s* later on."""
        self._wire = await connect(stream_url, self._text)
        self._wire.send(_CONNECTED)
        self._send("start", self._start(parameters))
        self._next_s = self._loop.time() + phase_s
        self._loop.call_at(self._next_s, self._speak)

    def _start(self, parameters: Mapping[str, str]) -> dict[str, object]:
        return {
            "streamSid": self._stream_sid,
            "accountSid": ACCOUNT_SID,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }

    async def end(self) -> None:
        """Hang up, and wait for the end of the stream."""
        if self._wire is not None:
            self._send("stop", {"accountSid": ACCOUNT_SID, "callSid": self._call_sid})
            self._wire.close()
            await self._wire.closed

    def _send(self, event: str, content: Mapping[str, object]) -> None:
        self._sent += 1
        head = {"event": event, "sequenceNumber": str(self._sent), "streamSid": self._stream_sid}
        if self._wire is not None:
            self._wire.send(encoded({**head, event: content}))

    def _speak(self) -> None:
        if self._call.over or self._wire is None:
            return
        self._sent += 1
        inbound, stream_sid = self._call.inbound, self._stream_sid.encode()
        chunk = inbound.entered
        text = _MEDIA % (self._sent, stream_sid, chunk + 1, chunk * FRAME_MS, self._call.number, chunk, self._filler)
        inbound.enter(FRAME_BYTES)
        self._wire.send(text)
        self._next_s += FRAME_MS / 1000
        self._loop.call_at(self._next_s, self._speak)

    def _text(self, text: bytes) -> None:
        if (payload := string_after(text, b'"payload"')) is not None:
            self._call.outbound.leave(payload)
            self._call.under_way.set()
            lasts_s = decoded_bytes(payload) / BYTES_PER_S
            self._dry_s = max(self._dry_s, self._loop.time()) + lasts_s
        elif (name := string_after(text, b'"name"')) is not None:
            self._loop.call_at(self._dry_s, self._send, "mark", {"name": name.decode()})
        elif string_after(text, b'"event"') == b"clear":
            self._dry_s = 0.0
            self._call.clear()
