"""
What was sent to the provider since the last clear, kept as long as it may be needed again.

Positions count the bytes of the queue, as the ledger does. The unheard part can be sent once more, from any byte on;
the part that was just heard can be held against what comes from the caller.
"""

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.audio.g711 import BYTES_PER_MS, encoded_bytes
from gateway.playback.playout import ItemKey

HEARD_KEPT_BYTES = 2_000 * BYTES_PER_MS
"""Longer than any echo takes to come back, and as much as is compared."""


@dataclass(frozen=True, slots=True)
class _Piece:
    key: ItemKey
    start_byte: int
    end_byte: int
    payload: str


class Reel:
    """The audio of one queue."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._end_byte = 0

    def sent(self, key: ItemKey, payload: str) -> None:
        """*payload*, in base64, was put behind what is queued."""
        start_byte = self._end_byte
        self._end_byte += encoded_bytes(payload)
        self._pieces.append(_Piece(key, start_byte, self._end_byte, payload))

    def heard(self, position_byte: int) -> None:
        """The caller has heard so much of it."""
        while self._pieces and self._pieces[0].end_byte < position_byte - HEARD_KEPT_BYTES:
            self._pieces.popleft()

    def lately(self, position_byte: int, size_bytes: int) -> bytes:
        """The last *size_bytes* or less before a position, decoded."""
        start_byte = position_byte - size_bytes
        return b"".join(
            b64decode(piece.payload)[max(0, start_byte - piece.start_byte) : position_byte - piece.start_byte]
            for piece in self._pieces
            if piece.end_byte > start_byte and piece.start_byte < position_byte
        )

    def after(self, position_byte: int) -> Iterator[tuple[ItemKey, str]]:
        """Everything behind a position, each piece with the item that it belongs to."""
        for piece in self._pieces:
            if piece.start_byte >= position_byte:
                yield piece.key, piece.payload
            elif piece.end_byte > position_byte:
                rest = b64decode(piece.payload)[position_byte - piece.start_byte :]
                yield piece.key, b64encode(rest).decode()
