"""The realtime server's end of a call that says what it is told to, and notices the caller when it is told to."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.bench.load_agent import Speech
from tests.bench.load_call import BYTES_PER_S, MARKER, Call, encoded, numbers, string_after
from tests.bench.load_generator import ModelServer
from tests.bench.load_wire import ServerWire


@dataclass(frozen=True, slots=True)
class Burst:
    """Audio that is written in one go."""

    deltas: int
    delta_ms: int

    def payload(self) -> bytes:
        """The audio of one delta, as base64."""
        return base64.b64encode(bytes(self.delta_ms * BYTES_PER_S // 1000))


GREETING = Burst(1, 250)


class ClearAgent:
    """One connection; the first audio tells whose it is, and has the agent say a word."""

    def __init__(self, calls: dict[int, Call], agents: dict[int, "ClearAgent"]) -> None:
        self.wire = ServerWire(self._text, self._opened)
        self.noticed_s = 0.0
        """When the caller was noticed last."""
        self._calls = calls
        self._agents = agents
        self._call: Call | None = None
        self._answer = 0

    def answer(self, burst: Burst) -> None:
        """Begin to speak, with all of *burst*."""
        self._answer += 1
        self._send("response.created", response=self._response("in_progress"))
        self.speak(burst)

    def speak(self, burst: Burst) -> None:
        """Go on, with all of *burst*."""
        place = {"response_id": f"resp_{self._answer}", "item_id": f"item_{self._answer}", "output_index": 0}
        payload = burst.payload().decode()
        delta = encoded({"type": "response.output_audio.delta", **place, "content_index": 0, "delta": payload})
        for _ in range(burst.deltas):
            self.wire.send(delta)

    def notice_caller(self) -> None:
        """Tell that the caller speaks."""
        self.noticed_s = time.perf_counter()
        self._send("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_caller")

    def give_way(self) -> None:
        """The answer is over, and so is what the caller said."""
        self._send("response.done", response=self._response("cancelled"))
        self._send("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="item_caller")

    def _opened(self) -> None:
        self._send("session.created", session={"type": "realtime", "object": "realtime.session", "id": "sess_1"})

    def _text(self, text: bytes) -> None:
        payload = string_after(text, b'"audio"')
        if payload is not None and payload.startswith(MARKER):
            if self._call is None:
                self._meet(payload)
        elif b"session.update" in text:
            session = json.loads(text)["session"]
            self._send("session.updated", session={**session, "object": "realtime.session", "id": "sess_1"})

    def _meet(self, payload: bytes) -> None:
        number, _ = numbers(payload)
        self._call, self._agents[number] = self._calls[number], self
        self.answer(GREETING)

    def _response(self, status: str) -> dict[str, object]:
        name = f"resp_{self._answer}"
        return {"object": "realtime.response", "id": name, "status": status, "output": [], "usage": None}

    def _send(self, kind: str, **fields: object) -> None:
        self.wire.send(encoded({"type": kind, "event_id": "event_0", **fields}))


@dataclass(slots=True)
class ClearServer(ModelServer):
    """Where the target opens its sessions."""

    speech: Speech = Speech(GREETING.delta_ms, 0)  # noqa: RUF009 - frozen
    agents: dict[int, ClearAgent] = field(default_factory=dict)
    """By the number of their call."""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["ClearServer"]:
        """Serve on loopback."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: ClearAgent(self.calls, self.agents).wire, "127.0.0.1", 0, backlog=2048
        )
        async with server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"
            yield self
