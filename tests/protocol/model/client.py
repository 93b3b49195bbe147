"""A user of a model session without a socket, at a time of its own."""

import base64
import json
from collections.abc import Iterable
from typing import Any, TypeVar

from gateway.protocol.model.events import RealtimeModelEvent
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.protocol.model.outbox import Dialect, Send, Warn
from gateway.protocol.model.playback import RealtimePlaybackTracker
from gateway.protocol.model.session import Effect, ModelSession

Json = dict[str, Any]
T = TypeVar("T")

PCMU_BYTES_PER_MS = 8
BY_SERVER = {"type": "server_vad", "interrupt_response": True, "create_response": True}
BY_CLIENT = {**BY_SERVER, "interrupt_response": False}


class Client:
    """Says what the server says, and keeps what follows."""

    def __init__(
        self,
        initial: Json | None = None,
        *,
        turn_detection: Json | None = BY_SERVER,
        attached: bool = False,
        dialect: Dialect | None = None,
        tracker: RealtimePlaybackTracker | None = None,
    ) -> None:
        self.session = ModelSession(
            initial or {"type": "realtime"}, attached=attached, dialect=dialect, tracker=tracker
        )
        self.now_ms = 0.0
        self.effects: list[Effect] = []
        sound = {"format": {"type": "audio/pcmu"}}
        audio = {"input": {**sound, "turn_detection": turn_detection}, "output": sound}
        self.hears("session.created", session={"type": "realtime", "audio": audio})

    def hears(self, kind: str, **fields: object) -> list[Effect]:
        """The server says something; what follows from it."""
        return self.hears_text(json.dumps({"type": kind, "event_id": "event_1", **fields}).encode())

    def hears_text(self, text: bytes) -> list[Effect]:
        """The server says anything at all."""
        return self._keep(self.session.receive(text, now_ms=self.now_ms))

    def hears_audio(
        self, item_id: str, length_ms: int, response_id: str = "resp_1", *, done: bool = False
    ) -> list[Effect]:
        """The agent speaks."""
        place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        audio = base64.b64encode(b"\xff" * (length_ms * PCMU_BYTES_PER_MS)).decode()
        effects = self.hears("response.output_audio.delta", **place, delta=audio)
        return effects + self.hears("response.output_audio.done", **place) if done else effects

    def wants(self, event: RealtimeModelSendEvent) -> list[Effect]:
        """The user asks for something; what follows from it."""
        return self._keep(self.session.send(event, now_ms=self.now_ms))

    def _keep(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        return effects


def sent(effects: Iterable[Effect]) -> list[Json]:
    """Messages among what followed, without their identifiers."""
    messages = [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]
    return [{name: value for name, value in message.items() if name != "event_id"} for message in messages]


def sent_kinds(effects: Iterable[Effect]) -> list[str]:
    """What was sent, by type."""
    return [message["type"] for message in sent(effects)]


def told(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """Events of a kind among what followed."""
    return [effect for effect in effects if isinstance(effect, kind)]


def events(effects: Iterable[Effect]) -> list[RealtimeModelEvent]:
    """What listeners are told, but for raw events."""
    return [effect for effect in effects if not isinstance(effect, Send | Warn) and effect.type != "raw_server_event"]
