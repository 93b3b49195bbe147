"""
A session and the server that it is with, on a clock of their own, and no socket between them.

Time stands still until it is told to pass; texts that go either way arrive in no time. The server is the simulated
one, the session the one that every model has: so what is told, refused, truncated and kept is what it would be.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable

from gateway.protocol.model.events import (
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelEvent,
)
from gateway.protocol.model.formats import bytes_per_ms
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.protocol.model.outbox import Send, Warn
from gateway.protocol.model.session import Effect, ModelSession
from gateway.sim.realtime import Behaviour, Engine, Truncation
from gateway.sim.realtime.commands import Command, SendText
from gateway.sim.realtime.turn import Json

logger = logging.getLogger(__name__)

ENDLESS_S = 1e9
"""The age that a session is allowed to reach; nobody waits for it."""
_VOICE = b"\x80\x80\x80\x80\x00\x00\x00\x00"
"""One ms of mu-law that any detector takes for speech."""
_SILENCE = b"\xff" * 8
_LONGEST_SILENCE_MS = 1200
"""How long a detector by meaning may wait."""


class Stage:
    """The session, its server, and the time."""

    def __init__(
        self, session: ModelSession, behaviour: Behaviour, model: str, tell: Callable[[RealtimeModelEvent], None]
    ) -> None:
        self.now_s = 0.0
        self.speaks_from_s = 0.0
        """Since when the agent is audible, or was."""
        self.silent_from_s = 0.0
        """When the agent will have been heard to the end."""
        self._session = session
        self._engine = Engine(behaviour, model=model, now_s=0.0, unix_s=0.0)
        self._tell = tell
        self._to_server: deque[bytes] = deque()

    @property
    def settings(self) -> Json:
        """The session, as its server has it."""
        return self._engine.context.config.view()

    @property
    def truncations(self) -> list[Truncation]:
        """Every truncation that the server was asked for, with its outcome."""
        return self._engine.truncations

    @property
    def due_s(self) -> float | None:
        """When something happens next by itself, if anything does."""
        due_s = self._engine.next_deadline_s()
        return None if due_s is None or due_s >= ENDLESS_S else due_s

    def open(self) -> None:
        """Open the session and have it set up."""
        self._deliver(self._engine.open())

    def send(self, event: RealtimeModelSendEvent) -> None:
        """Ask something of the model."""
        self._carry_out(self._session.send(event, now_ms=self.now_s * 1000))
        self._post()

    def hear_voice(self, length_ms: int) -> None:
        """The caller speaks."""
        self._hear(_VOICE * length_ms)

    def hear_silence(self) -> None:
        """The caller is silent for as long as it takes to end a turn, where the server decides that."""
        detection = self._engine.context.config.turn_detection
        if detection is not None:
            self._hear(_SILENCE * (detection.get("silence_duration_ms", _LONGEST_SILENCE_MS) + 40))

    def pass_time(self, until_s: float) -> None:
        """Let time pass, and happen what is due."""
        self.now_s = max(self.now_s, until_s)
        self._deliver(self._engine.tick(now_s=self.now_s))

    def _hear(self, mulaw: bytes) -> None:
        audio = self._engine.context.config.input_format.from_mulaw(mulaw)
        self._deliver(self._engine.hear(audio, now_s=self.now_s))

    def _post(self) -> None:
        while self._to_server:
            self._deliver(self._engine.receive(self._to_server.popleft(), now_s=self.now_s))

    def _deliver(self, commands: Iterable[Command]) -> None:
        for command in commands:
            assert isinstance(command, SendText), command
            self._carry_out(self._session.receive(command.text.encode(), now_ms=self.now_s * 1000))
        self._post()

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(text):
                    self._to_server.append(text)
                case Warn(message):
                    logger.warning(message)
                case _:
                    self._follow(effect)
                    self._tell(effect)

    def _follow(self, event: RealtimeModelEvent) -> None:
        """Take it that audio is played at real time as it comes."""
        if isinstance(event, RealtimeModelAudioEvent):
            if self.silent_from_s <= self.now_s:
                self.speaks_from_s = self.silent_from_s = self.now_s
            self.silent_from_s += len(event.data) / self._bytes_per_s
        elif isinstance(event, RealtimeModelAudioInterruptedEvent):
            self.silent_from_s = self.now_s

    @property
    def _bytes_per_s(self) -> int:
        confirmed = self._session.confirmed
        return 1000 * bytes_per_ms(confirmed.output_format if confirmed else "")
