"""Speech that was stopped, and waits to be cut or to go on."""

from collections.abc import Iterator

from gateway.audio.g711 import BYTES_PER_MS
from gateway.call.reel import Reel
from gateway.playback import BargeIn
from gateway.playback.playout import ItemKey


class Stopped:
    """What was queued when the agent fell silent, and what the model has said since."""

    def __init__(self, reel: Reel, since_ms: float, position_byte: int, epoch: int) -> None:
        self.reel = reel
        self.since_ms = since_ms
        self.position_byte = position_byte
        """How far the caller has heard the reel, as far as it is known."""
        self.epoch = epoch
        self.barge_in: BargeIn | None = None
        self.until_ms: float | None = None
        """Until when it was played, counting from `since_ms` in what was played."""
        self.came: list[tuple[ItemKey, str]] = []
        """What the model has said since."""
        self.resumes = False

    def settled(self, barge_in: BargeIn) -> None:
        """It is known what the caller has heard."""
        self.until_ms = self.since_ms + (barge_in.position_byte - self.position_byte) / BYTES_PER_MS
        self.barge_in, self.position_byte = barge_in, barge_in.position_byte

    def rest(self) -> Iterator[tuple[ItemKey, str]]:
        """Everything that the caller has not heard."""
        yield from self.reel.after(self.position_byte)
        yield from self.came
