"""The server's voice activity detection, on nothing but the frames that it is given."""

from typing import Literal

from tests.call.world import tape
from tests.call.world.conditions import ModelHabits
from tests.call.world.telephone import FRAME_MS


class Ear:
    """Hears the caller begin and end a turn."""

    def __init__(self, habits: ModelHabits) -> None:
        self.heard: list[str] = []
        """Every frame, in order."""
        self._habits = habits
        self._turn = False
        self._other_ms = 0
        """How long the contrary of what was last said has been true."""

    @property
    def now_ms(self) -> int:
        """How much was heard."""
        return len(self.heard) * FRAME_MS

    def hear(self, payload: str) -> Literal["started", "stopped"] | None:
        """One more frame; tells whether a turn began or ended with it."""
        self.heard.append(payload)
        self._other_ms = self._other_ms + FRAME_MS if tape.talks(payload) != self._turn else 0
        if self._other_ms < (self._habits.silence_ms if self._turn else self._habits.onset_ms):
            return None
        self._turn, self._other_ms = not self._turn, 0
        return "started" if self._turn else "stopped"
