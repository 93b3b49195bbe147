"""
One session without its socket.

The engine is handed frames, sounds and the time, and answers with commands. It does no I/O and asks for no
clock; `next_deadline_s` says when `tick` has to be called. Every client event is checked as a whole before
anything is done about it, and a refusal never ends the session.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from gateway.sim.realtime.behaviour import Behaviour
from gateway.sim.realtime.beta import from_beta
from gateway.sim.realtime.commands import Command
from gateway.sim.realtime.config import SessionConfig
from gateway.sim.realtime.context import Context
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Item
from gateway.sim.realtime.listener import Listener
from gateway.sim.realtime.memory import Memory, Truncation
from gateway.sim.realtime.playout import Playout
from gateway.sim.realtime.remote_tools import list_remote_tools
from gateway.sim.realtime.responder import Responder
from gateway.sim.realtime.schema import CLIENT_EVENTS
from gateway.sim.realtime.shapes import OneOf, RefusalError
from gateway.sim.realtime.turn import Json

KNOWN = OneOf(tuple(CLIENT_EVENTS))
APPEND = "input_audio_buffer.append"
ABRUPT_CODE = 1006
EXPIRED_CODE = 1001


@dataclass(frozen=True, slots=True)
class Received:
    """An event of the client; audio in it is left out."""

    type: str | None
    event: Json
    at_s: float


@dataclass(frozen=True, slots=True)
class Closed:
    """How the connection ended."""

    code: int
    reason: str
    at_s: float


class Engine:
    """The state of one session."""

    def __init__(
        self, behaviour: Behaviour, *, model: str, now_s: float, unix_s: float, sip_config: Json | None = None
    ) -> None:
        self.received: list[Received] = []
        self.closed: Closed | None = None
        config = SessionConfig(new_id("sess"), model, expires_at=int(unix_s + behaviour.max_age_s))
        if sip_config is not None:
            config.update({"type": "realtime", **sip_config}, has_audio=False, has_items=False)
        self.context = Context(behaviour, config, now_s=now_s)
        self.memory = Memory(self.context)
        self.responder = Responder(self.context)
        self.listener = Listener(self.context, self.responder)
        has_line = sip_config is not None and not behaviour.lineless
        self.playout = Playout(self.context, self.memory, self.responder) if has_line else None
        self.context.outlet.mute = has_line and not behaviour.sideband_audio
        self._opened_s = now_s
        self._handlers = self._handler_table()

    @property
    def items(self) -> list[Item]:
        """Every item that ever was, in the order of creation."""
        return self.context.conversation.history

    @property
    def truncations(self) -> list[Truncation]:
        """Every truncation that was ever asked for."""
        return self.memory.truncations

    def open(self) -> list[Command]:
        """Begin the session."""
        behaviour = self.context.behaviour
        self.context.after(behaviour.session_created_delay_ms, self._welcome)
        self.context.at(self._opened_s + behaviour.max_age_s, self._expire)
        if (leave := behaviour.leave) is not None and leave.after_ms is not None:
            self.context.after(leave.after_ms, lambda: self.context.outlet.leave(leave.code, leave.reason))
        return self.context.outlet.take()

    def receive(self, frame: str | bytes, *, now_s: float) -> list[Command]:
        """Take in a frame of the client."""
        self.context.now_s = now_s
        event: Json = {}
        try:
            event = self._understand(frame)
            self._handle(event)
        except RefusalError as refusal:
            if event.get("type") == "conversation.item.truncate":
                self.memory.note(event, str(refusal.code))
            event_id = event.get("event_id")
            self.context.refuse(refusal, event_id=event_id if isinstance(event_id, str) else None)
        return self.context.outlet.take()

    def hear(self, audio: bytes, *, now_s: float) -> list[Command]:
        """Take in what the caller says on a line that does not pass through the client."""
        self.context.now_s = now_s
        self.listener.hear(audio)
        return self.context.outlet.take()

    def press(self, digit: str, *, now_s: float, unix_s: float) -> list[Command]:
        """Take in a key that the caller pressed on such a line."""
        self.context.now_s = now_s
        pressed = {
            "type": "input_audio_buffer.dtmf_event_received",
            "event": digit,
            "received_at": int(unix_s),
        }
        self.context.outlet.put(pressed)
        return self.context.outlet.take()

    def spoken(self, response_id: str, sounds: tuple[bytes, ...] | None, *, now_s: float) -> list[Command]:
        """Take in what the voice made of a `Speak` command; None if it failed."""
        self.context.now_s = now_s
        if sounds is None:
            self.responder.unspoken(response_id)
        else:
            self.responder.spoken(response_id, sounds)
        return self.context.outlet.take()

    def next_deadline_s(self) -> float | None:
        """When `tick` has to be called."""
        return self.context.next_deadline_s()

    def tick(self, *, now_s: float) -> list[Command]:
        """Do what is due."""
        self.context.now_s = now_s
        self.context.run_due()
        return self.context.outlet.take()

    def inject(self, event: Json, *, now_s: float) -> list[Command]:
        """Send any event at all."""
        self.context.now_s = now_s
        self.context.outlet.put({"event_id": new_id("event"), **event})
        return self.context.outlet.take()

    def gone(self, code: int, reason: str, *, now_s: float) -> None:
        """Take note that the connection has ended."""
        self.closed = Closed(code, reason, now_s)

    def _understand(self, frame: str | bytes) -> Json:
        try:
            event = json.loads(frame)
        except ValueError:
            raise RefusalError(None, "Could not parse the event: it is not valid JSON.") from None
        if not isinstance(event, dict):
            raise RefusalError("invalid_event", "Invalid event: expected an object.")
        return event

    def _handle(self, event: Json) -> None:
        kind = event.get("type")
        if kind != APPEND:
            self.received.append(
                Received(kind if isinstance(kind, str) else None, _without_audio(event), self.context.now_s)
            )
        if kind is None:
            raise RefusalError("invalid_event", "The 'type' field is missing from the event.", param="type")
        KNOWN.check(kind, "type")
        if self.context.behaviour.dialect == "beta":
            event = from_beta(event)
        CLIENT_EVENTS[kind].check(event, "")
        self._handlers[kind](event)

    def _handler_table(self) -> dict[str, Callable[[Json], None]]:
        return {
            APPEND: self._append,
            "session.update": self._update,
            "input_audio_buffer.commit": lambda event: self.listener.commit(),
            "input_audio_buffer.clear": lambda event: self.listener.clear(),
            "output_audio_buffer.clear": lambda event: self._clear_output(),
            "conversation.item.create": self.memory.create,
            "conversation.item.retrieve": self.memory.retrieve,
            "conversation.item.delete": self.memory.delete,
            "conversation.item.truncate": self.memory.truncate,
            "response.create": self._respond,
            "response.cancel": lambda event: self.responder.cancel(event.get("response_id")),
        }

    def _append(self, event: Json) -> None:
        if self.playout:
            raise RefusalError("invalid_value", "The audio of a call comes from its own line.", param="type")
        self.listener.append(event["audio"])

    def _clear_output(self) -> None:
        if self.playout is None:
            raise RefusalError("invalid_value", "This connection has no output audio buffer.", param="type")
        self.playout.clear()

    def _update(self, event: Json) -> None:
        conversation, config = self.context.conversation, self.context.config
        config.update(event["session"], has_audio=conversation.has_agent_audio, has_items=bool(conversation.items))
        self.listener.configure()
        delay_ms = self.context.behaviour.session_updated_delay_ms
        self.context.after(delay_ms, lambda: self._show_session("session.updated"))
        list_remote_tools(self.context, event["session"].get("tools", ()))

    def _respond(self, event: Json) -> None:
        request = event.get("response") or {}
        self.responder.create(request)
        list_remote_tools(self.context, request.get("tools", ()))

    def _show_session(self, kind: str) -> None:
        self.context.emit(kind, session=self.context.config.view())

    def _welcome(self) -> None:
        self._show_session("session.created")
        conversation = {"id": self.context.conversation.id, "object": "realtime.conversation"}
        self.context.emit("conversation.created", conversation=conversation)

    def _expire(self) -> None:
        minutes = self.context.behaviour.max_age_s / 60
        message = f"Your session hit the maximum duration of {minutes:g} minutes."
        self.context.refuse(RefusalError("session_expired", message))
        self.context.outlet.leave(EXPIRED_CODE, message)


def _without_audio(event: Json) -> Json:
    """The event, with the length of audio in place of audio."""
    item = event.get("item")
    if not isinstance(item, dict) or not isinstance(item.get("content"), list):
        return event
    content = [
        {**part, "audio": f"({len(str(part['audio']))} characters)"}
        if isinstance(part, dict) and "audio" in part
        else part
        for part in item["content"]
    ]
    return {**event, "item": {**item, "content": content}}
