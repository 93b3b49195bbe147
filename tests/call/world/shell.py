"""
Carries a call between two networks in virtual time, as the bridge does between two sockets.

Commands are carried out in their order; the alarm is set for the next deadline after all but what goes the short way;
the end of each connection is an event. Everything that happens is written down with its time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.agent import ChangeAgent, CheckSpeech, HandOver, RunTool
from gateway.call import Call, Command, Event
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    Errand,
    HangUp,
    Note,
    NoteGuardrailTripped,
    PlayAudio,
    SendMark,
    TransferCall,
)
from gateway.protocol.inputs import AppendAudio, Input
from gateway.providers.events import CallerAudio, MarkEchoed
from tests.playback.telephone import Wire
from tests.playback.telephone import World as Agenda

OUR_CLOCK_MS = 1_000_000.0
"""What our clock shows when the provider's shows nothing yet; the two have nothing to do with each other."""
STORM_MS = 1.0
"""How long a deadline that has passed already is put off, so that time goes on."""


class Provider(Protocol):
    """The far end of the stream."""

    def media(self, payload: str) -> None: ...
    def mark(self, name: str) -> None: ...
    def clear(self) -> None: ...
    def hang_up(self) -> None: ...
    def close(self, code: int) -> None: ...


class Model(Protocol):
    """The far end of the session."""

    def receive(self, command: Input) -> None: ...
    def close(self) -> None: ...


class Helpers(Protocol):
    """Those who do what an agent cannot do by speaking."""

    def carry_out(self, errand: Errand) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to the call, and what the call made of it."""

    at_ms: float
    cause: Event | Literal["start", "tick"]
    commands: tuple[Command, ...]
    deadline_ms: float | None
    """The deadline that is left."""
    alarm_ms: float
    """What the alarm was set to before; infinite when it was not set."""
    barge_ins: int
    """How often the caller has cut in by then, as the call has it."""
    short: bool = False
    """Whether it went the short way of what nothing follows from."""

    @property
    def tripped(self) -> bool:
        """Whether a guardrail has cut what the agent said."""
        return any(isinstance(done, NoteGuardrailTripped) for done in self.commands)

    @property
    def leaves(self) -> bool:
        """Whether the model was let go of before anything else; an agent that hangs up settles its affairs first."""
        return CloseModel() in self.commands and HangUp() not in self.commands

    @property
    def plain(self) -> bool:
        """Whether it was nothing but a frame on its way to the model, or held."""
        return isinstance(self.cause, CallerAudio) and all(isinstance(done, AppendAudio) for done in self.commands)


class Shell:
    """The bridge's part."""

    def __init__(
        self,
        agenda: Agenda,
        call: Call,
        *,
        to_phone: Wire,
        to_model: Wire,
        phone: Provider,
        model: Model,
        hands: Helpers,
    ) -> None:
        self.entries: list[Entry] = []
        self._agenda, self._call = agenda, call
        self._to_phone, self._to_model = to_phone, to_model
        self._phone, self._model, self._hands = phone, model, hands
        self._alarm_ms = float("inf")

    def begin(self) -> None:
        """The stream is open."""
        self._carry_out("start", self._call.start(now_ms=self._now_ms))
        self._set_alarm()

    def dispatch(self, event: Event) -> None:
        """Let the call decide, and carry out what it decides; what nothing follows from takes the short way."""
        if isinstance(event, CallerAudio | MarkEchoed) and self._call.takes_note(event, now_ms=self._now_ms):
            frame = (AppendAudio(event.payload),) if isinstance(event, CallerAudio) else ()
            self._carry_out(event, frame, short=True)
            return
        self._carry_out(event, self._call.handle(event, now_ms=self._now_ms))
        self._set_alarm()

    @property
    def _now_ms(self) -> float:
        return OUR_CLOCK_MS + self._agenda.now_ms

    def _carry_out(
        self, cause: Event | Literal["start", "tick"], commands: Iterable[Command], *, short: bool = False
    ) -> None:
        done = []
        for command in commands:
            self._do(command)
            done.append(command)
        deadline_ms = self._call.next_deadline_ms()
        left_ms = None if deadline_ms is None else deadline_ms - OUR_CLOCK_MS
        self.entries.append(
            Entry(self._agenda.now_ms, cause, tuple(done), left_ms, self._alarm_ms, self._call.barge_ins, short)
        )

    def _do(self, command: Command) -> None:
        phone, model = self._phone, self._model
        match command:
            case PlayAudio(payload):
                self._to_phone.send(lambda: phone.media(payload))
            case SendMark(name):
                self._to_phone.send(lambda: phone.mark(name))
            case ClearAudio():
                self._to_phone.send(phone.clear)
            case CloseStream(code):
                self._to_phone.send(lambda: phone.close(code))
            case HangUp():
                phone.hang_up()
            case CloseModel():
                self._to_model.send(model.close)
            case RunTool() | HandOver() | CheckSpeech() | ChangeAgent():
                self._hands.carry_out(command)
            case _:
                if not isinstance(command, Note | TransferCall):
                    wanted = command
                    self._to_model.send(lambda: model.receive(wanted))

    # The alarm

    def _set_alarm(self) -> None:
        deadline_ms = self.entries[-1].deadline_ms
        if deadline_ms is None or deadline_ms >= self._alarm_ms:
            return
        self._alarm_ms = max(deadline_ms, self._agenda.now_ms)
        self._agenda.at(self._alarm_ms, self._ring)

    def _ring(self) -> None:
        if self._agenda.now_ms < self._alarm_ms:
            return
        self._alarm_ms = float("inf")
        self._carry_out("tick", self._call.tick(now_ms=self._now_ms))
        left_ms = self.entries[-1].deadline_ms
        if left_ms is not None and left_ms <= self._agenda.now_ms:
            self._alarm_ms = self._agenda.now_ms + STORM_MS
            self._agenda.at(self._alarm_ms, self._ring)
        else:
            self._set_alarm()
