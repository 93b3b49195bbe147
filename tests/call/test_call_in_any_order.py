"""Whatever happens to a call, in whatever order, some things never happen."""

from collections import Counter
from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from gateway.audio.g711 import encoded_bytes
from gateway.call import Call, CallPlan, Command, Event
from gateway.call.commands import ClearAudio, CloseModel, CloseStream, NoteEnded, PlayAudio, SendMark
from gateway.call.events import (
    CallerLeft,
    FrameRejected,
    HangUpRequested,
    ModelClosed,
    StreamClosed,
    StreamResumed,
    TransferEnded,
    TransferRefused,
)
from gateway.call.plan import Transfer
from gateway.call.transferring import TRANSFER
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import AppendAudio, Input, TruncateItem
from gateway.protocol.session import PCMU
from gateway.providers.events import CallerAudio, DtmfPressed, FrameIgnored, MarkEchoed, StreamStarted, StreamStopped
from tests.call.phone import FRAME
from tests.call.script import PLAN, SESSION_CREATED, SESSION_UPDATED, opening, speech

ECHO_IS_DATED_MS = 60.0

RESPONSES = st.sampled_from(["resp_1", "resp_2", "resp_3"])
ITEMS = st.sampled_from(["item_1", "item_2", "item_3", "item_4"])
PARTS = st.integers(0, 1)
LENGTHS_MS = st.sampled_from([0, 1, 20, 60, 150, 400, 3_000])
CODES = st.sampled_from(["invalid_value", "insufficient_quota", "conversation_already_has_active_response", ""])
MESSAGES = st.sampled_from(
    ["No.", "Audio content of 5ms is already shorter than 7ms", "99999ms is already shorter than"]
)
ENDINGS = st.sampled_from(
    [StreamStopped(), StreamClosed(1006), HangUpRequested("gateway_stopped"), ModelClosed("model_lost")]
)
TRIFLES = st.sampled_from(
    [
        DtmfPressed("1"),
        EventIgnored("rate_limits.updated"),
        FrameIgnored("connected"),
        FrameRejected("model", "malformed"),
        FrameRejected("provider", "malformed"),
        ItemTruncated("item_1", 0, 20),
        MarkEchoed("e0.99"),
        MarkEchoed("hello"),
        SESSION_CREATED,
        StreamStarted("MZ1", "CA1", "AC1"),
    ]
)
TRANSFERS = st.sampled_from(
    [
        CallerLeft(),
        StreamResumed(),
        StreamStopped(),
        TransferEnded("busy"),
        TransferEnded("transferred"),
        TransferRefused(),
        TransferRefused(maybe_done=True),
    ]
)
DESK = Transfer("desk", "tel:+15550155")
SESSIONS = st.builds(SessionUpdated, st.sampled_from([PCMU, "audio/pcm"]), st.just(PCMU), st.booleans(), st.booleans())


class AnyCall(RuleBasedStateMachine):
    """A call to which anything happens; every command is held against what the two sides know."""

    @initialize(greeting=st.sampled_from([None, "Good morning."]), opened=st.booleans(), transfers=st.integers(0, 2))
    def begin(self, greeting: str | None, opened: bool, transfers: int) -> None:
        """The stream has started; most of what can go wrong needs an open session, or a transfer that was asked for."""
        self.now_ms = 0.0
        plan = CallPlan(PLAN.session, opening(greeting), transfers=(DESK,) if transfers else ())
        self.call = Call(plan, now_ms=0.0)
        self.done: list[Command] = []
        self.refusable: list[Input] = []
        self.unechoed: list[str] = []
        self.received_bytes: Counter[tuple[str, int]] = Counter()
        self.unfinished: set[tuple[str, int]] = set()
        self.parts_of: dict[str, set[tuple[str, int]]] = {}
        self.truncates: Counter[tuple[str, int]] = Counter()
        self.retries: Counter[tuple[str, int]] = Counter()
        self.queue_mark: str | None = None
        self.queued = False
        self.heard_by_ms = float("inf")
        self._check(self.call.start(now_ms=0.0))
        if opened:
            self._tell(SESSION_CREATED)
            self._tell(SESSION_UPDATED)
        if transfers > 1:
            self.model_passes_the_call_on("item_1", "resp_1")
            self.response_ends("resp_1", "completed", "")
            self.time_passes(12_000)

    # What happens

    @rule(length_ms=st.sampled_from([0, 1, 5, 20, 60, 500, 12_000]))
    def time_passes(self, length_ms: float) -> None:
        """Every alarm rings when it should."""
        until_ms = self.now_ms + length_ms
        while (deadline_ms := self.call.next_deadline_ms()) is not None and deadline_ms <= until_ms:
            self.now_ms = max(self.now_ms, deadline_ms)
            self._check(self.call.tick(now_ms=self.now_ms))
        self.now_ms = until_ms

    @rule(response=RESPONSES, item=ITEMS, part=PARTS, length_ms=LENGTHS_MS)
    def model_speaks(self, response: str, item: str, part: int, length_ms: int) -> None:
        """Audio for any item of any response, even one that has ended."""
        key = (item, part)
        self.received_bytes[key] += length_ms * 8
        self.parts_of.setdefault(response, set()).add(key)
        self._tell(AudioDelta(response, item, part, speech(length_ms)), speaking=key)

    @rule(response=RESPONSES, item=ITEMS, part=PARTS)
    def model_finishes_an_item(self, response: str, item: str, part: int) -> None:
        """Whether it had begun or not."""
        self.unfinished.discard((item, part))
        self._tell(AudioDone(response, item, part))

    @rule(response=RESPONSES)
    def response_begins(self, response: str) -> None:
        """Any of them, as often as it likes."""
        self._tell(ResponseCreated(response))

    @rule(response=RESPONSES, status=st.sampled_from(["completed", "cancelled", "incomplete", "failed"]), code=CODES)
    def response_ends(self, response: str, status: str, code: str) -> None:
        """Any of them, in any way."""
        self.unfinished -= self.parts_of.pop(response, set())
        self._tell(ResponseDone(response, status, error_code=code))  # type: ignore[arg-type]  # one of the known

    @rule()
    def caller_cuts_in(self) -> None:
        """The server's VAD hears the caller."""
        self._tell(SpeechStarted("caller_1", 0))

    @rule()
    def caller_stops(self) -> None:
        """The caller's turn ends."""
        self._tell(SpeechStopped("caller_1", 500))

    @rule(stamp_ms=st.none() | st.integers(-1_000, 100_000))
    def frame_comes(self, stamp_ms: int | None) -> None:
        """With any stamp, or none."""
        self._tell(CallerAudio(FRAME, stamp_ms))

    @precondition(lambda self: self.unechoed)
    @rule(data=st.data())
    def mark_is_echoed(self, data: st.DataObject) -> None:
        """Usually the next, sometimes any, and any of them twice."""
        name = self.unechoed[data.draw(st.integers(0, len(self.unechoed) - 1))]
        if name == self.queue_mark:
            self.heard_by_ms = min(self.heard_by_ms, self.now_ms + ECHO_IS_DATED_MS)
        self._tell(MarkEchoed(name))

    @rule(item=ITEMS, response=RESPONSES, name=st.text(max_size=3))
    def model_calls_a_function(self, item: str, response: str, name: str) -> None:
        """A function that the line does not have."""
        self._tell(FunctionCalled(response, item, "call_1", name, "{}"))

    @rule(item=ITEMS, response=RESPONSES)
    def model_passes_the_call_on(self, item: str, response: str) -> None:
        """Where the line lets it."""
        self._tell(FunctionCalled(response, item, "call_1", TRANSFER, '{"destination": "desk"}'))

    @rule(event=TRANSFERS)
    def something_comes_of_it(self, event: Event) -> None:
        """Whether it was asked for or not."""
        self._tell(event)

    @rule(session=SESSIONS)
    def session_is_updated(self, session: SessionUpdated) -> None:
        """To anything."""
        self._tell(session)

    @rule(code=CODES, message=MESSAGES, data=st.data())
    def server_refuses(self, code: str, message: str, data: st.DataObject) -> None:
        """Something that was sent, once, or nothing in particular."""
        index = data.draw(st.integers(-1, len(self.refusable) - 1))
        refused = None if index == -1 else self.refusable.pop(index)
        if isinstance(refused, TruncateItem):
            self.retries[refused.item_id, refused.content_index] = 1
        self._tell(ErrorReceived(code, message, refused))

    @rule(event=TRIFLES)
    def something_else_happens(self, event: Event) -> None:
        """Nothing of importance."""
        self._tell(event)

    @rule(event=ENDINGS)
    def a_side_goes_away(self, event: Event) -> None:
        """The call ends, or begins to."""
        self._tell(event)

    # What follows from it

    def _tell(self, event: Event, speaking: tuple[str, int] | None = None) -> None:
        self._check(self.call.handle(event, now_ms=self.now_ms), speaking)

    def _check(self, commands: Iterable[Command], speaking: tuple[str, int] | None = None) -> None:
        for command in commands:
            assert not any(isinstance(done, NoteEnded) for done in self.done), f"{command} after the end"
            self._check_one(command, speaking)
            self.done.append(command)
        if self.call.phase == "passed_on":
            self.queued, self.queue_mark, self.heard_by_ms = False, None, float("inf")
            self.unfinished.clear()

    def _check_one(self, command: Command, speaking: tuple[str, int] | None) -> None:
        away = self.call.phase == "passed_on"
        assert not (away and isinstance(command, PlayAudio | SendMark | ClearAudio)), f"{command} for nobody"
        match command:
            case PlayAudio(payload):
                self._check_audio(payload, speaking)
            case SendMark(name):
                self._check_mark(name)
            case ClearAudio():
                self._check_clear()
            case TruncateItem():
                self._check_truncate(command)
            case _:
                pass
        if isinstance(command, Input) and not isinstance(command, AppendAudio):
            self.refusable.append(command)
        assert not (isinstance(command, Input) and CloseModel() in self.done), f"{command} for a model that is gone"

    def _check_audio(self, payload: str, speaking: tuple[str, int] | None) -> None:
        assert speaking, "audio comes from the model, when it comes"
        assert encoded_bytes(payload) > 0
        self.unfinished.add(speaking)
        self.queued, self.queue_mark, self.heard_by_ms = True, None, float("inf")

    def _check_mark(self, name: str) -> None:
        assert name not in self.unechoed, "no mark is sent twice"
        self.unechoed.append(name)
        if self.queued and self.queue_mark is None:
            self.queue_mark = name

    def _check_clear(self) -> None:
        heard = self.now_ms >= self.heard_by_ms
        assert self.queued, "there is something to clear"
        assert not heard or self.unfinished, "of what is to be cleared, something was not heard yet"
        assert not any(isinstance(done, CloseStream) for done in self.done)
        self.queued, self.queue_mark, self.heard_by_ms = False, None, float("inf")
        self.unfinished.clear()

    def _check_truncate(self, cut: TruncateItem) -> None:
        key = (cut.item_id, cut.content_index)
        self.truncates[key] += 1
        assert self.truncates[key] <= 1 + self.retries[key], "an item is cut once"
        assert 0 <= cut.audio_end_ms <= self.received_bytes[key] // 8, "not cut behind its end"


AnyCall.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyCall = AnyCall.TestCase
