"""
The last step of every event on its way out, and the place where the wire goes wrong.

Everything else in the emulator sends events in good order. The outlet leaves some out, repeats, withholds or
litters them, translates them for old clients, and ends the connection, as the behaviour says.
"""

import json
from collections import defaultdict, deque

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.beta import to_beta
from gateway.sim.realtime.commands import Close, Command, Drop, SendText
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.turn import Json

AUDIO_DELTA = "response.output_audio.delta"


class Outlet:
    """Turns events into commands for one socket."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.commands: list[Command] = []
        self.sent: list[Json] = []
        self.mute = False
        """Whether the agent's audio goes elsewhere."""
        self._held: defaultdict[str, deque[Json]] = defaultdict(deque)
        self._delta_count = 0
        self._left = False

    def take(self) -> list[Command]:
        """Hand over what has to be done, once."""
        commands, self.commands = self.commands, []
        return commands

    def put(self, event: Json) -> None:
        """Let an event out."""
        kind = event["type"]
        if kind in self._omitted():
            return
        if kind == AUDIO_DELTA:
            if not self.mute:
                self._hold(event)
            return
        self._write(event)
        if kind == "response.done":
            self._release(event["response"]["id"], keep=0)

    def leave(self, code: int | None, reason: str) -> None:
        """End the connection; nothing follows."""
        if not self._left:
            self.commands.append(Drop() if code is None else Close(code, reason))
            self._left = True

    def _omitted(self) -> list[str]:
        expected = {
            "conversation.created": self.behaviour.conversation_created,
            "response.created": self.behaviour.response_created,
            "rate_limits.updated": self.behaviour.rate_limits,
        }
        return [kind for kind, sent in expected.items() if not sent]

    def _hold(self, event: Json) -> None:
        self._held[event["response_id"]].append(event)
        self._release(event["response_id"], keep=self.behaviour.late_deltas)

    def _release(self, response_id: str, *, keep: int) -> None:
        held = self._held[response_id]
        while len(held) > keep:
            self._write_delta(held.popleft())
        if not held:
            del self._held[response_id]

    def _write_delta(self, event: Json) -> None:
        self._write(event)
        self._delta_count += 1
        every = self.behaviour.duplicate_every
        if every and self._delta_count % every == 0:
            self._write(event)
        if self.behaviour.malformed_once and self._delta_count == 1:
            self._write_text('{"type":"response.output_audio.delta","delta":')
        if self.behaviour.unknown_events:
            weather = {"type": "response.weather.updated", "event_id": new_id("event"), "sky": ["blue", None]}
            self._write({**weather, "response_id": event["response_id"]})
        self._leave_after_deltas()

    def _leave_after_deltas(self) -> None:
        leave = self.behaviour.leave
        if leave is not None and self._delta_count == leave.after_deltas:
            self.leave(leave.code, leave.reason)

    def _write(self, event: Json) -> None:
        if self.behaviour.unknown_events and event["type"] == AUDIO_DELTA:
            event = {**event, "obfuscation": "x7Qp", "phase": "final_answer"}
        translated = to_beta(event) if self.behaviour.dialect == "beta" else event
        if translated is None or self._left:
            return
        if self.behaviour.keep_events:
            self.sent.append(translated)
        self._write_text(json.dumps(translated, separators=(",", ":")))

    def _write_text(self, text: str) -> None:
        if not self._left:
            self.commands.append(SendText(text))
