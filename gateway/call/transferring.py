"""
How the agent passes a call on.

The model names one of the destinations that the line gives, and no other. What is said along with that is heard first,
be it in the agent's words or in the line's; and a caller who speaks before the end of it is listened to instead. Then
whoever has the call is asked to pass it on. Until it is known what came of that the model's wish stays unanswered: a
call that was passed on is over, and for one that was not the answer is the reason.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.call.commands import NoteTransfer, TransferOutcome
from gateway.call.last_words import LastWords
from gateway.call.plan import Segment, Transfer
from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse, SendToolOutput

TRANSFER = "transfer"
MOMENT = "transfer"
"""The segment that is said before a call is passed on."""
LAST_WORDS_WITHIN_MS = 10_000.0
PATIENCE_MS = 15_000.0
"""So much longer than it may ring a provider may take to say that nobody answers; then somebody has."""
DOUBT_MS = 2_000.0
WHY: Mapping[TransferOutcome, str] = {
    "refused": "it was refused",
    "busy": "the line is busy",
    "no_answer": "nobody answers",
    "failed": "the number cannot be reached",
    "not_through": "nobody took the call in time",
}


def transfer_tool(transfers: tuple[Transfer, ...]) -> Mapping[str, Any]:
    """The tool, as the realtime API describes it."""
    known = "; ".join(f"{transfer.id}: {transfer.when}" if transfer.when else transfer.id for transfer in transfers)
    return {
        "type": "function",
        "name": TRANSFER,
        "description": (
            "Pass the caller on to somebody else. Tell the caller first that you are doing so. If it succeeds the call "
            f"is over for you; if not, you are told why, and the caller is still there. Destinations: {known}"
        ),
        "parameters": {
            "type": "object",
            "properties": {"destination": {"type": "string", "enum": [transfer.id for transfer in transfers]}},
            "required": ["destination"],
        },
    }


class Transferring:
    """One call's transfer: not wanted, waiting for the last words, or asked for."""

    def __init__(
        self,
        transfers: tuple[Transfer, ...],
        arbiter: ResponseArbiter,
        words: Callable[[Segment], CreateResponse],
        *,
        within_ms: float | None = None,
    ) -> None:
        """
        *words* has the model say a segment.

        *within_ms* is how long it may take that a call is passed on; None leaves that to the destination.
        """
        self.asked = False
        """Whether it was asked for, and may still be done."""
        self._last_words = LastWords(arbiter)
        self._over_ms = 0.0
        self._transfers = {transfer.id: transfer for transfer in transfers}
        self._arbiter = arbiter
        self._words = words
        self._within_ms = within_ms
        self._call_id = ""
        self._transfer: Transfer | None = None

    @property
    def possible(self) -> bool:
        """Whether there is anybody to pass a call on to."""
        return bool(self._transfers)

    @property
    def deadline_ms(self) -> float | None:
        """Until when the last words, or the transfer, are waited for; None when nobody is to be passed on."""
        return self._over_ms if self.asked else self._last_words.deadline_ms

    @property
    def begun(self) -> bool:
        """Whether the last words are waited for."""
        return self._last_words.awaited

    def wanted(self, call_id: str, arguments: str, now_ms: float, *, ends: bool) -> Iterator[SendToolOutput]:
        """
        The model wants to pass the call on, by the function call *call_id*.

        Nobody is passed on in a call that *ends* anyway.
        """
        transfer = self._transfers.get(_destination(arguments))
        if ends or self.deadline_ms is not None:
            yield _told(call_id, error="the call is being ended" if ends else "the call is being transferred already")
        elif transfer is None:
            yield _told(call_id, error=f"there is no such destination; expected one of {', '.join(self._transfers)}")
        else:
            self._call_id, self._transfer = call_id, transfer
            words = self._words(Segment(MOMENT, transfer.say)) if transfer.say else None
            self._last_words.wait(now_ms + LAST_WORDS_WITHIN_MS, words)
            return
        self._arbiter.want(CreateResponse())

    def ordered(self, transfer: Transfer, now_ms: float) -> None:
        """It is the line that wants the call passed on, and the model is not told what becomes of it."""
        if self.deadline_ms is None:
            self._call_id, self._transfer = "", transfer
            words = self._words(Segment(MOMENT, transfer.say)) if transfer.say else None
            self._last_words.wait(now_ms + LAST_WORDS_WITHIN_MS, words)

    def chosen(self, destination: str, now_ms: float) -> None:
        """The caller has chosen where to be passed on to."""
        if transfer := self._transfers.get(destination):
            self.ordered(transfer, now_ms)

    def goes_first(self, call_id: str) -> Iterator[SendToolOutput]:
        """The model wants to hang up as well: there is no need to."""
        yield _told(call_id, status="the call is being transferred")

    def cancelled(self) -> Iterator[SendToolOutput]:
        """The caller has spoken first: the call goes on."""
        if self.begun:
            self._last_words.withdraw(MOMENT)
            if not self._call_id:
                return
            yield _told(self._call_id, error="the call was not transferred: the caller spoke first")

    def due(self, now_ms: float, *, all_heard: bool) -> Transfer | None:
        """Where to pass the call on to, when it is time."""
        if self._transfer is None or not self._last_words.heard(now_ms, all_heard=all_heard):
            return None
        self._last_words.over()
        within_ms = self._transfer.ring_ms + PATIENCE_MS if self._within_ms is None else self._within_ms
        self.asked, self._over_ms = True, now_ms + within_ms
        return self._transfer

    def doubtful(self, now_ms: float, *, stream_ended: bool) -> None:
        """Whoever was asked did not say clearly what became of it; if it was done, the stream ends soon."""
        if self.asked and not stream_ended:
            self._over_ms = now_ms + DOUBT_MS

    def overdue(self, now_ms: float) -> bool:
        """Whether nothing was heard of a transfer that was asked for, for as long as it may take."""
        return self.asked and now_ms >= self._over_ms

    def failed(self, outcome: TransferOutcome) -> Iterator[NoteTransfer | SendToolOutput]:
        """It came to nothing: the model is told why, and speaks, if it was the one who wanted it."""
        self.asked = False
        yield NoteTransfer(outcome)
        if not self._call_id:
            return
        error = f"the call was not transferred: {WHY[outcome]}; the caller is still on the line"
        yield _told(self._call_id, error=error)
        self._arbiter.want(CreateResponse())


def _destination(arguments: str) -> str:
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    return str(found.get("destination")) if isinstance(found, dict) else ""


def _told(call_id: str, **answer: str) -> SendToolOutput:
    return SendToolOutput(call_id, json.dumps(answer))
