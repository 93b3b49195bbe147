"""
A client of the emulated realtime server without a socket, at a time of its own.

The script hands frames to the engine, lets time pass from one deadline to the next, and keeps every event with
the ms at which it came. Time passes only when it is told to, so nothing is waited for.
"""

import audioop
import base64
import json
import math
from typing import Any, TypeAlias

from gateway.sim.realtime import Behaviour, Engine, Say
from gateway.sim.realtime.commands import Command, SendText, Speak

Json: TypeAlias = dict[str, Any]

PHONE: Json = {
    "input": {
        "format": {"type": "audio/pcmu"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
        },
    },
    "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
}
FRAME_BYTES = 160


def tone(length_ms: int, *, hz: float = 400.0, peak: int = 8000) -> bytes:
    """A sine, as mu-law at 8 kHz."""
    samples = (round(peak * math.sin(2 * math.pi * hz * index / 8000)) for index in range(8 * length_ms))
    return audioop.lin2ulaw(b"".join(value.to_bytes(2, "little", signed=True) for value in samples), 2)


def silence(length_ms: int) -> bytes:
    """Nothing, as mu-law at 8 kHz."""
    return b"\xff" * (8 * length_ms)


def says(*lengths_ms: int, text: str = "Good morning to you.") -> Behaviour:
    """A server whose agent says one item of each length, half a second after it was asked."""
    reply = tuple(Say(text, tone(length_ms)) for length_ms in lengths_ms)
    return Behaviour(reply=lambda turn: reply, first_audio_ms=500, keep_events=True)


class Script:
    """A client and its server, in one thread of time."""

    def __init__(self, behaviour: Behaviour, *, model: str = "gpt-realtime", sip: Json | None = None) -> None:
        self.now_ms = 0.0
        self.events: list[Json] = []
        self.arrivals_ms: list[float] = []
        self.commands: list[Command] = []
        self.spoken_texts: list[str] = []
        self.voice_fails = False
        self.engine = Engine(behaviour, model=model, now_s=0.0, unix_s=1_790_000_000.0, sip_config=sip)
        self._take(self.engine.open())

    def phone(self, **audio_input: object) -> "Script":
        """Set the session up for a telephone."""
        audio = {**PHONE, "input": {**PHONE["input"], **audio_input}}
        self.send("session.update", session={"type": "realtime", "audio": audio})
        return self

    def send(self, kind: str, **fields: object) -> list[Json]:
        """Send a client event; return what came back at once."""
        return self.send_text(json.dumps({"type": kind, **fields}))

    def send_text(self, frame: str) -> list[Json]:
        """Send a frame; return what came back at once."""
        return self._take(self.engine.receive(frame, now_s=self.now_ms / 1000))

    def caller(self, audio: bytes, *, frame_bytes: int = FRAME_BYTES, bytes_per_ms: int = 8) -> list[Json]:
        """Append *audio* at real time; return all that came meanwhile."""
        before = len(self.events)
        for offset in range(0, len(audio), frame_bytes):
            frame = audio[offset : offset + frame_bytes]
            self.send("input_audio_buffer.append", audio=base64.b64encode(frame).decode())
            self.run(len(frame) / bytes_per_ms)
        return self.events[before:]

    def hear(self, audio: bytes) -> list[Json]:
        """Let the caller be heard on the server's own line, at once."""
        return self._take(self.engine.hear(audio, now_s=self.now_ms / 1000))

    def press(self, digit: str) -> list[Json]:
        """Let the caller press a key."""
        return self._take(self.engine.press(digit, now_s=self.now_ms / 1000, unix_s=1_790_000_000.0))

    def run(self, length_ms: float) -> list[Json]:
        """Let time pass; return what came meanwhile."""
        before, until_ms = len(self.events), self.now_ms + length_ms
        while (due_s := self.engine.next_deadline_s()) is not None and due_s * 1000 <= until_ms:
            self.now_ms = max(self.now_ms, due_s * 1000)
            self._take(self.engine.tick(now_s=due_s))
        self.now_ms = until_ms
        return self.events[before:]

    def respond(self, **response: object) -> list[Json]:
        """Ask for a response and wait until it is done."""
        before = len(self.events)
        self.send("response.create", response=response)
        self.run(60_000)
        return self.events[before:]

    def of_type(self, kind: str) -> list[Json]:
        """All events of that type so far."""
        return [event for event in self.events if event["type"] == kind]

    def when(self, kind: str) -> list[float]:
        """When each event of that type came, in ms."""
        pairs = zip(self.arrivals_ms, self.events, strict=True)
        return [at_ms for at_ms, event in pairs if event["type"] == kind]

    def _voice(self, command: Speak) -> list[Command]:
        self.spoken_texts += command.texts
        sounds = None if self.voice_fails else tuple(tone(60 * len(text)) for text in command.texts)
        return self.engine.spoken(command.response_id, sounds, now_s=self.now_ms / 1000)

    def _take(self, commands: list[Command]) -> list[Json]:
        before = len(self.events)
        for command in commands:
            if isinstance(command, SendText):
                self.events.append(json.loads(command.text))
                self.arrivals_ms.append(self.now_ms)
            elif isinstance(command, Speak):
                self._take(self._voice(command))
            else:
                self.commands.append(command)
        return self.events[before:]


def kinds(events: list[Json]) -> list[str]:
    """The types of *events*, a run of deltas counted once."""
    seen: list[str] = []
    for event in events:
        if not (seen and event["type"] == seen[-1] and event["type"].endswith(".delta")):
            seen.append(event["type"])
    return seen


def only_error(events: list[Json]) -> Json:
    """The error in *events*, which must be all there is."""
    assert [event["type"] for event in events] == ["error"], events
    error: Json = events[0]["error"]
    return error
