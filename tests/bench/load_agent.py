"""
The realtime server's end of a call, as light as it can be written: what it costs is not what is measured.

From the first frame that reaches it the agent speaks without end: a little ahead of what is played, then at real
time, in responses of ten seconds. Nobody interrupts it.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.load_call import BYTES_PER_S, MARKER, STAMP, Call, encoded, filler, numbers, string_after
from tests.bench.load_wire import ServerWire

RESPONSE_MS = 10_000

_DELTA = (
    b'{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_%s","item_id":"item_%s",'
    b'"output_index":0,"content_index":0,"delta":"' + STAMP + b'%s"}'
)


@dataclass(frozen=True, slots=True)
class Speech:
    """How the agents speak."""

    delta_ms: int
    lead_ms: int
    """How far the agent is ahead of what is played."""

    @property
    def delta_bytes(self) -> int:
        """Audio in a delta."""
        return self.delta_ms * BYTES_PER_S // 1000

    @property
    def deltas_of_response(self) -> int:
        """How many deltas make up a response."""
        return max(1, RESPONSE_MS // self.delta_ms)


class Agent:
    """The realtime server's end of one connection; learns whose it is from the audio."""

    def __init__(self, speech: Speech, calls: Mapping[int, Call]) -> None:
        self.wire = ServerWire(self._text, self._opened)
        self._speech = speech
        self._calls = calls
        self._filler = filler(speech.delta_bytes, speech.delta_ms)
        self._loop = asyncio.get_running_loop()
        self._call: Call | None = None
        self._due_s = 0.0

    def _opened(self) -> None:
        self._send("session.created", session={"type": "realtime", "object": "realtime.session", "id": "sess_1"})

    def _send(self, kind: str, **fields: object) -> None:
        self.wire.send(encoded({"type": kind, "event_id": "event_0", **fields}))

    def _text(self, text: bytes) -> None:
        payload = string_after(text, b'"audio"')
        if payload is not None and payload.startswith(MARKER):
            call = self._call or self._hears_first(payload)
            call.inbound.leave(payload)
        elif b"session.update" in text:
            session = json.loads(text)["session"]
            self._send("session.updated", session={**session, "object": "realtime.session", "id": "sess_1"})

    def _hears_first(self, payload: bytes) -> Call:
        number, _ = numbers(payload)
        self._call = self._calls[number]
        self._due_s = self._loop.time() - self._speech.lead_ms / 1000
        self._speak(self._call)
        return self._call

    def _speak(self, call: Call) -> None:
        """Send the next delta, and be back when the one after it is due."""
        if call.over:
            return
        response, delta = divmod(call.outbound.entered, self._speech.deltas_of_response)
        name = f"{call.number}_{response}"
        if delta == 0:
            self._send("response.created", response=_response(name, "in_progress"))
        self._delta(call, name.encode())
        if delta + 1 == self._speech.deltas_of_response:
            self._done(name)
        self._due_s += self._speech.delta_ms / 1000
        self._loop.call_at(self._due_s, self._speak, call)

    def _delta(self, call: Call, name: bytes) -> None:
        outbound = call.outbound
        number = outbound.entered
        text = _DELTA % (number, name, name, call.number, number, self._filler)
        outbound.enter(self._speech.delta_bytes)
        self.wire.send(text)

    def _done(self, name: str) -> None:
        part = {"response_id": f"resp_{name}", "item_id": f"item_{name}", "output_index": 0, "content_index": 0}
        item = {"id": f"item_{name}", "object": "realtime.item", "type": "message", "status": "completed"}
        self._send("response.output_audio.done", **part)
        self._send("response.output_item.done", response_id=f"resp_{name}", output_index=0, item=item)
        self._send("response.done", response=_response(name, "completed"))


def _response(name: str, status: str) -> dict[str, object]:
    return {"object": "realtime.response", "id": f"resp_{name}", "status": status, "output": [], "usage": None}
