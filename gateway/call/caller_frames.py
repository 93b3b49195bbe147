"""
The frames of the caller's audio, and what is missing between them.

A server's voice detection counts the audio that it is given, not the time: where frames are missing, a pause shrinks,
and a turn that is cut off in the middle of a word never ends. So what is missing is made up for with silence: as much
as the provider's stamps say was left out; and, when nothing comes any more while the caller speaks, as much as time
goes by, so that the turn can end. A gap longer than ten seconds is not made up for beyond that.
"""

from base64 import b64encode
from collections.abc import Iterator

from gateway.audio.g711 import BYTES_PER_MS, encoded_bytes
from gateway.providers.events import CallerAudio

FRAME_MS = 20.0
FRAME_CHARACTERS = 216
"""Of base64, in a frame of 20 ms."""
STALLED_AFTER_MS = 750.0
FILL_EVERY_MS = 200.0
LONGEST_FILL_MS = 10_000.0
_PIECE_MS = 1_000
NEVER_MS = float("-inf")


class CallerFrames:
    """Knows when the next frame is due, and what to put in the place of one that did not come."""

    def __init__(self, appended_ms: float = 0.0) -> None:
        """*appended_ms* is what the server was given of streams before this one."""
        self.arrived_ms = NEVER_MS
        """When the latest frame came, on our clock."""
        self._first_ms = 0.0
        self._due_ms = NEVER_MS
        self._filled_ms = 0.0
        self._before_ms = appended_ms

    def follows(self, frame: CallerAudio, now_ms: float) -> bool:
        """Whether this is a frame like any other, in its place; then it has been taken note of."""
        stamp_ms = frame.stamp_ms
        if stamp_ms is None or len(frame.payload) != FRAME_CHARACTERS or self._filled_ms:
            return False
        if not -FRAME_MS < stamp_ms - self._due_ms < FRAME_MS:
            return False
        self._due_ms = stamp_ms + FRAME_MS
        self.arrived_ms = now_ms
        return True

    def came(self, frame: CallerAudio, now_ms: float) -> float:
        """Take note of any frame; answers with the ms that are missing in front of it."""
        self.arrived_ms = now_ms
        filled_ms, self._filled_ms = self._filled_ms, 0.0
        if frame.stamp_ms is None:
            return 0.0
        if self._due_ms == NEVER_MS:
            self._first_ms = self._due_ms = frame.stamp_ms
        missing_ms = min(frame.stamp_ms - self._due_ms, LONGEST_FILL_MS) - filled_ms
        self._due_ms = frame.stamp_ms + encoded_bytes(frame.payload) / BYTES_PER_MS
        return missing_ms if missing_ms >= FRAME_MS else 0.0

    @property
    def appended_ms(self) -> float:
        """How much audio the server has been given, by the provider's stamps."""
        return self._before_ms + (self._due_ms - self._first_ms if self._due_ms > NEVER_MS else 0.0)

    def next_fill_ms(self) -> float | None:
        """When `fill` is due, if no frame comes until then; None before the first frame, and when enough was filled."""
        if self.arrived_ms == NEVER_MS or self._filled_ms >= LONGEST_FILL_MS:
            return None
        return self.arrived_ms + max(STALLED_AFTER_MS, self._filled_ms + FILL_EVERY_MS)

    def fill(self, now_ms: float) -> float:
        """How many ms of silence stand in, by now, for frames that have not come."""
        due_ms = self.next_fill_ms()
        if due_ms is None or now_ms < due_ms:
            return 0.0
        silent_ms = min(now_ms - self.arrived_ms, LONGEST_FILL_MS) - self._filled_ms
        self._filled_ms += silent_ms
        return silent_ms


def silence(length_ms: float) -> Iterator[str]:
    """
    Mu-law silence as base64, in pieces of a second at most.

    >>> list(silence(0.25)), len(list(silence(2_500)))
    (['//8='], 3)
    """
    left_ms = length_ms
    while left_ms > 0:
        piece_ms = min(left_ms, _PIECE_MS)
        yield b64encode(b"\xff" * round(piece_ms * BYTES_PER_MS)).decode()
        left_ms -= piece_ms
