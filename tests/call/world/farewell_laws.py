"""The laws of the end that the agent makes: after its last words, never in the caller's face, and once."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.call.commands import ClearAudio, HangUp, NoteDismissed
from gateway.protocol.events import FunctionCalled, SpeechStarted
from gateway.protocol.inputs import SendToolOutput
from tests.call.world.accuracy import limit_ms
from tests.call.world.clears import NEVER_MS
from tests.call.world.shell import Entry
from tests.call.world.speech import HANG_UP
from tests.call.world.told import Told, course
from tests.call.world.world import Account

NOT_HUNG_UP = "not hung up"
"""What the agent is told when the caller spoke first; at times the only sign that it was the caller."""


@dataclass(slots=True)
class Wish:
    """The agent's wish to hang up, as far as it still stands."""

    since_ms: float = NEVER_MS
    doubted_ms: float = NEVER_MS
    """What it was before somebody spoke who may not have been the caller."""
    barge_ins: int = 0

    def learn(self, entry: Entry, told: Told) -> None:
        """The agent wants it; or the caller spoke first, which is plain where the caller cuts in or nobody speaks."""
        match entry.cause:
            case FunctionCalled(name=name) if name == HANG_UP and told.opened and not told.let_go:
                self.since_ms = min(self.since_ms, entry.at_ms)
            case SpeechStarted() if not any(isinstance(done, ClearAudio | NoteDismissed) for done in entry.commands):
                self.doubted_ms, self.since_ms = self.since_ms, NEVER_MS
            case SpeechStarted():
                self.doubted_ms = NEVER_MS
        if any(isinstance(done, NoteDismissed) for done in entry.commands):
            self.since_ms, self.doubted_ms = min(self.since_ms, self.doubted_ms), NEVER_MS
        if any(isinstance(done, SendToolOutput) and NOT_HUNG_UP in done.output for done in entry.commands):
            self.since_ms = NEVER_MS
        if entry.barge_ins > self.barge_ins:
            self.barge_ins, self.since_ms = entry.barge_ins, NEVER_MS


def the_agent_hangs_up_after_its_last_words(account: Account) -> Iterator[str]:
    """
    The provider is asked to end the call once at most, if the agent wants it and no caller has spoken since.

    And not before everything was heard, unless that takes longer than the line allows; then at once.
    """
    wish, goodbye, asked = Wish(), account.conditions.plan.goodbye, False
    wait_ms = goodbye.wait_ms if goodbye else 0.0
    for entry, told in course(account.entries):
        wish.learn(entry, told)
        if wish.since_ms + wait_ms + 1 < entry.at_ms and not told.let_go:
            yield f"{entry.at_ms:.1f} ms: nobody hangs up since {wish.since_ms:.1f} ms"
            return
        if HangUp() not in entry.commands:
            continue
        if asked or wish.since_ms == NEVER_MS:
            yield f"{entry.at_ms:.1f} ms: hung up, though nobody wants it"
        if entry.at_ms < wish.since_ms + wait_ms - 1 and (left_ms := _left_ms(account, entry.at_ms)) > limit_ms(
            account.conditions
        ):
            yield f"{entry.at_ms:.1f} ms: hung up with {left_ms:.1f} ms to be heard"
        asked = True


def _left_ms(account: Account, now_ms: float) -> float:
    """How long the phone still plays what it has, at some moment."""
    return max((chunk.ends_ms - now_ms for chunk in account.telephone.chunks if chunk.begins_ms <= now_ms), default=0.0)


FAREWELL_LAWS = (the_agent_hangs_up_after_its_last_words,)
