"""
A call: the caller's audio to the model, the agent's speech to the caller, and the memory of both kept in step.

Theory of operation. A call is `opening` until the server has confirmed the session's format; the caller's audio waits
that long, since a server that has not heard of mu-law would take it for something else. Then it is `talking`. When the
model goes away it is `leaving`: what is queued is played out, briefly, and then the stream is closed, so that the
provider goes on with the fallback. A call that is passed on to somebody else has no stream: it is `passed_on` until it
is known what came of that; then it is over, or has another stream and is `talking` again. It is `over` when the
provider's side is gone or let go; nothing happens after that.

Commands come in the order in which they must be carried out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, assert_never

from gateway.agent import ApprovalRequired, CutSpeech, SpeechTripped, TookOver, ToolAnswered
from gateway.call.bad_frames import BadFrames
from gateway.call.caller_frames import CallerFrames, silence
from gateway.call.caller_words import CallerWords
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    Command,
    HangUp,
    NoteCleared,
    NoteEnded,
    NoteGuardrailTripped,
    NoteTransfer,
    Result,
    TransferCall,
    TransferOutcome,
)
from gateway.call.errands import Errands
from gateway.call.events import (
    BudgetSpent,
    CallerLeft,
    Event,
    FrameRejected,
    HangUpRequested,
    MessageTaken,
    ModelClosed,
    Side,
    StreamClosed,
    StreamResumed,
    TransferEnded,
    TransferRefused,
)
from gateway.call.farewell import HANG_UP, Farewell
from gateway.call.held_audio import HeldAudio
from gateway.call.limits import Limits
from gateway.call.plan import CallPlan
from gateway.call.quiet import StreamQuiet
from gateway.call.segments import Recitals
from gateway.call.server_turns import ServerTurns
from gateway.call.speech import Speech
from gateway.call.tones import Tones
from gateway.call.transferring import TRANSFER, Transferring
from gateway.call.turns import Turns
from gateway.playback import PlaybackLedger
from gateway.playback.heard_text import HeardText
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    DtmfReceived,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.protocol.inputs import AppendAudio, CancelResponse, ConfigureSession, CreateResponse, TruncateItem
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
COME_BACK_LIMIT_MS = 10_000.0
"""From the news that a call was not passed on to its new stream."""
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

Phase = Literal["opening", "talking", "passed_on", "hanging_up", "leaving", "over"]
OVER: Mapping[TransferOutcome, str] = {"transferred": "transferred", "caller_left": "caller_hung_up"}
"""Why calls end that were passed on, or were to be."""


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
        quiet = StreamQuiet(self._speech, self._arbiter)
        self._tones = Tones(self._speech, self._arbiter)
        self._errands = Errands(plan, self._arbiter, quiet, self._tones if plan.presses_keys else None)
        self._farewell = Farewell(plan, self._arbiter, self._errands.words)
        self._caller = CallerWords(transcribed=plan.session.transcription_model is not None)
        self._transferring = Transferring(plan.transfers, self._arbiter, self._errands.words)
        self._limits = Limits(
            plan,
            quiet,
            self._caller,
            self._arbiter,
            self._errands,
            self._farewell,
            self._transferring,
            began_ms=now_ms,
        )
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
            case TranscriptDelta():
                return self._agent_says(event, now_ms)
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
            case ApprovalRequired() | ToolAnswered() | TookOver() | SpeechTripped():
                return self._errand(self._errands.handle(event), now_ms)
            case ErrorReceived():
                return self._refused(event, now_ms)
            case SessionCreated():
                return (ConfigureSession(self._plan.session),) if self.phase == "opening" else ()
            case SessionUpdated():
                return self._session_updated(event, now_ms)
            case StreamStopped():
                return self._stream_ended("caller_hung_up", now_ms)
            case StreamClosed(code):
                return self._stream_ended(f"provider_closed_{code}", now_ms)
            case TransferRefused(maybe_done):
                return self._transfer_refused(maybe_done, now_ms)
            case TransferEnded(outcome):
                return self._transfer_ended(outcome, now_ms)
            case CallerLeft():
                return self._caller_left()
            case StreamResumed():
                return self._come_back(now_ms)
            case ModelClosed(reason):
                return self._leave(reason, now_ms)
            case HangUpRequested(reason):
                return self._end("success", reason)
            case BudgetSpent():
                return self._budget_spent(now_ms)
            case DtmfPressed(digit):
                return self._key_pressed(digit, now_ms)
            case FrameRejected(side):
                return self._frame_rejected(side, now_ms)
            case MessageTaken() | StreamStarted() | FrameIgnored() | EventIgnored() | ItemTruncated():
                return ()
            case OutputAudioStarted() | OutputAudioStopped() | OutputAudioCleared() | DtmfReceived():
                return ()  # told of sessions that were attached to, of audio that does not come this way
            case _:
                assert_never(event)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, unless something happens before."""
        if self.phase == "over":
            return None
        talking, passed_on = self.phase == "talking", self.phase == "passed_on"
        awaited = self.phase == "leaving" or self._awaits_echoes
        deadlines_ms = (
            self._deadline_ms,
            self._ledger.next_deadline_ms(echoes_awaited=awaited),
            self._frames.next_fill_ms() if self._converses and self._arbiter.caller_speaks else None,
            self._turns.next_deadline_ms() if talking else None,
            self._errands.next_deadline_ms() if talking else None,
            self._limits.next_deadline_ms() if talking else None,
            self._transferring.deadline_ms if talking or passed_on else None,
            None if self._transferring.asked or passed_on else self._farewell.deadline_ms,
        )
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    def tick(self, *, now_ms: float) -> Iterator[Command]:
        """A deadline has come."""
        self._calm = None
        if self.phase == "over":
            return
        if self.phase == "talking":
            yield from self._turning(self._turns.tick(now_ms))
            self._limits.tick(now_ms)
            yield from self._errand(self._errands.tick(now_ms), now_ms)
        if self._converses and self._arbiter.caller_speaks:
            for payload in silence(self._frames.fill(now_ms)):
                yield AppendAudio(payload)
        yield from self._settle(now_ms)
        if self._transferring.overdue(now_ms):
            yield from self._transfer_ended("transferred" if self.phase == "passed_on" else "refused", now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._deadline_ms = None
            yield from self._deadline_came(now_ms)

    def _deadline_came(self, now_ms: float) -> Iterator[Command]:
        if self.phase == "opening":
            yield from self._leave("model_no_session", now_ms)
        elif self.phase == "passed_on":
            yield from self._end("fallback", "not_come_back")
        elif self.phase in {"leaving", "hanging_up"}:
            yield from self._end()

    @property
    def _converses(self) -> bool:
        """Whether there is a conversation, be the caller away or not."""
        return self.phase == "talking" or (self.phase == "passed_on" and self._speech.remembered)

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
        waited_for = self._turns.watching or self._awaits_echoes
        return self.phase == "talking" and not (waited_for or self._ledger.settling)

    @property
    def _awaits_echoes(self) -> bool:
        """Whether something follows as soon as it is known that the caller has heard the agent."""
        return self._farewell.begun or self._transferring.begun or self._recitals.any_open or self._tones.unheard

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
        self._limits.begin(now_ms)
        for segment in self._plan.opening:
            self._arbiter.want(self._errands.words(segment))
            self._speech.awaited(now_ms)
        yield from self._ask()
        for payload in self._held.release():
            yield AppendAudio(payload)

    def _caller_speaks(self, speech: SpeechStarted, now_ms: float) -> Iterator[Command]:
        self._arbiter.speech_started()
        self._caller.speech_began(speech.item_id, now_ms)
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
        said = self._caller.speech_ended(item_id, now_ms)
        if self.phase == "talking":
            yield from self._turning(self._turns.ended(item_id, now_ms))
            yield from self._errand(self._errands.caller_said(self._caller.began_ms) if said else (), now_ms)

    def _caller_transcribed(self, item_id: str, text: str, now_ms: float) -> Iterator[Command]:
        said = self._caller.transcribed(item_id, text, now_ms)
        if self.phase == "talking":
            yield from self._turning(self._turns.transcribed(item_id, text, now_ms))
            yield from self._errand(self._errands.caller_said(self._caller.began_ms) if said else (), now_ms)

    def _key_pressed(self, key: str, now_ms: float) -> Iterator[Command]:
        self._caller.pressed(now_ms)
        if self.phase != "talking" or self._farewell.final:
            return
        if self._errands.cuts(key):
            yield from self._cut_agent((), now_ms, by_caller=True)
        if (choice := self._errands.chosen(key)) and choice.transfer:
            self._transferring.chosen(choice.transfer, now_ms)
        yield from self._errand(self._errands.pressed(key, now_ms), now_ms)
        yield from self._settle(now_ms)

    def _turning(self, commands: Iterable[Command]) -> Iterator[Command]:
        """What follows when it may have become the caller's turn."""
        yield from commands
        if self._turns.caller_spoke():
            self._errands.caller_spoke()
            yield from self._farewell.cancelled()
            yield from self._transferring.cancelled()
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
        for answered in self._tones.heard():
            yield from self._errand(self._errands.handle(answered), now_ms)
        yield from self._ask()
        yield from self._played_out(now_ms)

    def _played_out(self, now_ms: float) -> Iterator[Command]:
        """A call that is leaving, or about to go elsewhere, stays no longer than there is something to hear."""
        all_heard = not (self._ledger.unheard or self._speech.stopped)
        if self.phase == "leaving" and not self._ledger.unheard:
            yield from self._end()
        elif self._transferring.asked or self.phase == "passed_on":
            return
        elif self.phase == "talking" and (transfer := self._transferring.due(now_ms, all_heard=all_heard)):
            yield TransferCall(transfer)
        elif self._farewell.due(now_ms, all_heard=all_heard):
            yield from self._hang_up(now_ms)

    # Responses

    def _response_seen(self, response_id: str) -> None:
        self._arbiter.response_seen(response_id)
        self._recitals.seen(response_id, self._arbiter.segment(response_id))

    def _response_created(self, response_id: str, now_ms: float) -> Iterator[Command]:
        self._response_seen(response_id)
        if self.phase == "talking":
            yield from self._turns.response_began(response_id, now_ms)
        elif self._converses:
            yield from self._cancel((response_id,))

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
        yield from self._errand(self._errands.response_done(done.response_id), now_ms)
        yield from self._settle(now_ms)

    def _function_called(self, call: FunctionCalled, now_ms: float) -> Iterator[Command]:
        if self.phase != "talking":
            return
        self._response_seen(call.response_id)
        if call.name == HANG_UP and self._plan.goodbye:
            passing_on = self._transferring.deadline_ms is not None
            yield from (
                self._transferring.goes_first(call.call_id)
                if passing_on
                else self._farewell.wanted(self._plan.goodbye, call.call_id, now_ms)
            )
            yield from self._ask()
            return
        if call.name == TRANSFER and self._transferring.possible:
            ends = self._farewell.begun
            yield from self._transferring.wanted(call.call_id, call.arguments, now_ms, ends=ends)
            yield from self._ask()
            return
        yield from self._errand(self._errands.called(call, now_ms), now_ms)

    def _agent_says(self, words: TranscriptDelta, now_ms: float) -> Iterable[Command]:
        self._speech.transcripts.came((words.item_id, words.content_index), words.delta)
        if self.phase == "talking":
            self._response_seen(words.response_id)
        return self._errand(self._errands.said(words.response_id, words.item_id, words.delta), now_ms)

    def _errand(self, commands: Iterable[Command | CutSpeech], now_ms: float) -> Iterator[Command]:
        """What the agent wants besides speaking; nothing any more when it cannot be told what came of it."""
        for command in commands if self._converses else ():
            if isinstance(command, CutSpeech):
                yield from self._cut_speech(command, now_ms) if self.phase == "talking" else ()
            else:
                yield command
        yield from self._tones.play(now_ms) if self.phase == "talking" else ()
        yield from self._ask()

    def _cut_speech(self, wish: CutSpeech, now_ms: float) -> Iterator[Command]:
        """What must not be heard is cut, and something else is said."""
        yield NoteGuardrailTripped(wish.guardrail, wish.item_id)
        yield from self._cut_agent((wish.response_id,), now_ms, by_caller=False)
        self._errands.say_instead(wish.guardrail)

    def _cut_agent(self, responses: Iterable[str], now_ms: float, *, by_caller: bool) -> Iterator[Command]:
        """Like a barge-in that nobody spoke; what must be heard is played again, not over the caller."""
        active = self._arbiter.active
        yield from self._speech.interrupt({*responses, *active}, now_ms=now_ms, by_caller=by_caller)
        yield from self._cancel(active)
        for recital in () if self._turns.yielded else self._recitals.to_repeat():
            yield from self._speech.repeat(recital, now_ms=now_ms)

    def _cancel(self, responses: Iterable[str]) -> Iterator[CancelResponse]:
        """All but what must be heard."""
        for response_id in sorted(responses):
            if not self._recitals.recital(response_id):
                yield CancelResponse(response_id)

    def _budget_spent(self, now_ms: float) -> Iterator[Command]:
        """Nothing can be said while the call is opened, or passed on; then it is when it comes back."""
        self._limits.spent(now_ms)
        if self.phase == "talking":
            self._limits.tick(now_ms)
            yield from self._settle(now_ms)

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

    # Transfers

    def _stream_ended(self, reason: str, now_ms: float) -> Iterator[Command]:
        """A call ends with its stream, unless it is passed on."""
        if self.phase == "talking" and self._transferring.asked:
            yield from self._pass_on(now_ms)
        elif self.phase != "passed_on":
            yield from self._end("success", reason)

    def _pass_on(self, now_ms: float) -> Iterator[Command]:
        """Nobody hears the agent any more, and the caller is not heard."""
        self.phase, active = "passed_on", self._arbiter.active
        self._turns.let_go()
        yield from self._speech.leave(active, now_ms=now_ms)
        yield from self._cancel(active) if self._converses else ()

    def _transfer_refused(self, maybe_done: bool, now_ms: float) -> Iterator[Command]:
        """A stream that has ended all the same has ended since the caller hung up; or since it was done, perhaps."""
        if maybe_done and self._transferring.asked:
            self._transferring.doubtful(now_ms, stream_ended=self.phase == "passed_on")
        elif self.phase == "passed_on" and self._converses:
            yield from self._caller_left()
        else:
            yield from self._transfer_ended("refused", now_ms)

    def _transfer_ended(self, outcome: TransferOutcome, now_ms: float) -> Iterator[Command]:
        if not self._transferring.asked:
            return
        if outcome in OVER:
            yield NoteTransfer(outcome)
            yield from self._end("success", OVER[outcome])
            return
        if outcome != "refused":
            yield from self._stream_ended("", now_ms)
            self._deadline_ms = now_ms + COME_BACK_LIMIT_MS
        for command in self._transferring.failed(outcome):
            if self._converses or isinstance(command, NoteTransfer):
                yield command
        yield from self._ask() if self._converses else self._end(*self._outcome)

    def _caller_left(self) -> Iterator[Command]:
        if self.phase == "passed_on":
            yield from (NoteTransfer("caller_left"),) if self._transferring.asked else ()
            yield from self._end(*(("success", OVER["caller_left"]) if self._converses else self._outcome))

    def _come_back(self, now_ms: float) -> Iterator[Command]:
        """The call has another stream, whose frames are counted anew, and so is the time that nobody says anything."""
        if self.phase != "passed_on" or self._transferring.asked:
            return
        self.phase, self._deadline_ms = "talking", None
        self._frames = CallerFrames(self._frames.appended_ms)
        self._limits.begin(now_ms)
        yield from self._speech.come_back(now_ms=now_ms)
        self._arbiter.want(CreateResponse())
        yield from self._ask()

    # The end

    def _hang_up(self, now_ms: float) -> Iterator[Command]:
        yield from self._farewell.ending()
        self.phase, self._outcome = "hanging_up", ("success", self._farewell.reason)
        self._speech.remembered = False
        self._deadline_ms = now_ms + HANG_UP_LIMIT_MS
        yield CloseModel()
        yield HangUp()

    def _leave(self, reason: str, now_ms: float) -> Iterator[Command]:
        """The model is of no more use: let what is queued be heard, then make way for the fallback."""
        if self.phase in {"hanging_up", "leaving", "over"}:
            return
        self._outcome = ("fallback", reason)
        self._speech.remembered = False
        yield CloseModel()
        if self._transferring.asked:  # whoever takes the call needs no model
            yield from self._pass_on(now_ms) if self.phase == "talking" else ()
            return
        if self.phase == "passed_on":
            yield from self._end(*self._outcome)
            return
        self.phase = "leaving"
        self._farewell.over()
        yield from self._speech.mark_tail(now_ms=now_ms)
        self._deadline_ms = now_ms + PLAY_OUT_LIMIT_MS
        yield from self._played_out(now_ms)

    def _end(self, result: Result = "fallback", reason: str = "", *, code: int = 1000) -> Iterator[Command]:
        """End the call; one that is leaving ends for the reason it leaves, whoever hangs up first."""
        yield from self._speech.end()
        if self.phase in {"hanging_up", "leaving"}:
            result, reason = self._outcome
        elif self._speech.remembered:
            yield CloseModel()
        self.phase = "over"
        yield CloseStream(code, reason)
        yield NoteEnded(result, reason)
