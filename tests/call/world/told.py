"""
What the call could know at each moment: a second opinion on its state, from nothing but what it was told and did.

A response is under way from the first event that belongs to it to its response.done. When the caller is heard, every
response under way is cut off, if the server interrupts; if not, those are that the gateway cancels. So is a response in
which a guardrail trips. Whatever still comes of them is not to be heard.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.agent import SpeechTripped
from gateway.call.commands import CloseModel, NoteEnded
from gateway.protocol.events import (
    AudioDelta,
    ErrorReceived,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
)
from gateway.protocol.inputs import CancelResponse, CreateResponse
from tests.call.world.shell import Entry


@dataclass(slots=True)
class Told:
    """The state of a call, as it follows from its events and commands."""

    opened: bool = False
    """Whether the session was confirmed."""
    interrupts: bool = False
    responds: bool = False
    caller_speaks: bool = False
    under_way: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    """Those of which the server has said that it cut them off."""
    asked: bool = False
    """Whether a response was asked for that neither began nor was refused."""
    let_go: bool = False
    """Whether the model was closed."""
    ended: bool = False

    def hear(self, entry: Entry) -> None:
        """Take note of what happened."""
        match entry.cause:
            case SessionUpdated(interrupts=interrupts, responds=responds):
                self.opened, self.interrupts, self.responds = True, interrupts, responds
            case SpeechStarted():
                self.caller_speaks = True
                if self.interrupts and not self.let_go:
                    self.cut_off |= self.under_way
            case SpeechStopped():
                self.caller_speaks = False
            case AudioDelta() | TranscriptDelta() if not self.opened:
                pass
            case ResponseCreated(response_id) | AudioDelta(response_id=response_id):
                self._begun(response_id)
            case FunctionCalled(response_id) | TranscriptDelta(response_id):
                self._begun(response_id)
            case ResponseDone(response_id, status):
                self._done(response_id)
                self.cancelled |= {response_id} if status == "cancelled" else set()
            case ErrorReceived(refused=CreateResponse()):
                self.asked = False
            case _:
                pass

    def see(self, entry: Entry) -> None:
        """Take note of what was done about it."""
        if isinstance(entry.cause, SpeechTripped) and entry.tripped:
            self.cut_off.add(entry.cause.response_id)
        for command in entry.commands:
            match command:
                case CreateResponse():
                    self.asked = True
                case CancelResponse(response_id):
                    self.cut_off.add(response_id)
                case CloseModel():
                    self.let_go = True
                case NoteEnded():
                    self.ended = True
                case _:
                    pass

    def free_for(self, entry: Entry) -> bool:
        """Whether nothing speaks against asking for a response, and the entry does not."""
        asks = any(isinstance(done, CreateResponse) for done in entry.commands)
        return self.opened and not (asks or self.asked or self.under_way or self.caller_speaks or self.let_go)

    def _begun(self, response_id: str) -> None:
        if response_id not in self.over:
            self.under_way.add(response_id)
            self.asked = False

    def _done(self, response_id: str) -> None:
        if response_id not in self.over and response_id not in self.under_way:
            self.asked = False
        self.under_way.discard(response_id)
        self.over.add(response_id)


def course(entries: list[Entry]) -> Iterator[tuple[Entry, Told]]:
    """Each entry but plain frames, with the state in which the call had to decide."""
    told = Told()
    for entry in entries:
        if entry.plain:
            continue
        told.hear(entry)
        yield entry, told
        told.see(entry)
