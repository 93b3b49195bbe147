"""The caller's audio, until the server has confirmed that it takes mu-law for what it is."""

from collections import deque
from collections.abc import Iterator

from gateway.audio.g711 import encoded_bytes

HELD_BYTES = 80_000
"""Kept of it at most: the last 10 s."""


class HeldAudio:
    """Payloads in base64, in order."""

    def __init__(self) -> None:
        self._payloads: deque[str] = deque()
        self._held_bytes = 0

    def hold(self, payload: str) -> None:
        """Keep one more, at the cost of the oldest."""
        self._payloads.append(payload)
        self._held_bytes += encoded_bytes(payload)
        while self._held_bytes > HELD_BYTES:
            self._held_bytes -= encoded_bytes(self._payloads.popleft())

    def release(self) -> Iterator[str]:
        """Everything that was kept; it is kept no longer."""
        payloads, self._payloads, self._held_bytes = self._payloads, deque(), 0
        yield from payloads
