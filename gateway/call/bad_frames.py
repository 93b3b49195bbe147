"""How much nonsense a provider may send."""

from collections import deque

BAD_FRAMES_ALLOWED = 20
WINDOW_MS = 10_000.0


class BadFrames:
    """Counts malformed frames over the last ten seconds."""

    def __init__(self) -> None:
        self._at_ms: deque[float] = deque(maxlen=BAD_FRAMES_ALLOWED)

    def one_too_many(self, now_ms: float) -> bool:
        """
        Take note of one more; whether it is the one that ends the call.

        >>> frames = BadFrames()
        >>> [frames.one_too_many(now_ms) for now_ms in range(20)].index(True)
        19
        """
        self._at_ms.append(now_ms)
        return len(self._at_ms) == BAD_FRAMES_ALLOWED and now_ms - self._at_ms[0] <= WINDOW_MS
