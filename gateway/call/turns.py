"""
Whose turn it is, on lines where the gateway decides that.

The server's voice detection tells when somebody speaks; what follows depends on what the caller is listening to, and on
the line. `immediate` cuts, unless it is our own voice coming back; what is like it, and not only that, is listened to
for another moment while the agent speaks on. `off` lets the agent finish, and then has it answer.
`confirmed` stops the agent, and asks who it was (`confirmation`): the caller, and the agent is cut; or a cough, an
uh-huh, an echo, and the agent goes on.

Whatever was dismissed is looked at again until it ends, since nothing is told of a caller who begins to speak in the
middle of it. And its words count even when they come late: "No." is as short as a cough.
"""

from base64 import b64decode
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.audio.echo import LEAST_ECHO, NO_LIKENESS, Likeness, likeness
from gateway.audio.g711 import BYTES_PER_MS
from gateway.call.backchannel import is_backchannel
from gateway.call.commands import Command, NoteDismissed
from gateway.call.confirmation import Confirmation, Verdict
from gateway.call.plan import BargeInMode, CallPlan
from gateway.call.segments import Recitals
from gateway.call.speech import Speech
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.events import SessionUpdated
from gateway.protocol.inputs import CancelResponse, CreateResponse
from gateway.providers.events import CallerAudio

HEARD_FRAMES = 30
"""Frames of the caller that are at hand: 600 ms."""
PLAYED_BYTES = 1_400 * BYTES_PER_MS
LOOKED_AGAIN_AFTER_MS = 400.0
DISMISSED_KEPT = 8


@dataclass(slots=True)
class _Turn:
    """Something that the server took for the caller's speech, from its start to its end."""

    item_id: str
    mode: BargeInMode
    dismissed: Verdict | None = None
    dismissed_ms: float = 0.0
    doubted: bool = False
    """Whether an echo has begun to sound like more than that."""
    accepted: bool = False
    """Whether it is the caller's."""
    ended: bool = False


class Turns:
    """Decides, of everything that sounds like the caller, whether the agent has to give way, and to answer."""

    listens = True
    responds = False
    """The server answers nothing by itself."""

    def __init__(self, plan: CallPlan, speech: Speech, recitals: Recitals, arbiter: ResponseArbiter) -> None:
        self._plan = plan
        self._speech = speech
        self._recitals = recitals
        self._arbiter = arbiter
        self._heard: deque[str] = deque(maxlen=HEARD_FRAMES)
        self._turn: _Turn | None = None
        self._question: Confirmation | None = None
        self._echo_ms: float | None = None
        self._spoke = False
        self._dismissed: OrderedDict[str, Verdict] = OrderedDict()

    def confirmed(self, session: SessionUpdated) -> None:
        """Whatever the session says of turns, they are taken here."""

    def caller_spoke(self) -> bool:
        """Whether something was the caller's; told once."""
        spoke, self._spoke = self._spoke, False
        return spoke

    @property
    def watching(self) -> bool:
        """Whether the caller's frames have to be looked at one by one."""
        return self._question is not None or (self._turn is not None and self._turn.dismissed is not None)

    @property
    def yielded(self) -> bool:
        """Whether the caller has the word, and is answered when they have spoken."""
        return self._turn is not None and self._turn.accepted

    def let_go(self) -> None:
        """The stream is gone: what is in question stays so, and whoever speaks is not answered."""
        self._turn = self._question = None
        self._heard.clear()

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called, at the latest."""
        return self._question.deadline_ms if self._question else None

    # What happens

    def hears(self, audio: CallerAudio) -> None:
        """A frame of the caller's audio, when nothing is in question."""
        self._heard.append(audio.payload)

    def frame(self, audio: CallerAudio, now_ms: float) -> Iterator[Command]:
        """A frame of the caller's audio."""
        self._heard.append(audio.payload)
        turn = self._turn
        if self._question is not None:
            self._question.frame(audio.payload, now_ms)
            self._correct(self._question, now_ms)
            yield from self._decide(now_ms)
        elif turn and turn.dismissed and not turn.ended and now_ms >= turn.dismissed_ms + LOOKED_AGAIN_AFTER_MS:
            self._ask(now_ms)

    def tick(self, now_ms: float) -> Iterator[Command]:
        """A deadline has come."""
        yield from self._decide(now_ms)

    def began(self, item_id: str, now_ms: float) -> Iterator[Command]:
        """The server hears speech."""
        if self._question is not None and not self._let_go_unanswered():
            return
        mode, over_agent = self._mode(), self._speech.ledger.interruptible or self._speech.stopped
        self._turn = turn = _Turn(item_id, mode)
        echo = self._likeness(now_ms) if self._plan.self_echo_guard else NO_LIKENESS
        if echo.echo_only:
            yield from self._dismiss(turn, "echo", now_ms)
        elif over_agent and mode == "confirmed":
            self._ask(now_ms)
            yield from self._speech.stop(now_ms=now_ms)
        elif over_agent and echo.score > LEAST_ECHO:
            self._ask(now_ms)
        else:
            yield from self._accept(turn, now_ms)

    def response_began(self, response_id: str, now_ms: float) -> Iterator[Command]:
        """A response that was asked for before the caller went on speaking is of no use any more."""
        turn = self._turn
        if turn and turn.accepted and turn.mode != "off" and response_id in self._arbiter.active:
            yield from self._cut(now_ms)

    def ended(self, item_id: str, now_ms: float) -> Iterator[Command]:
        """The server hears speech no more."""
        turn = self._turn
        if turn is None:
            return
        turn.ended = True
        if self._question is not None:
            self._question.speech_stopped(now_ms)
            yield from self._decide(now_ms)
        elif turn.accepted:
            yield from self._answer(now_ms)
        else:
            self._turn = None

    def transcribed(self, item_id: str, text: str, now_ms: float) -> Iterator[Command]:
        """What the caller said, in words; it may come long after the speech."""
        turn = self._turn
        if self._question is not None and turn is not None and turn.item_id == item_id:
            self._question.transcribed(text, now_ms)
            yield from self._decide(now_ms)
        elif self._dismissed.get(item_id) not in {None, "echo"} and not is_backchannel(text):
            yield from self._accept_late(item_id, now_ms)

    # What follows from it

    def _mode(self) -> BargeInMode:
        """What the caller's speech does to what the caller is listening to, or was until it was stopped."""
        if self._speech.stopped:
            return "confirmed"
        audible = self._speech.ledger.audible
        segment = self._recitals.of(self._speech.response_of(audible)) if audible else None
        return segment.barge_in if segment else self._plan.barge_in

    def _ask(self, now_ms: float) -> None:
        played = self._speech.played_lately(PLAYED_BYTES, now_ms=now_ms)
        self._question = Confirmation(self._heard, now_ms, played=played, echo_ms=self._echo_ms)

    def _correct(self, question: Confirmation, now_ms: float) -> None:
        """Audio goes on playing until the clear has arrived, which is known later; or all the time, without a clear."""
        played = self._speech.played_lately(PLAYED_BYTES, now_ms=now_ms)
        if not self._speech.stopped:
            question.played_on(played)
        elif self._speech.stopped_ms is not None:
            question.correct_played(played, self._speech.stopped_ms)

    def _likeness(self, now_ms: float) -> Likeness:
        """How much of what came from the caller is the agent's voice."""
        heard, played = b"".join(map(b64decode, self._heard)), self._speech.played_lately(PLAYED_BYTES, now_ms=now_ms)
        return self._learnt(likeness(heard, played, expected_ms=self._echo_ms))

    def _learnt(self, echo: Likeness) -> Likeness:
        """Remember how late the phone's echo is."""
        self._echo_ms = echo.delay_ms if echo.echo_only else self._echo_ms
        return echo

    def _decide(self, now_ms: float) -> Iterator[Command]:
        turn, question = self._turn, self._question
        verdict = question.verdict(now_ms) if question else None
        if turn is None or question is None or verdict is None:
            return
        self._question = None
        self._learnt(question.echo)
        if verdict == "caller" and turn.dismissed == "echo" and question.echo.score > LEAST_ECHO and not turn.doubted:
            turn.doubted = True
            self._ask(now_ms)
        elif verdict == "caller":
            yield from self._accept(turn, now_ms)
        else:
            yield from self._dismiss(turn, verdict, now_ms)

    def _dismiss(self, turn: _Turn, verdict: Verdict, now_ms: float) -> Iterator[Command]:
        """It was not the caller who wanted to speak: the agent goes on."""
        if turn.dismissed is None:
            yield NoteDismissed(verdict)
        turn.dismissed, turn.dismissed_ms, turn.doubted = verdict, now_ms, False
        self._remember(turn.item_id, verdict)
        if turn.ended:
            self._turn = None
        yield from self._speech.resume(now_ms=now_ms)

    def _let_go_unanswered(self) -> bool:
        """Who begins anew is asked about anew; whether what is in question is over, and only its words can count."""
        turn = self._turn
        if turn is None or not turn.ended:
            return False
        self._question = None
        self._remember(turn.item_id, turn.dismissed or "noise")
        return True

    def _remember(self, item_id: str, verdict: Verdict) -> None:
        self._dismissed[item_id] = verdict
        while len(self._dismissed) > DISMISSED_KEPT:
            self._dismissed.popitem(last=False)

    def _accept(self, turn: _Turn, now_ms: float) -> Iterator[Command]:
        """It is the caller: the agent gives way, unless it has to be heard out."""
        turn.accepted, turn.dismissed, self._spoke = True, None, True
        self._dismissed.pop(turn.item_id, None)
        if turn.mode != "off" or self._speech.stopped:
            yield from self._cut(now_ms)
        if turn.ended:
            yield from self._answer(now_ms)

    def _accept_late(self, item_id: str, now_ms: float) -> Iterator[Command]:
        """What was taken for a noise were words, and whatever is heard now belongs to them."""
        del self._dismissed[item_id]
        self._question = None
        yield from self._accept(self._turn or _Turn(item_id, self._mode(), ended=True), now_ms)

    def _cut(self, now_ms: float) -> Iterator[Command]:
        active = self._arbiter.active
        yield from self._speech.interrupt(active, now_ms=now_ms)
        for response_id in sorted(active):
            if not self._recitals.recital(response_id):
                yield CancelResponse(response_id)

    def _answer(self, now_ms: float) -> Iterator[Command]:
        """The caller has spoken, and is to be answered: first with what must be heard and was cut short."""
        self._turn = None
        for recital in self._recitals.to_repeat():
            yield from self._speech.repeat(recital, now_ms=now_ms)
        self._arbiter.want(CreateResponse())
        self._speech.awaited(now_ms)
