"""
The conversation in a call that comes by SIP: what is asked of the model, and what follows from what it says.

What the caller hears is known to the service alone, which truncates the model's memory by itself; the gateway follows
what it plays (`line_audio`), keeps account of the words that the line gives (`line_words`), and of whose turn it is
(`sip_turns`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway.agent import AgentEvent, CutSpeech
from gateway.call.call import FATAL_ERRORS, RESPONSE_TRIES
from gateway.call.caller_words import CallerWords
from gateway.call.commands import (
    Command,
    HangUp,
    NoteDeadAir,
    NoteEnded,
    NoteGuardrailTripped,
    NoteInterrupted,
    NoteReceipt,
    TransferCall,
    TransferOutcome,
)
from gateway.call.errands import Errands
from gateway.call.farewell import HANG_UP, Farewell
from gateway.call.limits import Limits
from gateway.call.line_audio import LineAudio
from gateway.call.line_words import LineWords
from gateway.call.plan import CallPlan
from gateway.call.quiet import LineQuiet
from gateway.call.segments import Receipt
from gateway.call.sip_turns import SipTurns
from gateway.call.transferring import TRANSFER, Transferring
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    DtmfReceived,
    ErrorReceived,
    FunctionCalled,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    RealtimeEvent,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.protocol.inputs import CancelResponse, ClearOutputAudio, CreateResponse, UpdateAudio
from gateway.protocol.session import SessionConfig

Talk = Iterator[Command]
"""`HangUp` and `NoteEnded` among it say how the call is to end."""


class SipTalk:
    """One call's conversation, from the greeting on."""

    def __init__(self, plan: CallPlan, *, transfer_within_ms: float, now_ms: float) -> None:
        self.barge_ins = 0
        """How often the caller has cut in."""
        self._plan = plan
        self._given = {segment.id for segment in plan.segments}
        """Words that nobody judges but who wrote the line."""
        self._arbiter = ResponseArbiter()
        self._audio = LineAudio()
        self._quiet = LineQuiet(self._audio, self._arbiter)
        self._errands = Errands(plan, self._arbiter, self._quiet)
        self._farewell = Farewell(plan, self._arbiter, self._errands.words)
        self._caller = CallerWords(transcribed=plan.session.transcription_model is not None)
        self._transferring = Transferring(
            plan.transfers, self._arbiter, self._errands.words, within_ms=transfer_within_ms
        )
        self._limits = Limits(
            plan,
            self._quiet,
            self._caller,
            self._arbiter,
            self._errands,
            self._farewell,
            self._transferring,
            began_ms=now_ms,
        )
        self._words = LineWords(plan.opening, began_ms=now_ms)
        self._turns = SipTurns(plan, self._arbiter, self._audio, self._words, self._errands.words)
        self._failures = 0
        self._ready = False
        """Whether there is a session that takes what is asked of it."""

    def session(self, *, voiced: bool) -> SessionConfig:
        """How the session is set up now; one that may have spoken before keeps its voice."""
        voice = self._plan.session.voice if voiced else None
        return replace(self._plan.session, turn_detection=self._turns.detection, voice=voice, attached=True)

    @property
    def passed_on(self) -> bool:
        """Whether the service was asked to pass the call on, and may have done so."""
        return self._transferring.asked

    @property
    def passed_on_by_ms(self) -> float:
        """Until when a transfer that was asked for may succeed, whether or not anybody can follow it; else 0."""
        return self._transferring.deadline_ms or 0.0 if self._transferring.asked else 0.0

    @property
    def hung_up_for(self) -> str:
        """Why the call is hung up."""
        return self._farewell.reason

    def begin(self, now_ms: float) -> Talk:
        """There is a session, for the first time or again."""
        self._ready = True
        self._limits.begin(now_ms)
        self._turns.began(now_ms)
        yield from self._go_on(now_ms)

    def broken(self, now_ms: float) -> Talk:
        """The connection broke: what was going on is over, for all that is known."""
        self._ready = False
        self._audio.forget()
        self._words.broken_off()
        self._arbiter.speech_stopped(responds=False)
        self._arbiter.refused()
        for response_id in self._arbiter.active:
            self._arbiter.response_done(response_id)
            yield from self._errand(self._errands.response_done(response_id), now_ms)

    def told(self, event: RealtimeEvent, now_ms: float) -> Talk:
        """The service tells of the session."""
        match event:
            case SpeechStarted(item_id):
                self._turns.caller_speaks()
                self._errands.caller_spoke()
                self._caller.speech_began(item_id, now_ms)
                yield from self._farewell.cancelled()
                yield from self._transferring.cancelled()
            case SpeechStopped(item_id):
                self._turns.caller_spoke(now_ms)
                yield from self._said(now_ms) if self._caller.speech_ended(item_id, now_ms) else ()
            case CallerTranscript(item_id, text):
                yield from self._said(now_ms) if self._caller.transcribed(item_id, text, now_ms) else ()
            case DtmfReceived(key):
                yield from self._key_pressed(key, now_ms)
            case ResponseCreated(response_id):
                self._seen(response_id)
            case TranscriptDelta():
                yield from self._says(event, now_ms)
            case AudioDelta(response_id) | AudioDone(response_id) | TranscriptDone(response_id):
                self._speaks(response_id)
            case OutputAudioStarted(response_id):
                yield from self._playing(response_id, now_ms)
            case OutputAudioStopped(response_id):
                self._audio.ended(response_id)
                yield from _receipt(self._words.played(response_id, now_ms))
            case OutputAudioCleared(response_id):
                yield from self._cleared(response_id)
            case FunctionCalled():
                yield from self._called(event, now_ms)
            case ResponseDone():
                yield from self._response_done(event, now_ms)
            case ErrorReceived():
                yield from self._refused(event)
            case SessionUpdated():
                self._turns.responds = event.responds
            case _:
                return
        yield from self._go_on(now_ms)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called."""
        deadlines_ms = (
            self._audio.next_deadline_ms(),
            self._errands.next_deadline_ms(),
            self._limits.next_deadline_ms(),
            None if self._transferring.asked else self._farewell.deadline_ms,
            self._transferring.deadline_ms,
        )
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    def tick(self, now_ms: float) -> Talk:
        """A deadline has come."""
        for response_id in self._audio.overdue(now_ms):
            self._words.given_up(response_id)
        self._quiet.look(now_ms)
        if self._transferring.overdue(now_ms):
            yield from self.not_transferred("not_through", now_ms)
        self._limits.tick(now_ms)
        yield from self._errand(self._errands.tick(now_ms), now_ms)
        yield from self._go_on(now_ms)

    def spent(self, now_ms: float) -> Talk:
        """The call has cost as much as it may."""
        self._limits.spent(now_ms)
        self._limits.tick(now_ms)
        yield from self._go_on(now_ms)

    def _go_on(self, now_ms: float) -> Talk:
        """Do whatever there is to be done now."""
        self._quiet.look(now_ms)
        if not self._ready:
            return
        if self._turns.changed():
            yield UpdateAudio(self.session(voiced=False))
        self._turns.want()
        if response := self._arbiter.next():
            yield response
        self._quiet.look(now_ms)
        if self._transferring.asked:
            return
        if transfer := self._transferring.due(now_ms, all_heard=self._audio.quiet):
            yield TransferCall(transfer)
        elif self._farewell.due(now_ms, all_heard=self._audio.quiet):
            yield from self._farewell.ending()
            yield HangUp()

    # Responses

    def _seen(self, response_id: str) -> None:
        self._arbiter.response_seen(response_id)
        self._words.seen(response_id, self._arbiter.segment(response_id))

    def _speaks(self, response_id: str) -> None:
        self._seen(response_id)
        self._audio.speaks(response_id)

    def _says(self, words: TranscriptDelta, now_ms: float) -> Talk:
        self._speaks(words.response_id)
        if self._arbiter.segment(words.response_id) not in self._given:
            yield from self._errand(self._errands.said(words.response_id, words.item_id, words.delta), now_ms)

    def _playing(self, response_id: str, now_ms: float) -> Talk:
        self._seen(response_id)
        for before in self._audio.started(response_id):
            yield from _receipt(self._words.played(before, now_ms))
        self._words.started(response_id, now_ms)
        waited_ms = self._turns.waited_ms(now_ms)
        if waited_ms is not None:
            yield NoteDeadAir(waited_ms)

    def _cleared(self, response_id: str) -> Talk:
        for cut in self._audio.cleared(response_id):
            self._words.cut(cut)
        if self._arbiter.caller_speaks:
            self.barge_ins += 1
            yield NoteInterrupted()

    def _response_done(self, done: ResponseDone, now_ms: float) -> Talk:
        response_id, of_line = done.response_id, self._words.owns(done.response_id)
        failed = done.status == "failed"
        self._arbiter.response_done(response_id, failed=failed and not of_line)
        self._audio.finished(response_id, done.status, now_ms)
        if done.status == "completed" and self._audio.spoke(response_id):
            yield from _receipt(self._words.completed(response_id))
        elif done.status == "cancelled":
            self._words.cut(response_id)
        else:
            self._words.failed(response_id)
            failed = failed or of_line
        yield from self._errand(self._errands.response_done(response_id), now_ms)
        self._failures = self._failures + 1 if failed else 0
        if failed:
            yield from self._given_up(done.error_code)

    def _given_up(self, code: str) -> Talk:
        """A model that fails again and again is of no use, and there is nobody else."""
        if code in FATAL_ERRORS or self._failures >= RESPONSE_TRIES:
            yield NoteEnded("failed", code or "response_failed")

    def _refused(self, error: ErrorReceived) -> Talk:
        match error.refused:
            case CreateResponse() if error.code == "conversation_already_has_active_response":
                self._arbiter.refused_as_active(error.refused)
            case CreateResponse(_, segment):
                self._arbiter.refused()
                if segment:
                    self._words.put_back()
                    self._failures += 1
        yield from self._given_up(error.code)

    # What the agent does besides speaking

    def _called(self, call: FunctionCalled, now_ms: float) -> Talk:
        self._seen(call.response_id)
        if call.name == HANG_UP and self._plan.goodbye:
            passing_on = self._transferring.deadline_ms is not None
            yield from (
                self._transferring.goes_first(call.call_id)
                if passing_on
                else self._farewell.wanted(self._plan.goodbye, call.call_id, now_ms)
            )
        elif call.name == TRANSFER and self._transferring.possible:
            ends = self._farewell.begun
            yield from self._transferring.wanted(call.call_id, call.arguments, now_ms, ends=ends)
        else:
            yield from self._errand(self._errands.called(call, now_ms), now_ms)

    def _said(self, now_ms: float) -> Talk:
        """The caller has said something."""
        yield from self._errand(self._errands.caller_said(self._caller.began_ms), now_ms)

    def _key_pressed(self, key: str, now_ms: float) -> Talk:
        self._caller.pressed(now_ms)
        if self._farewell.final:
            return
        if self._errands.cuts(key):
            yield from self._cut_agent(self._arbiter.active)
        if (choice := self._errands.chosen(key)) and choice.transfer:
            self._transferring.chosen(choice.transfer, now_ms)
        yield from self._errand(self._errands.pressed(key, now_ms), now_ms)

    def happened(self, event: AgentEvent, now_ms: float) -> Talk:
        """Something came of what the agent wanted done."""
        yield from self._errand(self._errands.handle(event), now_ms)
        yield from self._go_on(now_ms)

    def _errand(self, commands: Iterable[Command | CutSpeech], now_ms: float) -> Talk:
        for command in commands:
            if isinstance(command, CutSpeech):
                yield from self._cut_speech(command)
            else:
                yield command

    def _cut_speech(self, wish: CutSpeech) -> Talk:
        """What must not be heard is thrown away by the service, which has more of it than anybody else."""
        yield NoteGuardrailTripped(wish.guardrail, wish.item_id)
        yield from self._cut_agent(self._arbiter.active & {wish.response_id})
        self._errands.say_instead(wish.guardrail)

    def _cut_agent(self, responses: Iterable[str]) -> Talk:
        for response_id in sorted(responses):
            yield CancelResponse(response_id)
        if not self._audio.quiet:
            yield ClearOutputAudio()

    def not_transferred(self, outcome: TransferOutcome, now_ms: float) -> Talk:
        """The call is still here: the model is told, and talks on."""
        if not self._transferring.asked:
            return
        yield from self._transferring.failed(outcome)
        yield from self._go_on(now_ms)


def _receipt(receipt: Receipt | None) -> Iterator[NoteReceipt]:
    if receipt:
        yield NoteReceipt(receipt)
