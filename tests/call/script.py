"""
A call in virtual time, told as it happens.

    talking() >> says("item_1", 150) << ... >> 47 >> CALLER_CUTS_IN << ClearAudio() << None

`>>` feeds an event or, given a number, lets that many ms pass, with every alarm on the way. `<<` expects the next
command: one equal to it, or any of that class. `None` expects that there is no other, `...` passes over what is left.
What nobody expected is a mistake by the time of the next event, except for the caller's audio on its way to the model
and the round trips of marks, which may always come.
"""

import base64
from collections import deque
from collections.abc import Iterable
from types import EllipsisType
from typing import Self, TypeVar

from gateway.call import Call, CallPlan, Command, Event
from gateway.call.commands import NoteCleared, NoteDeadAir, NoteEnded, NoteFlushedMarks, NoteLateDelta, NoteRoundTrip
from gateway.call.plan import Segment
from gateway.protocol.events import AudioDelta, AudioDone, ResponseDone, SessionCreated, SessionUpdated, SpeechStarted
from gateway.protocol.inputs import AppendAudio
from gateway.protocol.session import PCMU, SessionConfig
from gateway.providers.events import CallerAudio, MarkEchoed
from tests.call.phone import Phone

Kind = TypeVar("Kind")

PLAN = CallPlan(SessionConfig(instructions="You answer the phone of a bakery."))
SESSION_CREATED = SessionCreated("sess_1")
SESSION_UPDATED = SessionUpdated(PCMU, PCMU, interrupts=True, responds=True)
SERVER_WAITS = SessionUpdated(PCMU, PCMU, interrupts=False, responds=False)
"""A session in which the gateway decides when to cut and when to answer."""
CALLER_CUTS_IN = SpeechStarted("caller_1", 0)

_ALWAYS_MAY_COME = (AppendAudio, NoteCleared, NoteDeadAir, NoteFlushedMarks, NoteLateDelta, NoteRoundTrip)


def opening(greeting: str | None) -> tuple[Segment, ...]:
    """What the agent says first."""
    return (Segment("greeting", greeting),) if greeting else ()


class Script:
    """One call, what it was told and what it has done."""

    def __init__(self, plan: CallPlan = PLAN, phone: Phone | None = None) -> None:
        self.now_ms = 0.0
        self.call = Call(plan, now_ms=self.now_ms)
        self.done: list[Command] = []
        self._phone = phone
        self._unexpected: deque[Command] = deque()
        self._do(self.call.start(now_ms=self.now_ms))

    def __rshift__(self, happening: Event | float) -> Self:
        self._expect_nothing()
        if isinstance(happening, int | float):
            self._pass(self.now_ms + happening)
        else:
            self._do(self.call.handle(happening, now_ms=self.now_ms))
        return self

    def __lshift__(self, expected: Command | type[Command] | EllipsisType | None) -> Self:
        if expected is None:
            self._expect_nothing()
        elif isinstance(expected, EllipsisType):
            self._unexpected.clear()
        else:
            self._expect(expected)
        return self

    def exchange(self, phone: Phone | None) -> Self:
        """From now on the provider is another, or there is none."""
        self._phone = phone
        return self

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Every command of one class, since the call began."""
        return [command for command in self.done if isinstance(command, kind)]

    @property
    def result(self) -> str | None:
        """How the call ended, if it did."""
        return next((ended.result for ended in self.of(NoteEnded)), None)

    # Time

    def _pass(self, until_ms: float) -> None:
        while (moment_ms := self._next_ms()) <= until_ms:
            self.now_ms = max(self.now_ms, moment_ms)
            if self._phone and self._phone.next_ms() <= self.now_ms:
                self._carry(self._phone.says())
            else:
                self._ring()
        self.now_ms = until_ms

    def _carry(self, event: CallerAudio | MarkEchoed) -> None:
        """As the bridge does: by the short way where there is one."""
        if not self.call.takes_note(event, now_ms=self.now_ms):
            self._do(self.call.handle(event, now_ms=self.now_ms))
        elif isinstance(event, CallerAudio):
            self._do([AppendAudio(event.payload)])

    def _next_ms(self) -> float:
        deadline_ms = self.call.next_deadline_ms()
        moments_ms = [float("inf") if deadline_ms is None else deadline_ms]
        if self._phone:
            moments_ms.append(self._phone.next_ms())
        return min(moments_ms)

    def _ring(self) -> None:
        self._do(self.call.tick(now_ms=self.now_ms))
        deadline_ms = self.call.next_deadline_ms()
        assert deadline_ms is None or deadline_ms > self.now_ms, "a tick leaves no deadline behind"

    # Commands

    def _do(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self.done.append(command)
            self._unexpected.append(command)
            if self._phone:
                self._phone.take(command, now_ms=self.now_ms)

    def _expect(self, expected: Command | type[Command]) -> None:
        found = self._next_command(wanted=expected if isinstance(expected, type) else type(expected))
        assert found is not None, f"expected {expected}, and nothing was done"
        assert found == expected or type(found) is expected, f"expected {expected}, and found {found}"

    def _expect_nothing(self) -> None:
        found = self._next_command(wanted=type(None))
        assert found is None, f"nobody expected {found}"

    def _next_command(self, wanted: type) -> Command | None:
        while self._unexpected:
            command = self._unexpected.popleft()
            if isinstance(command, wanted) or not isinstance(command, _ALWAYS_MAY_COME):
                return command
        return None


def talking(plan: CallPlan = PLAN, session: SessionUpdated = SESSION_UPDATED) -> Script:
    """A call whose session is open, with a provider that says only what it is told to say."""
    return Script(plan) << ... >> SESSION_CREATED << ... >> session << ...


def on_the_phone(
    plan: CallPlan = PLAN, phone: Phone | None = None, session: SessionUpdated = SESSION_UPDATED
) -> Script:
    """A call whose session is open, with a provider that plays, echoes and sends frames as time passes."""
    return Script(plan, phone or Phone()) << ... >> SESSION_CREATED << ... >> session << ...


def speech(length_ms: int) -> str:
    """That much of the agent's voice, as base64."""
    return base64.b64encode(bytes(index % 251 for index in range(length_ms * 8))).decode()


def says(item_id: str, length_ms: int, response_id: str = "resp_1") -> AudioDelta:
    """The model says a piece of an item."""
    return AudioDelta(response_id, item_id, 0, speech(length_ms))


def said(item_id: str, response_id: str = "resp_1") -> AudioDone:
    """The model has said all of an item."""
    return AudioDone(response_id, item_id, 0)


def completed(response_id: str = "resp_1") -> ResponseDone:
    """The model has said all of a response."""
    return ResponseDone(response_id, "completed")
