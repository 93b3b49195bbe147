"""
How far the agent's speech was played.

Whoever plays audio knows best, and tells a `RealtimePlaybackTracker`. Where nobody does, `RealTimePlayback` takes it
that audio is played at real time as it comes: a piece begins when it has come and the piece before it has ended.
"""

from collections import deque
from dataclasses import dataclass
from typing import TypedDict

from gateway.protocol.model.formats import PCM, bytes_per_ms, format_name


class RealtimePlaybackState(TypedDict):
    """What is being played."""

    current_item_id: str | None
    """None while nothing was played since the last interruption."""
    current_item_content_index: int | None
    elapsed_ms: float | None
    """How much of this item's audio was played."""


def nothing_played() -> RealtimePlaybackState:
    """Nothing was played since the last interruption."""
    return RealtimePlaybackState(current_item_id=None, current_item_content_index=None, elapsed_ms=None)


class RealtimePlaybackTracker:
    """
    For those who play audio themselves: told what was played, as it is played.

    Hand it over in the configuration of a model; from then on interruptions cut the agent's memory at what was played.
    """

    def __init__(self) -> None:
        self._format = PCM
        self._item: tuple[str, int] | None = None
        self._elapsed_ms = 0.0

    def on_play_bytes(self, item_id: str, item_content_index: int, bytes: bytes) -> None:  # noqa: A002 - its public name
        """*bytes* of audio were played."""
        self.on_play_ms(item_id, item_content_index, len(bytes) / bytes_per_ms(self._format))

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """So many ms of audio were played."""
        if self._item != (item_id, item_content_index):
            self._item, self._elapsed_ms = (item_id, item_content_index), 0.0
        self._elapsed_ms += ms

    def on_interrupted(self) -> None:
        """What was not played will not be."""
        self._item = None

    def set_audio_format(self, format: object) -> None:  # noqa: A002 - its public name
        """Audio is in this format, in any spelling; the model says so once the server has confirmed it."""
        self._format = format_name(format)

    def get_state(self) -> RealtimePlaybackState:
        """What is being played, and how far it has come."""
        if self._item is None:
            return nothing_played()
        item_id, content_index = self._item
        return RealtimePlaybackState(
            current_item_id=item_id, current_item_content_index=content_index, elapsed_ms=self._elapsed_ms
        )


@dataclass(frozen=True, slots=True)
class _Piece:
    item_id: str
    content_index: int
    offset_ms: float
    """Where in its part it begins."""
    begins_ms: float
    ends_ms: float


class RealTimePlayback:
    """Takes it that audio is played at real time as it comes."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()

    def on_audio(self, item_id: str, content_index: int, length_ms: float, *, now_ms: float) -> None:
        """A piece of audio has come."""
        last = self._pieces[-1] if self._pieces else None
        begins_ms = max(now_ms, last.ends_ms) if last else now_ms
        offset_ms = 0.0
        if last and (last.item_id, last.content_index) == (item_id, content_index):
            offset_ms = last.offset_ms + last.ends_ms - last.begins_ms
        self._forget_played(now_ms)
        self._pieces.append(_Piece(item_id, content_index, offset_ms, begins_ms, begins_ms + length_ms))

    def on_interrupted(self) -> None:
        """What was not played will not be."""
        self._pieces.clear()

    def get_state(self, *, now_ms: float) -> RealtimePlaybackState:
        """What is being played, and how far it has come."""
        self._forget_played(now_ms)
        if not self._pieces:
            return nothing_played()
        piece = self._pieces[0]
        played_ms = min(now_ms, piece.ends_ms) - piece.begins_ms
        return RealtimePlaybackState(
            current_item_id=piece.item_id,
            current_item_content_index=piece.content_index,
            elapsed_ms=piece.offset_ms + max(0.0, played_ms),
        )

    def _forget_played(self, now_ms: float) -> None:
        """Keep the piece that is being played, or the last one that was."""
        while len(self._pieces) > 1 and self._pieces[1].begins_ms <= now_ms:
            self._pieces.popleft()
