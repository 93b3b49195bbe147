"""
The laws of what reaches the model: the caller's frames and, in every gap, exactly as much silence as there was time.

How much is missing in front of a frame is told by the provider's stamps. When no frame comes while the caller speaks,
silence stands in for it as time goes by, and is not made up for a second time. Of one gap no more than 10 s are filled.
"""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call.commands import CloseModel
from gateway.protocol.events import SessionUpdated, SpeechStarted, SpeechStopped
from gateway.protocol.inputs import AppendAudio
from gateway.providers.events import CallerAudio
from tests.call.world.shell import Entry
from tests.call.world.telephone import FRAME_MS
from tests.call.world.world import Account

HELD_BYTES = 80_000
"""Caller audio that is kept while the session opens: 10 s."""
PIECE_BYTES = 8_000
"""Of what is held, silence is dropped by the second."""
LONGEST_GAP_MS = 10_000.0
STALLED_MS, FILL_EVERY_MS = 750.0, 200.0
EXACT_MS = 0.2
"""Silence is counted in whole samples."""
FRAME_BYTES = FRAME_MS * 8


@dataclass(slots=True)
class Gap:
    """The time since the latest frame."""

    due_ms: float | None = None
    """The stamp of the next frame, if none is missing."""
    arrived_ms: float | None = None
    filled_ms: float = 0.0
    """So much silence stands in for frames already."""

    def missing_ms(self, frame: CallerAudio) -> float:
        """How much silence belongs in front of a frame; then there is no gap."""
        missing_ms = min(self._missing_ms(frame), LONGEST_GAP_MS) - self.filled_ms
        self.filled_ms = 0.0
        if frame.stamp_ms is not None:
            self.due_ms = frame.stamp_ms + FRAME_MS
        return missing_ms if missing_ms >= FRAME_MS else 0.0

    def _missing_ms(self, frame: CallerAudio) -> float:
        return 0.0 if frame.stamp_ms is None or self.due_ms is None else frame.stamp_ms - self.due_ms

    def silent_ms(self, now_ms: float) -> float:
        """For how long nothing came, as far as that is to be filled."""
        return 0.0 if self.arrived_ms is None else min(now_ms - self.arrived_ms, LONGEST_GAP_MS)


@dataclass(slots=True)
class Line:
    """What is known of the caller's audio, and of the session that it is for."""

    gap: Gap = field(default_factory=Gap)
    held: bytearray = field(default_factory=bytearray)
    opened: bool = False
    closed: bool = False
    speaks: bool = False

    def learn(self, entry: Entry) -> None:
        """What changed with an entry, once its commands were seen."""
        match entry.cause:
            case SessionUpdated():
                self.opened = True
            case SpeechStarted():
                self.speaks = True
            case SpeechStopped():
                self.speaks = False
            case CallerAudio():
                self.gap.arrived_ms = entry.at_ms
        self.closed = self.closed or CloseModel() in entry.commands


def the_caller_is_passed_on_whole(account: Account) -> Iterator[str]:
    """Every frame goes to the model once and in order, and the gaps between them as silence of the same length."""
    line = Line()
    for entry in account.entries:
        appended = b"".join(b64decode(done.payload) for done in entry.commands if isinstance(done, AppendAudio))
        if not line.closed and (breach := _wrong(line, entry, appended)):
            yield f"{entry.at_ms:.1f} ms: {breach}"
        line.learn(entry)
    sent = [done.payload for entry in account.entries for done in entry.commands if isinstance(done, AppendAudio)]
    if account.server.heard != sent[: len(account.server.heard)]:
        yield "the model heard something else than it was sent"


def _wrong(line: Line, entry: Entry, appended: bytes) -> str:
    """What is wrong with what an entry appended, in words."""
    if isinstance(entry.cause, CallerAudio):
        return _wrong_frame(line, entry.cause, appended)
    if isinstance(entry.cause, SessionUpdated) and not line.opened and CloseModel() not in entry.commands:
        return _wrong_release(bytes(line.held), appended)
    if entry.cause == "tick" and line.opened and line.speaks:
        return _wrong_fill(line.gap, entry.at_ms, appended)
    return f"{len(appended)} bytes were made up" if appended else ""


def _wrong_frame(line: Line, frame: CallerAudio, appended: bytes) -> str:
    missing_ms, audio = line.gap.missing_ms(frame), b64decode(frame.payload)
    if not line.opened:
        line.held += b"\xff" * round(missing_ms * 8) + audio
        return "audio for a session that is not open" if appended else ""
    silence = appended[: -len(audio)]
    if not appended.endswith(audio) or silence.strip(b"\xff"):
        return "a frame was not passed on as it is"
    if abs(len(silence) / 8 - missing_ms) > EXACT_MS:
        return f"{len(silence) / 8:.1f} ms of silence for a gap of {missing_ms:.1f} ms"
    return ""


def _wrong_release(held: bytes, appended: bytes) -> str:
    least = min(len(held), HELD_BYTES - PIECE_BYTES - FRAME_BYTES)
    if least <= len(appended) <= HELD_BYTES and held.endswith(appended):
        return ""
    return f"of {len(held)} bytes held the last {len(appended)} were to be passed on"


def _wrong_fill(gap: Gap, now_ms: float, appended: bytes) -> str:
    """After 750 ms, and then every 200 ms, there is silence for all the time without frames."""
    silent_ms, added_ms = gap.silent_ms(now_ms), len(appended) / 8
    due = silent_ms > STALLED_MS - EXACT_MS and silent_ms - gap.filled_ms > FILL_EVERY_MS - EXACT_MS
    due_ms = silent_ms - gap.filled_ms if due or silent_ms == LONGEST_GAP_MS else 0.0
    gap.filled_ms += due_ms
    if abs(due_ms - added_ms) > EXACT_MS or appended.strip(b"\xff"):
        return f"{added_ms:.1f} ms of silence, where {due_ms:.1f} ms were missing"
    return ""


def the_caller_who_falls_silent_is_waited_for(account: Account) -> Iterator[str]:
    """In mid-speech no more than 750 ms, and then 200 ms, go by without a frame or silence, up to 10 s."""
    line, filled_at_ms = Line(), 0.0
    for entry in account.entries:
        silent_ms = line.gap.silent_ms(entry.at_ms)
        waits = line.opened and line.speaks and not line.closed and FRAME_MS < silent_ms < LONGEST_GAP_MS
        if waits and silent_ms > STALLED_MS + 1 and entry.at_ms - filled_at_ms > FILL_EVERY_MS + 1:
            yield f"{entry.at_ms:.1f} ms: nothing was filled in since {filled_at_ms:.1f} ms"
        line.learn(entry)
        if any(isinstance(done, AppendAudio) for done in entry.commands) or not line.speaks:
            filled_at_ms = entry.at_ms


CALLER_LAWS = (the_caller_is_passed_on_whole, the_caller_who_falls_silent_is_waited_for)
