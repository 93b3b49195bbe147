"""
Everything that a call can ask its shell to do.

What is made for every frame is a struct, here and among the events: as frozen as a dataclass, and made five times as
fast.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.agent import ChangeAgent, CheckSpeech, HandOver, RunTool
from gateway.call.confirmation import Verdict
from gateway.call.plan import Transfer
from gateway.call.segments import Receipt
from gateway.playback import BargeIn
from gateway.protocol.inputs import Input

Result = Literal["success", "fallback", "rejected", "failed"]
AcceptOutcome = Literal["accepted", "caller_left", "failed"]
TransferOutcome = Literal["transferred", "refused", "busy", "no_answer", "failed", "not_through", "caller_left"]
Limit = Literal["duration", "no_input", "cost"]


class PlayAudio(msgspec.Struct, frozen=True, gc=False):
    """Hand audio to the provider."""

    payload: str
    """PCMU as base64."""


class SendMark(msgspec.Struct, frozen=True, gc=False):
    """Have the provider echo *name* when everything before it was played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Have the provider throw away what it has not played."""


@dataclass(frozen=True, slots=True)
class CloseModel:
    """Let go of the realtime session."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close the provider's socket, so that the call goes on with what the webhook answered behind the stream."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Have the provider end the call, and not go on with what the webhook answered."""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Have the call passed on; the stream ends when it is."""

    transfer: Transfer


@dataclass(frozen=True, slots=True)
class NoteRoundTrip:
    """A mark came back; this long after the send clock saw the audio before it end."""

    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class NoteBargeIn:
    """The caller cut in, and it is known what was heard."""

    barge_in: BargeIn


@dataclass(frozen=True, slots=True)
class NoteInterrupted:
    """The caller cut in, and the server, which plays to the caller itself, knows what was heard."""


@dataclass(frozen=True, slots=True)
class NoteFlushedMarks:
    """Marks came back because a clear threw away what was before them."""

    count: int


@dataclass(frozen=True, slots=True)
class NoteCleared:
    """A clear was sent, so long after the caller's speech began: in audio that the server was given since."""

    after_speech_ms: float


@dataclass(frozen=True, slots=True)
class NoteDismissed:
    """What sounded like a barge-in was none, and why."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NoteResumed:
    """The agent speaks on where it was stopped for nothing."""

    silent_ms: float
    """How long it was stopped."""


@dataclass(frozen=True, slots=True)
class NoteLateDelta:
    """Audio of a response that the caller has cut off was dropped."""


@dataclass(frozen=True, slots=True)
class NoteDeadAir:
    """The caller had to wait for the agent, and heard nothing."""

    length_ms: float


@dataclass(frozen=True, slots=True)
class NoteReceipt:
    """The caller has heard words that must be heard."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class NoteGuardrailTripped:
    """What the agent said, or was about to, must not be said, and was cut."""

    guardrail: str
    item_id: str


@dataclass(frozen=True, slots=True)
class NoteAccept:
    """What became of a call that rang, and was to be accepted."""

    outcome: AcceptOutcome


@dataclass(frozen=True, slots=True)
class NoteTransfer:
    """What became of a call that was to be passed on."""

    outcome: TransferOutcome


@dataclass(frozen=True, slots=True)
class NoteLimited:
    """The call has come to a limit, and ends."""

    limit: Limit


@dataclass(frozen=True, slots=True)
class NoteTruncateRefused:
    """The server would not cut an item; its memory of it is longer than what was heard."""

    item_id: str
    code: str


@dataclass(frozen=True, slots=True)
class NoteEnded:
    """The call is over."""

    result: Result
    reason: str


Note = (
    NoteRoundTrip
    | NoteFlushedMarks
    | NoteCleared
    | NoteDismissed
    | NoteResumed
    | NoteLateDelta
    | NoteDeadAir
    | NoteReceipt
    | NoteBargeIn
    | NoteInterrupted
    | NoteGuardrailTripped
    | NoteAccept
    | NoteTransfer
    | NoteLimited
    | NoteTruncateRefused
    | NoteEnded
)
"""Facts for metrics, logs and records; they ask for nothing."""

Errand = RunTool | HandOver | CheckSpeech | ChangeAgent
"""What an agent's hands have to do or to know; what comes of it is an event."""

Command = Input | Errand | PlayAudio | SendMark | ClearAudio | TransferCall | HangUp | CloseModel | CloseStream | Note
