"""
Limits of a call: how long it may last, what it may cost, and for how long its caller may say nothing.

Silence is counted from when the caller has heard the agent's last word, and anew from whatever the caller says; not
while a tool runs, since then it is the caller who waits. Prompts are said one after the other, each after the same
silence, and from the first again once the caller has said something. When none is left, or at another limit, the call
is ended (`farewell`); unless the line would rather have a caller who says nothing passed on.
"""

from gateway.call.caller_words import CallerWords
from gateway.call.commands import Limit
from gateway.call.errands import Errands
from gateway.call.farewell import Farewell
from gateway.call.plan import CallPlan, NoInput, Segment
from gateway.call.quiet import Quiet
from gateway.call.transferring import Transferring
from gateway.protocol.arbiter import ResponseArbiter

PROMPT = "no_input"
"""The segment in which a caller who says nothing is spoken to."""


class Limits:
    """The limits of one call."""

    def __init__(
        self,
        plan: CallPlan,
        quiet: Quiet,
        caller: CallerWords,
        arbiter: ResponseArbiter,
        errands: Errands,
        farewell: Farewell,
        transferring: Transferring,
        *,
        began_ms: float,
    ) -> None:
        self._plan = plan
        self._quiet = quiet
        self._caller = caller
        self._arbiter = arbiter
        self._errands = errands
        self._farewell = farewell
        self._transferring = transferring
        self._passed_on = False
        """Whether that was tried."""
        longest_ms = plan.limits.longest_ms
        self._ends_ms = None if longest_ms is None else began_ms + longest_ms
        self._spent_ms: float | None = None
        self._stepped_ms = began_ms
        """When the caller was prompted last, or the conversation began."""
        self._prompted = 0

    def begin(self, now_ms: float) -> None:
        """The conversation begins."""
        self._stepped_ms = now_ms

    def next_deadline_ms(self) -> float | None:
        """When `tick` must be called."""
        silent_ms = self._silence_due_ms(self._plan.limits.no_input)
        deadlines_ms = (self._ends_ms, self._spent_ms, silent_ms)
        return min((due_ms for due_ms in deadlines_ms if due_ms is not None), default=None)

    def tick(self, now_ms: float) -> None:
        """Time has passed."""
        if self._ends_ms is not None and now_ms >= self._ends_ms:
            self._ends_ms = None
            self._reached("duration", self._plan.limits.text, now_ms)
        if self._spent_ms is not None:
            self._spent_ms = None
            self._reached("cost", self._plan.limits.text, now_ms)
        wanted = self._plan.limits.no_input
        due_ms = self._silence_due_ms(wanted)
        if wanted is None or due_ms is None or now_ms < due_ms:
            return
        if self._quiet.lasted(wanted.after_ms, since_ms=self._since_ms, now_ms=now_ms):
            self._silent(wanted, now_ms)

    def spent(self, now_ms: float) -> None:
        """The call has cost as much as it may; something comes of it when time passes."""
        self._spent_ms = now_ms

    @property
    def _since_ms(self) -> float:
        return max(self._caller.said_ms, self._stepped_ms)

    def _silence_due_ms(self, wanted: NoInput | None) -> float | None:
        if wanted is None or self._farewell.begun or self._errands.busy or self._transferring.deadline_ms is not None:
            return None
        due_ms = self._quiet.due_ms(wanted.after_ms, since_ms=self._since_ms)
        return None if due_ms is None else max(due_ms, self._caller.open_until_ms)

    def _silent(self, wanted: NoInput, now_ms: float) -> None:
        """The caller has said nothing; a prompt that would not be heard above a noise without end counts as said."""
        if self._caller.said_ms > self._stepped_ms:
            self._prompted = 0
        self._stepped_ms = now_ms
        if self._prompted == len(wanted.prompts):
            self._silent_for_good(wanted, now_ms)
            return
        if not self._arbiter.caller_speaks:
            self._arbiter.want(self._errands.words(Segment(PROMPT, wanted.prompts[self._prompted])))
        self._prompted += 1

    def _silent_for_good(self, wanted: NoInput, now_ms: float) -> None:
        if wanted.then and not self._passed_on:
            self._passed_on = True
            self._transferring.ordered(wanted.then, now_ms)
            return
        goodbye = self._plan.goodbye
        self._reached("no_input", (goodbye.text if goodbye else None) or "", now_ms)

    def _reached(self, limit: Limit, text: str, now_ms: float) -> None:
        self._farewell.ordered(limit, text, heard_by_ms=self._quiet.heard_by_ms(now_ms))
