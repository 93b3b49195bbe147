"""
A call: the caller's audio to the model, the agent's speech to the caller, and the memory of both kept in step.

Theory of operation. A call is `opening` until the server has confirmed the session's format; the caller's audio waits
that long, since a server that has not heard of mu-law would take it for something else. Then it is `talking`. When the
model goes away it is `leaving`: what is queued is played out, briefly, and then the stream is closed, so that the
provider goes on with the fallback. It is `over` when the provider's side is gone or let go; nothing happens after that.

Commands come in the order in which they must be carried out.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Literal, assert_never

from gateway.call.bad_frames import BadFrames
from gateway.call.caller_frames import CallerFrames, silence
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    Command,
    HangUp,
    NoteCleared,
    NoteEnded,
    Result,
)
from gateway.call.events import Event, FrameRejected, HangUpRequested, ModelClosed, Side, StreamClosed
from gateway.call.farewell import HANG_UP, Farewell
from gateway.call.held_audio import HeldAudio
from gateway.call.plan import CallPlan
from gateway.call.segments import Recitals
from gateway.call.server_turns import ServerTurns
from gateway.call.speech import Speech
from gateway.call.turns import Turns
from gateway.playback import PlaybackLedger
from gateway.playback.heard_text import HeardText
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import (
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
from gateway.protocol.inputs import AppendAudio, ConfigureSession, CreateResponse, SendToolOutput, TruncateItem
from gateway.protocol.session import PCMU
from gateway.providers.events import (
    CallerAudio,
    DtmfPressed,
    FrameIgnored,
    MarkEchoed,
    StreamStarted,
    StreamStopped,
)

OPENING_LIMIT_MS = 10_000.0
"""From the start of the stream to a session that takes mu-law."""
PLAY_OUT_LIMIT_MS = 3_000.0
"""How long what is queued may play on when the model is gone."""
HANG_UP_LIMIT_MS = 8_000.0
"""How long the provider may take to end a call."""
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

Phase = Literal["opening", "talking", "hanging_up", "leaving", "over"]


class Call:
    """One phone call, from the start of its stream to its end."""

    def __init__(self, plan: CallPlan, *, now_ms: float) -> None:
        self.phase: Phase = "opening"
        self._plan = plan
        self._recitals = Recitals(plan.segments, began_ms=now_ms)
        self._speech = Speech(self._recitals, keeps=plan.listens)
        self._ledger = self._speech.ledger
        self._arbiter = ResponseArbiter()
        self._turns: Turns | ServerTurns = (
            Turns(plan, self._speech, self._recitals, self._arbiter)
            if plan.takes_turns
            else ServerTurns(self._speech, self._arbiter)
        )
        self._frames = CallerFrames()
        self._farewell = Farewell(plan, self._arbiter)
        self._bad_frames = BadFrames()
        self._deadline_ms: float | None = now_ms + OPENING_LIMIT_MS
        self._held = HeldAudio()
        self._failures = 0
        self._calm: bool | None = None
        """Whether nothing is going on but frames, as far as that is known."""
        self._outcome: tuple[Result, str] = ("fallback", "")

    @property
    def ledger(self) -> PlaybackLedger:
        """The account of what the caller has heard."""
        return self._speech.ledger

    @property
    def barge_ins(self) -> int:
        """How often the caller has cut in."""
        return self._speech.barge_ins

    def heard_text(self, item_id: str, content_index: int) -> HeardText:
        """An item's words, parted where the caller stopped listening."""
        return self._speech.transcripts.heard(item_id, content_index)

    # The inbox

    def start(self, *, now_ms: float) -> Iterable[Command]:
        """The stream is open."""
        return self._speech.begin(now_ms=now_ms)

    def handle(self, event: Event, *, now_ms: float) -> Iterable[Command]:
        """Decide what follows from *event*; nothing does once the call is over."""
        self._calm = None
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
                return self._caller_speaks(event, now_ms)
            case SpeechStopped(item_id):
                return self._caller_spoke(item_id, now_ms)
            case CallerTranscript(item_id, transcript):
                return self._caller_transcribed(item_id, transcript, now_ms)
            case TranscriptDelta(_, item_id, text, content_index):
                self._speech.transcripts.came((item_id, content_index), text)
                return ()
            case TranscriptDone(_, item_id, text, content_index):
                self._speech.transcripts.done((item_id, content_index), text)
                return ()
            case AudioDone(_, item_id, content_index):
                return self._speech.finish(item_id, content_index, now_ms=now_ms)
            case ResponseCreated(response_id):
                return self._response_created(response_id, now_ms)
            case ResponseDone():
                return self._response_done(event, now_ms)
            case FunctionCalled():
                return self._function_called(event, now_ms)
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
            case DtmfPressed() | StreamStarted() | FrameIgnored() | EventIgnored() | ItemTruncated():
                return ()
            case _:
                assert_never(event)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, unless something happens before."""
        if self.phase == "over":
            return None
        talking = self.phase == "talking"
        awaited = self.phase == "leaving" or self._farewell.begun or self._recitals.any_open
        deadlines_ms = (
            self._deadline_ms,
            self._ledger.next_deadline_ms(echoes_awaited=awaited),
            self._frames.next_fill_ms() if talking and self._arbiter.caller_speaks else None,
            self._turns.next_deadline_ms() if talking else None,
            self._farewell.deadline_ms,
        )
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    def tick(self, *, now_ms: float) -> Iterator[Command]:
        """A deadline has come."""
        self._calm = None
        if self.phase == "over":
            return
        if self.phase == "talking":
            yield from self._turning(self._turns.tick(now_ms))
        if self.phase == "talking" and self._arbiter.caller_speaks:
            for payload in silence(self._frames.fill(now_ms)):
                yield AppendAudio(payload)
        yield from self._settle(now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._deadline_ms = None
            yield from self._deadline_came(now_ms)

    def _deadline_came(self, now_ms: float) -> Iterator[Command]:
        if self.phase == "opening":
            yield from self._leave("model_no_session", now_ms)
        elif self.phase in {"leaving", "hanging_up"}:
            yield from self._end()

    # Inbound

    def takes_note(self, event: CallerAudio | MarkEchoed, *, now_ms: float) -> bool:
        """
        The short way of nearly all that a provider sends: whether nothing follows but that a frame is appended.

        One frame in, one frame out, and an echo is kept until it matters. If not, nothing was done, and the event is to
        be handled.
        """
        if self._calm is None:
            self._calm = self._is_calm
        if not self._calm:
            return False
        if isinstance(event, MarkEchoed):
            self._ledger.echoed(event.name, now_ms)
            return True
        if event.stamp_ms is None or not self._frames.follows(event, now_ms):
            return False
        if self._turns.listens:
            self._turns.hears(event)
        self._calm = self._ledger.frame_received(event.stamp_ms, now_ms)
        return True

    @property
    def _is_calm(self) -> bool:
        """Whether frames and echoes can wait to be looked at; only what is handled can change that."""
        waited_for = self._farewell.begun or self._turns.watching or self._recitals.any_open
        return self.phase == "talking" and not (waited_for or self._ledger.settling)

    def _caller_audio(self, audio: CallerAudio, now_ms: float) -> Iterator[Command]:
        missing_ms = self._frames.came(audio, now_ms)
        if audio.stamp_ms is not None:
            self._ledger.frame_received(audio.stamp_ms, now_ms)
        for payload in (*silence(missing_ms), audio.payload):
            if self.phase == "talking":
                yield AppendAudio(payload)
            elif self.phase == "opening":
                self._held.hold(payload)
        if self.phase == "talking":
            yield from self._turning(self._turns.frame(audio, now_ms))
        yield from self._settle(now_ms)

    def _session_updated(self, session: SessionUpdated, now_ms: float) -> Iterator[Command]:
        self._turns.confirmed(session)
        if self.phase != "opening":
            return
        if (session.input_format, session.output_format) != (PCMU, PCMU):
            yield from self._leave("model_format", now_ms)
            return
        self.phase, self._deadline_ms = "talking", None
        for segment in self._plan.opening:
            self._arbiter.want(self._plan.words(segment))
            self._speech.awaited(now_ms)
        yield from self._ask()
        for payload in self._held.release():
            yield AppendAudio(payload)

    def _caller_speaks(self, speech: SpeechStarted, now_ms: float) -> Iterator[Command]:
        self._arbiter.speech_started()
        self._speech.awaited(None)
        if self.phase != "talking":
            return
        for command in self._turning(self._turns.began(speech.item_id, now_ms)):
            yield command
            if isinstance(command, ClearAudio):
                yield NoteCleared(max(0.0, self._frames.appended_ms - speech.audio_start_ms - self._padding_ms))

    @property
    def _padding_ms(self) -> float:
        """How much of what was there before the speech the server counts as part of it."""
        padding_ms = self._plan.session.turn_detection.get("prefix_padding_ms", 0)
        return float(padding_ms) if isinstance(padding_ms, int | float) else 0.0

    def _caller_spoke(self, item_id: str, now_ms: float) -> Iterator[Command]:
        self._arbiter.speech_stopped(responds=self._turns.responds)
        if self.phase == "talking":
            yield from self._turning(self._turns.ended(item_id, now_ms))

    def _caller_transcribed(self, item_id: str, text: str, now_ms: float) -> Iterator[Command]:
        if self.phase == "talking":
            yield from self._turning(self._turns.transcribed(item_id, text, now_ms))

    def _turning(self, commands: Iterable[Command]) -> Iterator[Command]:
        """What follows when it may have become the caller's turn."""
        yield from commands
        if self._turns.caller_spoke():
            yield from self._farewell.cancelled()
        yield from self._ask()

    def _frame_rejected(self, side: Side, now_ms: float) -> Iterable[Command]:
        if side == "provider" and self._bad_frames.one_too_many(now_ms):
            return self._end("rejected", "malformed_frames", code=1008)
        return ()

    # Outbound

    def _agent_audio(self, delta: AudioDelta, now_ms: float) -> Iterable[Command]:
        """Before the session is confirmed nobody knows what format it has."""
        if self.phase == "opening":
            return ()
        self._response_seen(delta.response_id)
        return self._speech.play(delta, now_ms=now_ms)

    def _mark_echoed(self, name: str, now_ms: float) -> Iterator[Command]:
        self._ledger.echoed(name, now_ms)
        yield from self._settle(now_ms)

    def _settle(self, now_ms: float) -> Iterator[Command]:
        yield from self._speech.settle(now_ms=now_ms)
        yield from self._ask()
        yield from self._played_out(now_ms)

    def _played_out(self, now_ms: float) -> Iterator[Command]:
        """A call that is leaving, or about to hang up, stays no longer than there is something to hear."""
        if self.phase == "leaving" and not self._ledger.unheard:
            yield from self._end()
        elif self._farewell.due(now_ms, all_heard=not (self._ledger.unheard or self._speech.stopped)):
            yield from self._hang_up(now_ms)

    # Responses

    def _response_seen(self, response_id: str) -> None:
        self._arbiter.response_seen(response_id)
        self._recitals.seen(response_id, self._arbiter.segment(response_id))

    def _response_created(self, response_id: str, now_ms: float) -> Iterator[Command]:
        self._response_seen(response_id)
        if self.phase == "talking":
            yield from self._turns.response_began(response_id, now_ms)

    def _ask(self) -> Iterator[Command]:
        """Have the model respond, but not from a memory of what the caller has not heard."""
        if self.phase == "talking" and not self._ledger.settling and (response := self._arbiter.next()):
            yield response

    def _response_done(self, done: ResponseDone, now_ms: float) -> Iterator[Command]:
        failed = done.status == "failed" or self._recitals.broken_off(done.response_id, done.status)
        self._arbiter.response_done(done.response_id, failed=failed)
        self._recitals.over(done.response_id, failed=failed)
        yield from self._speech.finish_response(done.response_id, done.status, now_ms=now_ms)
        self._failures = self._failures + 1 if failed else 0
        if failed and (done.error_code in FATAL_ERRORS or self._failures >= RESPONSE_TRIES):
            yield from self._leave(done.error_code or "response_failed", now_ms)
        yield from self._ask()
        yield from self._settle(now_ms)

    def _function_called(self, call: FunctionCalled, now_ms: float) -> Iterator[Command]:
        if self.phase != "talking":
            return
        self._response_seen(call.response_id)
        if call.name == HANG_UP and self._plan.goodbye:
            yield from self._farewell.wanted(self._plan.goodbye, call.call_id, now_ms)
            yield from self._ask()
            return
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

    def _hang_up(self, now_ms: float) -> Iterator[Command]:
        self._farewell.over()
        self.phase, self._outcome = "hanging_up", ("success", "agent_hung_up")
        self._speech.remembered = False
        self._deadline_ms = now_ms + HANG_UP_LIMIT_MS
        yield CloseModel()
        yield HangUp()

    def _leave(self, reason: str, now_ms: float) -> Iterator[Command]:
        """The model is of no more use: let what is queued be heard, then make way for the fallback."""
        if self.phase in {"hanging_up", "leaving", "over"}:
            return
        self.phase, self._outcome = "leaving", ("fallback", reason)
        self._speech.remembered = False
        self._farewell.over()
        yield CloseModel()
        yield from self._speech.mark_tail(now_ms=now_ms)
        self._deadline_ms = now_ms + PLAY_OUT_LIMIT_MS
        yield from self._played_out(now_ms)

    def _end(self, result: Result = "fallback", reason: str = "", *, code: int = 1000) -> Iterator[Command]:
        """End the call; one that is leaving ends for the reason it leaves, whoever hangs up first."""
        yield from self._speech.end()
        if self.phase in {"hanging_up", "leaving"}:
            result, reason = self._outcome
        else:
            yield CloseModel()
        self.phase = "over"
        yield CloseStream(code, reason)
        yield NoteEnded(result, reason)
