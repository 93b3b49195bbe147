"""
A call that comes by SIP: the service where the model is plays and hears the caller, and the gateway follows.

Theory of operation. The call rings while it is `accepting`. Then it is `attaching`: there is a session, and the gateway
connects to it, again and again for a few seconds; a call that nobody looks after is ended. In `opening` the session is
set up once more, since it may have been accepted with less than all, or by a gateway that is gone. Then it is
`talking`, until it is `over`.

The end of a call is never told: the connection breaks, as it may for other reasons. So it is made again, and a service
that knows of no such call has said that the caller hung up. What is wanted of the model meanwhile is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from gateway.agent import AgentEvent
from gateway.call.commands import CloseModel, HangUp, NoteAccept, NoteEnded, NoteTransfer, Result
from gateway.call.events import (
    BudgetSpent,
    CallerLeft,
    FrameRejected,
    HangUpRequested,
    MessageTaken,
    ModelClosed,
    StreamClosed,
    StreamResumed,
    TransferEnded,
    TransferRefused,
)
from gateway.call.plan import CallPlan
from gateway.call.sip_commands import (
    AcceptCall,
    AcceptFailed,
    AttachModel,
    CallAccepted,
    CallGone,
    EndCall,
    SipCommand,
    SipEvent,
)
from gateway.call.sip_talk import SipTalk, Talk
from gateway.protocol.events import ErrorReceived, RealtimeEvent, SessionCreated, SessionUpdated
from gateway.protocol.inputs import ConfigureSession, Input
from gateway.providers.events import CallerAudio, DtmfPressed, FrameIgnored, MarkEchoed, StreamStarted, StreamStopped

RETRY_PAUSE_MS = 250.0
SETTLING_MS = 500.0
"""So long after it was accepted a call that is not found may only not be there yet."""
OPENING_LIMIT_MS = 3_000.0
"""How long a server that forgets to confirm the session is waited for."""
STEADY_MS = 5_000.0
"""A connection that has lasted so long was a good one."""
BREAKS_IN_A_ROW = 5
"""Of connections that were not."""

Phase = Literal["accepting", "attaching", "opening", "talking", "over"]


@dataclass(frozen=True, slots=True)
class SipTerms:
    """How long is waited for what."""

    attach_within_ms: float = 5_000.0
    """From the accepted call, or the broken connection, to a session that can be followed."""
    transfer_within_ms: float = 10_000.0
    """From the request to pass the call on to its being gone; after that it was not passed on."""
    silent_ms: float = 600_000.0
    """Without a word from the service for so long, there is nobody."""
    longest_ms: float = 7_200_000.0
    """No call lasts longer."""


TERMS = SipTerms()


class SipCall:
    """One call that comes by SIP, from its ringing to its end."""

    def __init__(
        self, plan: CallPlan, terms: SipTerms = TERMS, *, now_ms: float, accepted_for_ms: float | None = None
    ) -> None:
        """*accepted_for_ms* is how long ago a gateway that is gone has accepted the call; None for one that rings."""
        self.phase: Phase = "accepting"
        self._terms = terms
        self._talk = SipTalk(plan, transfer_within_ms=terms.transfer_within_ms, now_ms=now_ms)
        self._ends_ms = now_ms + terms.longest_ms - (accepted_for_ms or 0.0)
        self._deadline_ms: float | None = None
        self._attach_until_ms = 0.0
        self._opened_ms = self._accepted_ms = now_ms
        self._breaks = 0
        self._told_ms = now_ms
        self._known = accepted_for_ms is not None
        """Whether the call is known to be, or to have been, an accepted one."""
        self._followed = self._known
        self._bare = False
        """Whether the call was accepted with nothing but its model."""
        self._leaving = ""
        self._kept: list[Input] = []

    @property
    def barge_ins(self) -> int:
        """How often the caller has cut in."""
        return self._talk.barge_ins

    # The inbox

    def start(self, *, now_ms: float) -> Iterator[SipCommand]:
        """The call rings, or was accepted before."""
        if self._known:
            yield from self._attach(now_ms)
        else:
            yield AcceptCall(self._talk.session(voiced=True))

    def handle(self, event: SipEvent, *, now_ms: float) -> Iterable[SipCommand]:
        """Decide what follows from *event*; nothing does once the call is over."""
        if self.phase == "over":
            return ()
        if isinstance(event, RealtimeEvent):
            return self._told(event, now_ms)
        if isinstance(event, AgentEvent):
            return self._talking(self._talk.happened(event, now_ms))
        match event:
            case CallAccepted():
                return self._accepted(now_ms)
            case AcceptFailed(session_refused):
                return self._not_accepted(session_refused, now_ms)
            case CallGone():
                return self._gone(now_ms)
            case TransferRefused():
                return self._talking(self._talk.not_transferred("refused", now_ms))
            case ModelClosed():
                return self._cut_off(now_ms)
            case BudgetSpent():
                return self._talking(self._talk.spent(now_ms))
            case HangUpRequested(reason):
                return self._let_go(reason)
            case (
                FrameRejected() | StreamClosed() | StreamStarted() | StreamStopped() | StreamResumed() | FrameIgnored()
            ):
                return ()
            case MessageTaken() | CallerAudio() | MarkEchoed() | DtmfPressed() | TransferEnded() | CallerLeft():
                return ()
            case _:
                assert_never(event)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, unless something happens before."""
        if self.phase == "over":
            return None
        talking = self.phase == "talking"
        deadlines_ms = (
            self._ends_ms,
            self._deadline_ms,
            self._told_ms + self._terms.silent_ms if talking else None,
            self._talk.next_deadline_ms() if talking else None,
        )
        return min(deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None)

    def tick(self, *, now_ms: float) -> Iterator[SipCommand]:
        """A deadline has come."""
        if self.phase != "over" and now_ms >= self._ends_ms:
            yield from self._end("success", "too_long", EndCall())
        elif self._deadline_ms is not None and now_ms >= self._deadline_ms:
            yield from self._deadline_came(now_ms)
        elif self.phase == "talking" and now_ms >= self._told_ms + self._terms.silent_ms:
            yield from self._end("success", "nothing_heard", EndCall())
        elif self.phase == "talking":
            yield from self._talking(self._talk.tick(now_ms))

    def _deadline_came(self, now_ms: float) -> Iterator[SipCommand]:
        self._deadline_ms = None
        if self.phase == "opening":
            yield from self._open(now_ms)
        elif now_ms >= self._attach_until_ms:
            yield from self._end("failed", "attach_failed", EndCall())
        else:
            yield from self._connect()

    # Ringing

    def _accepted(self, now_ms: float) -> Iterator[SipCommand]:
        self._known, self._accepted_ms = True, now_ms
        yield NoteAccept("accepted")
        if self._leaving:
            yield from self._end("success", self._leaving, EndCall())
        else:
            yield from self._attach(now_ms)

    def _not_accepted(self, session_refused: bool, now_ms: float) -> Iterator[SipCommand]:
        """A session that is not taken is tried with less; else it is seen whether there is one all the same."""
        if self._leaving:
            yield NoteAccept("failed")
            yield from self._end("failed", "accept_failed", EndCall())
        elif session_refused and not self._bare:
            self._bare = True
            yield AcceptCall(None)
        else:
            yield from self._attach(now_ms)

    def _gone(self, now_ms: float) -> Iterator[SipCommand]:
        """The caller has left: before it began, or at its end."""
        if self._talk.passed_on:
            yield NoteTransfer("transferred")
            yield from self._end("success", "transferred")
        elif self._followed:
            yield from self._end("success", "caller_hung_up")
        elif self.phase == "accepting":
            yield NoteAccept("caller_left")
            yield from self._end("rejected", "caller_left")
        elif not self._known:
            yield NoteAccept("failed")
            yield from self._end("failed", "accept_failed")
        elif now_ms < self._accepted_ms + SETTLING_MS:
            self._deadline_ms = now_ms + RETRY_PAUSE_MS
        else:
            yield from self._end("rejected", "caller_left")

    # The session

    def _attach(self, now_ms: float) -> Iterator[SipCommand]:
        self.phase = "attaching"
        self._attach_until_ms = max(now_ms + self._terms.attach_within_ms, self._talk.passed_on_by_ms)
        yield from self._connect()

    def _connect(self) -> Iterator[SipCommand]:
        self._deadline_ms = self._attach_until_ms
        yield AttachModel()

    def _cut_off(self, now_ms: float) -> Iterator[SipCommand]:
        """There is no connection any more, or there was none to be had."""
        if self.phase == "accepting":
            return
        was_talking, self.phase = self.phase == "talking", "attaching"
        if not was_talking:
            self._deadline_ms = min(now_ms + RETRY_PAUSE_MS, self._attach_until_ms)
            return
        self._breaks = 1 if now_ms >= self._opened_ms + STEADY_MS else self._breaks + 1
        if self._breaks > BREAKS_IN_A_ROW:
            yield from self._end("failed", "model_lost", EndCall())
            return
        yield from self._talking(self._talk.broken(now_ms))
        yield from self._attach(now_ms)

    def _told(self, event: RealtimeEvent, now_ms: float) -> Iterator[SipCommand]:
        self._told_ms = now_ms
        if isinstance(event, SessionCreated) and self.phase == "attaching":
            self.phase, self._deadline_ms = "opening", now_ms + OPENING_LIMIT_MS
            if not self._known:
                yield NoteAccept("accepted")
            self._known = self._followed = True
            yield ConfigureSession(self._talk.session(voiced=self._bare))
            return
        yield from self._talking(self._talk.told(event, now_ms))
        if self.phase == "opening":
            yield from self._opening(event, now_ms)

    def _opening(self, event: RealtimeEvent, now_ms: float) -> Iterator[SipCommand]:
        if isinstance(event, SessionUpdated):
            self._bare = False
            yield from self._open(now_ms)
        elif isinstance(event, ErrorReceived) and isinstance(event.refused, ConfigureSession):
            yield from self._open(now_ms)

    def _open(self, now_ms: float) -> Iterator[SipCommand]:
        """A session that was accepted whole serves, confirmed or not; any other is nobody's agent."""
        if self._bare:
            yield from self._end("failed", "model_refused_session", EndCall())
            return
        self.phase, self._deadline_ms, self._opened_ms = "talking", None, now_ms
        kept, self._kept = self._kept, []
        yield from kept
        yield from self._talking(self._talk.begin(now_ms))

    def _talking(self, commands: Talk) -> Iterator[SipCommand]:
        """What follows in the conversation; what is wanted of a model that is not there is kept."""
        for command in commands:
            match command:
                case HangUp():
                    yield from self._end("success", self._talk.hung_up_for, command)
                case NoteEnded(result, reason):
                    yield from self._end(result, reason, EndCall())
                case _ if self.phase == "over":
                    return
                case _ if isinstance(command, Input) and self.phase != "talking":
                    self._kept.append(command)
                case _:
                    yield command

    # The end

    def _let_go(self, reason: str) -> Iterator[SipCommand]:
        """A call that is just being accepted cannot be ended before that is over."""
        if self.phase == "accepting":
            self._leaving = reason
        else:
            yield from self._end("success", reason, EndCall())

    def _end(self, result: Result, reason: str, by: HangUp | EndCall | None = None) -> Iterator[SipCommand]:
        if self.phase == "over":
            return
        self.phase = "over"
        if by is not None:
            yield by
        yield CloseModel()
        yield NoteEnded(result, reason)
