"""
A call that comes by SIP, in virtual time, told as it happens.

    ringing() << AcceptCall >> CallAccepted() << NoteAccept("accepted") << AttachModel() << None

`>>` feeds an event or, given a number, lets that many ms pass, with every alarm on the way. `<<` expects the next
command: one equal to it, or any of that class. `None` expects that there is no other, `...` passes over what is left.
What nobody expected is a mistake by the time of the next event, except for how long the caller waited.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from types import EllipsisType
from typing import Self, TypeVar

from gateway.call import CallPlan
from gateway.call.commands import NoteDeadAir, NoteEnded
from gateway.call.plan import Segment
from gateway.call.sip_call import SipCall, SipTerms
from gateway.call.sip_commands import CallAccepted, SipCommand, SipEvent
from gateway.protocol.events import (
    OutputAudioStarted,
    OutputAudioStopped,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    TranscriptDelta,
)
from gateway.protocol.session import PCMU, SessionConfig

Kind = TypeVar("Kind")

TERMS = SipTerms()
PLAN = CallPlan(SessionConfig("You answer the phone of a bakery.", attached=True))
GREETING = Segment("greeting", "Good morning.")
GREETED = replace(PLAN, opening=(GREETING,))
SESSION_CREATED = SessionCreated("sess_1")
SERVER_ANSWERS = SessionUpdated(PCMU, PCMU, interrupts=True, responds=True)
GATEWAY_ANSWERS = SessionUpdated(PCMU, PCMU, interrupts=False, responds=False)


class SipScript:
    """One call, what it was told and what it has done."""

    def __init__(self, plan: CallPlan = PLAN, terms: SipTerms = TERMS, *, accepted_for_ms: float | None = None) -> None:
        self.now_ms = 0.0
        self.call = SipCall(plan, terms, now_ms=self.now_ms, accepted_for_ms=accepted_for_ms)
        self.done: list[SipCommand] = []
        self._unexpected: deque[SipCommand] = deque()
        self._do(self.call.start(now_ms=self.now_ms))

    def __rshift__(self, happening: SipEvent | float) -> Self:
        self._expect_nothing()
        if isinstance(happening, int | float):
            self._pass(self.now_ms + happening)
        else:
            self._do(self.call.handle(happening, now_ms=self.now_ms))
        return self

    def __lshift__(self, expected: SipCommand | type[SipCommand] | EllipsisType | None) -> Self:
        if expected is None:
            self._expect_nothing()
        elif isinstance(expected, EllipsisType):
            self._unexpected.clear()
        else:
            found = self._next_command(expected if isinstance(expected, type) else type(expected))
            assert found is not None, f"expected {expected}, and nothing was done"
            assert found == expected or type(found) is expected, f"expected {expected}, and found {found}"
        return self

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Every command of one class, since the call began."""
        return [command for command in self.done if isinstance(command, kind)]

    @property
    def ended(self) -> NoteEnded | None:
        """How the call ended, if it did."""
        return next(iter(self.of(NoteEnded)), None)

    def _pass(self, until_ms: float) -> None:
        while (deadline_ms := self.call.next_deadline_ms()) is not None and deadline_ms <= until_ms:
            self.now_ms = max(self.now_ms, deadline_ms)
            self._do(self.call.tick(now_ms=self.now_ms))
            after_ms = self.call.next_deadline_ms()
            assert after_ms is None or after_ms > self.now_ms, "a tick leaves no deadline behind"
        self.now_ms = until_ms

    def _do(self, commands: Iterable[SipCommand]) -> None:
        for command in commands:
            self.done.append(command)
            self._unexpected.append(command)

    def _expect_nothing(self) -> None:
        found = self._next_command(type(None))
        assert found is None, f"nobody expected {found}"

    def _next_command(self, wanted: type) -> SipCommand | None:
        while self._unexpected:
            command = self._unexpected.popleft()
            if isinstance(command, wanted) or not isinstance(command, NoteDeadAir):
                return command
        return None


def ringing(plan: CallPlan = PLAN, terms: SipTerms = TERMS) -> SipScript:
    """A call that is to be accepted."""
    return SipScript(plan, terms)


def attaching(plan: CallPlan = PLAN, terms: SipTerms = TERMS) -> SipScript:
    """A call that was accepted, and is attached to."""
    return ringing(plan, terms) << ... >> CallAccepted() << ...


def talking(plan: CallPlan = PLAN, session: SessionUpdated = SERVER_ANSWERS, terms: SipTerms = TERMS) -> SipScript:
    """A call whose session is open."""
    return attaching(plan, terms) >> SESSION_CREATED << ... >> session << ...


def says(response_id: str, text: str = "Good morning.") -> TranscriptDelta:
    """The agent says something."""
    return TranscriptDelta(response_id, f"item of {response_id}", text)


def speaks(script: SipScript, response_id: str, *, generated: bool = True) -> SipScript:
    """The agent begins to speak, and the model has soon said all of it."""
    script >> ResponseCreated(response_id) << None >> says(response_id) >> OutputAudioStarted(response_id) << None
    return script >> completed(response_id) if generated else script


def heard(script: SipScript, response_id: str) -> SipScript:
    """The agent says something, and the caller hears all of it."""
    return speaks(script, response_id) << None >> 2_000 << None >> OutputAudioStopped(response_id)


def completed(response_id: str) -> ResponseDone:
    """The model has said all of a response."""
    return ResponseDone(response_id, "completed")
