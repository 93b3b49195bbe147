"""
A call: the caller's audio to the model, the agent's speech to the caller, and the memory of both kept in step.

Theory of operation. A call is `opening` until the server has confirmed the session's format; the caller's audio waits
that long, since a server that has not heard of mu-law would take it for something else. Then it is `talking`. When the
model goes away it is `leaving`: what is queued is played out, briefly, and then the stream is closed, so that the
provider goes on with the fallback. It is `over` when the provider's side is gone or let go; nothing happens after that.

Commands come in the order in which they must be carried out.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from gateway.audio.g711 import encoded_bytes
from gateway.call.bad_frames import BadFrames
from gateway.call.commands import CloseModel, CloseStream, Command, NoteEnded, Result
from gateway.call.events import Event, FrameRejected, HangUpRequested, ModelClosed, Side, StreamClosed
from gateway.call.speech import Speech
from gateway.playback import PlaybackLedger
from gateway.providers.events import (
    CallerAudio,
    DtmfPressed,
    FrameIgnored,
    MarkEchoed,
    StreamStarted,
    StreamStopped,
)
from gateway.realtime.arbiter import ResponseArbiter
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.realtime.inputs import AppendAudio, ConfigureSession, CreateResponse, SendToolOutput, TruncateItem
from gateway.realtime.session import PCMU, SessionConfig

OPENING_LIMIT_MS = 10_000.0
"""From the start of the stream to a session that takes mu-law."""
HELD_BYTES = 80_000
"""Caller audio kept while the session opens: 10 s."""
PLAY_OUT_LIMIT_MS = 3_000.0
"""How long what is queued may play on when the model is gone."""
RESPONSE_TRIES = 3
"""Failed responses in a row after which the caller is better served by the fallback."""

FATAL_ERRORS = frozenset(
    {
        "account_deactivated",
        "beta_api_shape_disabled",
        "billing_hard_limit_reached",
        "insufficient_quota",
        "invalid_api_key",
        "session_expired",
    }
)
"""Errors after which the session is of no use."""

Phase = Literal["opening", "talking", "leaving", "over"]


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a line wants of a call."""

    session: SessionConfig
    greeting: str | None = None
    """Said first; None has the agent wait for the caller."""


class Call:
    """One phone call, from the start of its stream to its end."""

    def __init__(self, plan: CallPlan, *, now_ms: float) -> None:
        self.phase: Phase = "opening"
        self._plan = plan
        self._speech = Speech()
        self._ledger = self._speech.ledger
        self._arbiter = ResponseArbiter()
        self._bad_frames = BadFrames()
        self._deadline_ms: float | None = now_ms + OPENING_LIMIT_MS
        self._held: deque[str] = deque()
        self._held_bytes = 0
        self._interrupts = True
        self._responds = True
        self._failures = 0
        self._why_leaving = ""

    @property
    def ledger(self) -> PlaybackLedger:
        """The account of what the caller has heard."""
        return self._speech.ledger

    @property
    def barge_ins(self) -> int:
        """How often the caller has cut in."""
        return self._speech.barge_ins

    # The inbox

    def start(self, *, now_ms: float) -> Iterable[Command]:
        """The stream is open."""
        return self._speech.begin(now_ms=now_ms)

    def handle(self, event: Event, *, now_ms: float) -> Iterable[Command]:
        """Decide what follows from *event*; nothing does once the call is over."""
        if self.phase == "over":
            return ()
        match event:
            case CallerAudio():
                return self._caller_audio(event, now_ms)
            case AudioDelta():
                return self._agent_audio(event, now_ms)
            case MarkEchoed(name):
                return self._mark_echoed(name, now_ms)
            case SpeechStarted():
                return self._caller_speaks(now_ms)
            case SpeechStopped():
                self._arbiter.speech_stopped(responds=self._responds)
                return self._ask()
            case AudioDone(_, item_id, content_index):
                return self._speech.finish(item_id, content_index, now_ms=now_ms)
            case ResponseCreated(response_id):
                self._arbiter.response_seen(response_id)
                return ()
            case ResponseDone():
                return self._response_done(event, now_ms)
            case FunctionCalled():
                return self._no_such_tool(event)
            case ErrorReceived():
                return self._refused(event, now_ms)
            case SessionCreated():
                return (ConfigureSession(self._plan.session),) if self.phase == "opening" else ()
            case SessionUpdated():
                return self._session_updated(event, now_ms)
            case StreamStopped():
                return self._end("success", "caller_hung_up")
            case StreamClosed(code):
                return self._end("success", f"provider_closed_{code}")
            case ModelClosed(reason):
                return self._leave(reason, now_ms)
            case HangUpRequested(reason):
                return self._end("success", reason)
            case FrameRejected(side):
                return self._frame_rejected(side, now_ms)
            case (
                DtmfPressed()
                | StreamStarted()
                | FrameIgnored()
                | EventIgnored()
                | ItemTruncated()
                | CallerTranscript()
                | TranscriptDelta()
                | TranscriptDone()
            ):
                return ()
            case _:
                assert_never(event)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, unless something happens before."""
        if self.phase == "over":
            return None
        ledger_ms = self.ledger.next_deadline_ms(echoes_awaited=self.phase == "leaving")
        if self._deadline_ms is None or ledger_ms is None:
            return self._deadline_ms if ledger_ms is None else ledger_ms
        return min(self._deadline_ms, ledger_ms)

    def tick(self, *, now_ms: float) -> Iterator[Command]:
        """A deadline has come."""
        if self.phase == "over":
            return
        yield from self._settle(now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._deadline_ms = None
            yield from self._deadline_came(now_ms)

    def _deadline_came(self, now_ms: float) -> Iterator[Command]:
        if self.phase == "opening":
            yield from self._leave("model_no_session", now_ms)
        elif self.phase == "leaving":
            yield from self._end()

    # Inbound

    def takes_note(self, event: CallerAudio | MarkEchoed, *, now_ms: float) -> bool:
        """
        The short way of nearly all that a provider sends: whether nothing follows but that a frame is appended.

        One frame in, one frame out, and an echo is kept until it matters. If not, nothing was done, and the event is to
        be handled.
        """
        ledger = self._ledger
        if self.phase != "talking" or ledger.reading_due:
            return False
        if isinstance(event, MarkEchoed):
            ledger.echoed(event.name, now_ms)
        elif event.stamp_ms is not None:
            ledger.frame_received(event.stamp_ms, now_ms)
        return True

    def _caller_audio(self, audio: CallerAudio, now_ms: float) -> Iterator[Command]:
        if audio.stamp_ms is not None:
            self._ledger.frame_received(audio.stamp_ms, now_ms)
        if self.phase == "talking":
            yield AppendAudio(audio.payload)
        elif self.phase == "opening":
            self._hold(audio.payload)
        yield from self._settle(now_ms)

    def _hold(self, payload: str) -> None:
        self._held.append(payload)
        self._held_bytes += encoded_bytes(payload)
        while self._held_bytes > HELD_BYTES:
            self._held_bytes -= encoded_bytes(self._held.popleft())

    def _session_updated(self, session: SessionUpdated, now_ms: float) -> Iterator[Command]:
        self._interrupts, self._responds = session.interrupts, session.responds
        if self.phase != "opening":
            return
        if (session.input_format, session.output_format) != (PCMU, PCMU):
            yield from self._leave("model_format", now_ms)
            return
        self.phase, self._deadline_ms = "talking", None
        if self._plan.greeting:
            self._arbiter.want(CreateResponse(self._greeting(self._plan.greeting)))
            yield from self._ask()
        while self._held:
            yield AppendAudio(self._held.popleft())

    def _greeting(self, text: str) -> str:
        """A response's instructions stand in for the session's, so the session's are said again."""
        return f'{self._plan.session.instructions}\n\nBegin the call by saying, word for word: "{text}"'.strip()

    def _caller_speaks(self, now_ms: float) -> Iterable[Command]:
        self._arbiter.speech_started()
        if self._interrupts and self.phase == "talking":
            return self._speech.interrupt(self._arbiter.active, now_ms=now_ms)
        return ()

    def _frame_rejected(self, side: Side, now_ms: float) -> Iterable[Command]:
        if side == "provider" and self._bad_frames.one_too_many(now_ms):
            return self._end("rejected", "malformed_frames", code=1008)
        return ()

    # Outbound

    def _agent_audio(self, delta: AudioDelta, now_ms: float) -> Iterable[Command]:
        """Before the session is confirmed nobody knows what format it has."""
        if self.phase == "opening":
            return ()
        self._arbiter.response_seen(delta.response_id)
        return self._speech.play(delta, now_ms=now_ms)

    def _mark_echoed(self, name: str, now_ms: float) -> Iterator[Command]:
        self._ledger.echoed(name, now_ms)
        yield from self._settle(now_ms)

    def _settle(self, now_ms: float) -> Iterator[Command]:
        yield from self._speech.settle(now_ms=now_ms)
        yield from self._played_out()

    def _played_out(self) -> Iterator[Command]:
        """A call that is leaving stays no longer than there is something to hear."""
        if self.phase == "leaving" and not self.ledger.unheard:
            yield from self._end()

    # Responses

    def _ask(self) -> Iterator[Command]:
        if self.phase == "talking" and (response := self._arbiter.next()):
            yield response

    def _response_done(self, done: ResponseDone, now_ms: float) -> Iterator[Command]:
        failed = done.status == "failed"
        self._arbiter.response_done(done.response_id, failed=failed)
        cancelled = done.status == "cancelled"
        yield from self._speech.finish_response(done.response_id, cancelled=cancelled, now_ms=now_ms)
        self._failures = self._failures + 1 if failed else 0
        if failed and (done.error_code in FATAL_ERRORS or self._failures >= RESPONSE_TRIES):
            yield from self._leave(done.error_code or "response_failed", now_ms)
        yield from self._ask()

    def _no_such_tool(self, call: FunctionCalled) -> Iterator[Command]:
        if self.phase != "talking":
            return
        self._arbiter.response_seen(call.response_id)
        error = {"error": f"there is no tool named {call.name[:64]!r} on this line"}
        yield SendToolOutput(call.call_id, json.dumps(error))
        self._arbiter.want(CreateResponse())
        yield from self._ask()

    def _refused(self, error: ErrorReceived, now_ms: float) -> Iterator[Command]:
        if error.code in FATAL_ERRORS:
            yield from self._leave(error.code, now_ms)
            return
        match error.refused:
            case CreateResponse() if error.code == "conversation_already_has_active_response":
                self._arbiter.refused_as_active(error.refused)
            case CreateResponse():
                self._arbiter.refused()
                yield from self._ask()
            case TruncateItem():
                yield from self._speech.truncate_refused(error.refused, error)
            case ConfigureSession():
                yield from self._leave("model_refused_session", now_ms)

    # The end

    def _leave(self, reason: str, now_ms: float) -> Iterator[Command]:
        """The model is of no more use: let what is queued be heard, then make way for the fallback."""
        if self.phase in {"leaving", "over"}:
            return
        self.phase, self._why_leaving = "leaving", reason
        self._speech.remembered = False
        self._held.clear()
        yield CloseModel()
        yield from self._speech.mark_tail(now_ms=now_ms)
        self._deadline_ms = now_ms + PLAY_OUT_LIMIT_MS
        yield from self._played_out()

    def _end(self, result: Result = "fallback", reason: str = "", *, code: int = 1000) -> Iterator[Command]:
        """End the call; one that is leaving ends for the reason it leaves, whoever hangs up first."""
        if self.phase == "leaving":
            result, reason = "fallback", self._why_leaving
        else:
            yield CloseModel()
        self.phase = "over"
        yield CloseStream(code, reason)
        yield NoteEnded(result, reason)
