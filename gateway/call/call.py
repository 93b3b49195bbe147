"""
A call: the caller's audio to the model, the agent's speech to the caller, and the memory of both kept in step.

Theory of operation. A call is `opening` until the server has confirmed the session's format; the caller's audio
waits that long, since a server that has not heard of mu-law would take it for something else. Then it is
`talking`. When the model goes away it is `leaving`: what is queued is played out, briefly, and then the stream is
closed, so that the provider goes on with the fallback. It ends `over` when the provider's side is gone.

When the server's VAD hears the caller, everything queued is cleared at once, before anything else is done, and the
response that was running is cut off: whatever of it still arrives is dropped. What the model must forget is known
only when the ledger has settled what was heard; then, and once, it is told.

Commands come in the order in which they must be carried out.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from gateway.audio.g711 import encoded_bytes, sliced
from gateway.call.bad_frames import BadFrames
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    Command,
    NoteBargeIn,
    NoteEnded,
    NoteRoundTrip,
    NoteTruncateRefused,
    PlayAudio,
    Result,
    SendMark,
)
from gateway.call.events import Event, FrameRejected, HangUpRequested, ModelClosed, StreamClosed
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
from gateway.realtime.inputs import (
    AppendAudio,
    ConfigureSession,
    CreateResponse,
    SendToolOutput,
    TruncateItem,
)
from gateway.realtime.session import PCMU, SessionConfig

OPENING_LIMIT_MS = 10_000.0
"""From the start of the stream to a session that takes mu-law."""
HELD_FRAMES = 500
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

_SHORTER_THAN = re.compile(r"(\d+)ms is already shorter than")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What a line wants of a call."""

    session: SessionConfig
    greeting: str | None = None
    """Said first; None has the agent wait for the caller."""


class Call:
    """One phone call, from the start of its stream to its end."""

    def __init__(self, plan: CallPlan, *, now_ms: float) -> None:
        self.ledger = PlaybackLedger()
        self.phase: Phase = "opening"
        self.barge_ins = 0
        self._plan = plan
        self._deadline_ms: float | None = now_ms + OPENING_LIMIT_MS
        self._held: deque[str] = deque(maxlen=HELD_FRAMES)
        self._arbiter = ResponseArbiter()
        self._cut_off: set[str] = set()
        self._items_of: dict[str, dict[tuple[str, int], None]] = {}
        self._interrupts = True
        self._responds = True
        self._failures = 0
        self._bad_frames = BadFrames()
        self._truncates: set[TruncateItem] = set()
        self._why_leaving = ""

    # The inbox

    def start(self, *, now_ms: float) -> Iterator[Command]:
        """The stream is open; a first mark measures the way to the provider and back."""
        if mark := self.ledger.opening_mark(now_ms=now_ms):
            yield SendMark(mark)

    def handle(self, event: Event, *, now_ms: float) -> Iterator[Command]:
        """Decide what follows from *event*."""
        match event:
            case CallerAudio():
                yield from self._caller_audio(event, now_ms)
            case AudioDelta():
                yield from self._agent_audio(event, now_ms)
            case MarkEchoed(name):
                yield from self._mark_echoed(name, now_ms)
            case SpeechStarted():
                yield from self._caller_speaks(now_ms)
            case SpeechStopped():
                self._arbiter.speech_stopped(responds=self._responds)
            case AudioDone(response_id, item_id, content_index):
                yield from self._audio_done(response_id, item_id, content_index, now_ms)
            case ResponseCreated(response_id):
                self._arbiter.response_seen(response_id)
            case ResponseDone():
                yield from self._response_done(event, now_ms)
            case FunctionCalled(_, _, call_id, name):
                yield from self._no_such_tool(call_id, name)
            case ErrorReceived():
                yield from self._refused(event, now_ms)
            case SessionCreated():
                yield ConfigureSession(self._plan.session)
            case SessionUpdated():
                yield from self._session_updated(event, now_ms)
            case StreamStopped():
                yield from self._end("success", "caller_hung_up")
            case StreamClosed(code):
                yield from self._stream_closed(code)
            case ModelClosed(reason):
                yield from self._leave(reason, now_ms)
            case HangUpRequested(reason):
                yield from self._end("success", reason)
            case FrameRejected(side):
                if side == "provider" and self._bad_frames.one_too_many(now_ms):
                    yield from self._end("rejected", "malformed_frames", code=1008)
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
                pass
            case _:
                assert_never(event)

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, unless something happens before."""
        ledger_ms = self.ledger.next_deadline_ms()
        if self._deadline_ms is None or ledger_ms is None:
            return self._deadline_ms if ledger_ms is None else ledger_ms
        return min(self._deadline_ms, ledger_ms)

    def tick(self, *, now_ms: float) -> Iterator[Command]:
        """A deadline has come."""
        self.ledger.tick(now_ms)
        yield from self._settle(now_ms)
        if self._deadline_ms is not None and now_ms >= self._deadline_ms:
            self._deadline_ms = None
            yield from self._deadline_came(now_ms)

    def _deadline_came(self, now_ms: float) -> Iterator[Command]:
        if self.phase == "opening":
            yield from self._leave("model_no_session", now_ms)
        elif self.phase == "leaving":
            yield from self._end("fallback", self._why_leaving)

    # Inbound

    def _caller_audio(self, audio: CallerAudio, now_ms: float) -> Iterator[Command]:
        if self.phase == "talking":
            yield AppendAudio(audio.payload)
        elif self.phase == "opening":
            self._held.append(audio.payload)
        if audio.stamp_ms is not None:
            self.ledger.frame_received(audio.stamp_ms, now_ms=now_ms)
            yield from self._settle(now_ms)

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

    # Outbound

    def _agent_audio(self, delta: AudioDelta, now_ms: float) -> Iterator[Command]:
        key = (delta.item_id, delta.content_index)
        if delta.response_id in self._cut_off or self.phase != "talking":
            cut = self.ledger.dropped(*key, encoded_bytes(delta.payload))
            if cut and self.phase == "talking":
                yield from self._truncate(TruncateItem(cut.item_id, cut.content_index, cut.audio_end_ms))
            return
        self._arbiter.response_seen(delta.response_id)
        self._items_of.setdefault(delta.response_id, {})[key] = None
        if mark := self.ledger.opening_mark(now_ms=now_ms):
            yield SendMark(mark)
        for payload in sliced(delta.payload):
            yield PlayAudio(payload)
            if mark := self.ledger.sent(*key, encoded_bytes(payload), now_ms=now_ms):
                yield SendMark(mark)

    def _audio_done(self, response_id: str, item_id: str, content_index: int, now_ms: float) -> Iterator[Command]:
        mark = self.ledger.finished(item_id, content_index, now_ms=now_ms)
        if mark and response_id not in self._cut_off:
            yield SendMark(mark)

    def _mark_echoed(self, name: str, now_ms: float) -> Iterator[Command]:
        round_trip_ms = self.ledger.echoed(name, now_ms=now_ms)
        if round_trip_ms is not None:
            yield NoteRoundTrip(round_trip_ms)
        yield from self._settle(now_ms)
        if self.phase == "leaving" and not self.ledger.unheard:
            yield from self._end("fallback", self._why_leaving)

    # Barge-in

    def _caller_speaks(self, now_ms: float) -> Iterator[Command]:
        self._arbiter.speech_started()
        if not self._interrupts or self.phase != "talking":
            return
        self._cut_off |= self._arbiter.active
        if not self.ledger.interruptible:
            return
        if mark := self.ledger.closing_mark(now_ms=now_ms):
            yield SendMark(mark)
        yield ClearAudio()
        self.ledger.cleared(now_ms=now_ms)
        self.barge_ins += 1
        yield from self._settle(now_ms)

    def _settle(self, now_ms: float) -> Iterator[Command]:
        for barge_in in self.ledger.settle(now_ms):
            for cut in barge_in.cuts:
                yield from self._truncate(TruncateItem(cut.item_id, cut.content_index, cut.audio_end_ms))
            yield NoteBargeIn(barge_in)

    def _truncate(self, truncate: TruncateItem) -> Iterator[Command]:
        if self.phase == "talking":
            yield truncate

    # Responses

    def _ask(self) -> Iterator[Command]:
        if self.phase == "talking" and (response := self._arbiter.next()):
            yield response

    def _response_done(self, done: ResponseDone, now_ms: float) -> Iterator[Command]:
        self._arbiter.response_done(done.response_id)
        for key in self._items_of.pop(done.response_id, {}):
            if (mark := self.ledger.finished(*key, now_ms=now_ms)) and done.response_id not in self._cut_off:
                yield SendMark(mark)
        self._failures = self._failures + 1 if done.status == "failed" else 0
        if done.status == "failed":
            yield from self._response_failed(done.error_code, now_ms)
        yield from self._ask()

    def _response_failed(self, code: str, now_ms: float) -> Iterator[Command]:
        """A failed response is silence to the caller: ask again, or give up."""
        if code in FATAL_ERRORS or self._failures >= RESPONSE_TRIES:
            yield from self._leave(code or "response_failed", now_ms)
        else:
            self._arbiter.want(CreateResponse())

    def _no_such_tool(self, call_id: str, name: str) -> Iterator[Command]:
        yield SendToolOutput(call_id, f'{{"error": "there is no tool named {name[:64]} on this line"}}')
        self._arbiter.want(CreateResponse())
        yield from self._ask()

    def _refused(self, error: ErrorReceived, now_ms: float) -> Iterator[Command]:
        match error.refused:
            case CreateResponse() if error.code == "conversation_already_has_active_response":
                self._arbiter.refused_as_active()
            case CreateResponse():
                self._arbiter.refused()
            case TruncateItem():
                yield from self._truncate_refused(error.refused, error)
            case ConfigureSession():
                yield from self._leave("model_refused_session", now_ms)
            case _ if error.code in FATAL_ERRORS:
                yield from self._leave(error.code, now_ms)

    def _truncate_refused(self, truncate: TruncateItem, error: ErrorReceived) -> Iterator[Command]:
        """The server's own count of an item can be shorter than what it sent; then it names its count."""
        shorter = _SHORTER_THAN.search(error.message)
        if shorter and truncate not in self._truncates:
            again = TruncateItem(truncate.item_id, truncate.content_index, int(shorter.group(1)))
            self._truncates.add(again)
            yield from self._truncate(again)
        else:
            yield NoteTruncateRefused(truncate.item_id, error.code)

    # The end

    def _stream_closed(self, code: int) -> Iterator[Command]:
        if self.phase == "leaving":
            yield from self._end("fallback", self._why_leaving)
        else:
            yield from self._end("success", f"provider_closed_{code}")

    def _leave(self, reason: str, now_ms: float) -> Iterator[Command]:
        """The model is of no more use: let what is queued be heard, then make way for the fallback."""
        if self.phase in {"leaving", "over"}:
            return
        self.phase, self._why_leaving = "leaving", reason
        self._held.clear()
        yield CloseModel()
        if self.ledger.unheard:
            self._deadline_ms = now_ms + PLAY_OUT_LIMIT_MS
        else:
            yield from self._end("fallback", reason)

    def _end(self, result: Result, reason: str, *, code: int = 1000) -> Iterator[Command]:
        if self.phase == "over":
            return
        self.phase, self._deadline_ms = "over", None
        yield CloseModel()
        yield CloseStream(code, reason)
        yield NoteEnded(result, reason)
