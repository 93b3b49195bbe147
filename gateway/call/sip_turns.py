"""
Whose turn it is, where a service plays to the caller and hears them.

It is the service's affair: it stops when the caller speaks, and answers when the caller has spoken, as far as its
session says so. While words are left that must be heard or cannot be cut it is told not to answer, and for words that
cannot be cut not to stop either; on a line where nothing can be cut that holds for the whole call. Then the gateway
owes the caller an answer, and asks for it when nothing is left to be said and the line is quiet.
"""

from collections.abc import Callable, Mapping

from gateway.call.line_audio import LineAudio
from gateway.call.line_words import LineWords
from gateway.call.plan import CallPlan, Segment
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse


class SipTurns:
    """The turns of one call."""

    def __init__(
        self,
        plan: CallPlan,
        arbiter: ResponseArbiter,
        audio: LineAudio,
        words: LineWords,
        having_said: Callable[[Segment], CreateResponse],
    ) -> None:
        """*having_said* has the model say a segment."""
        self.responds = False
        """Whether the service answers by itself, as it has said last."""
        self._plan = plan
        self._arbiter = arbiter
        self._audio = audio
        self._words = words
        self._having_said = having_said
        self._answer_owed = False
        self._awaited_ms: float | None = None
        self.detection = self._wanted()
        """What the service is told of turns."""

    def _wanted(self) -> Mapping[str, object]:
        turns = self._plan.session.turn_detection
        if not self._words.held:
            return turns
        return {**turns, "create_response": False, "interrupt_response": self._words.mode != "off"}

    def changed(self) -> bool:
        """Whether the service is to be told something else; not in the middle of speech, of which it would forget."""
        wanted = self._wanted()
        if wanted == self.detection or self._arbiter.caller_speaks:
            return False
        self.detection = wanted
        return True

    def caller_speaks(self) -> None:
        """The caller's turn begins."""
        self._arbiter.speech_started()
        self._awaited_ms = None

    def caller_spoke(self, now_ms: float) -> None:
        """The caller's turn has ended."""
        self._arbiter.speech_stopped(responds=self.responds)
        if self.responds:
            self._words.answered()
        else:
            self._answer_owed = self._answers
        if self.responds or self._answer_owed:
            self._awaited_ms = now_ms

    @property
    def _answers(self) -> bool:
        """Whether the gateway answers where the service does not."""
        return self._plan.barge_in == "off" or self._plan.session.turn_detection.get("create_response") is not False

    def want(self) -> None:
        """When the line is quiet: what the line gives, and then what the caller is owed."""
        if not (self._audio.quiet and self._arbiter.idle) or self._arbiter.caller_speaks:
            return
        if segment := self._words.next():
            self._arbiter.want(self._having_said(segment))
        elif self._answer_owed and not self._words.left:
            self._answer_owed = False
            self._arbiter.want(CreateResponse())

    def began(self, now_ms: float) -> None:
        """The call is open: if something is to be said, the caller waits for it."""
        if self._words.left:
            self._awaited_ms = now_ms

    def waited_ms(self, now_ms: float) -> float | None:
        """For how long the caller has waited who hears something now; told once."""
        since_ms, self._awaited_ms = self._awaited_ms, None
        return None if since_ms is None else now_ms - since_ms
