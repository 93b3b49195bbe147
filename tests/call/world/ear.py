"""The server's voice activity detection, on nothing but the frames that it is given."""

from base64 import b64decode
from typing import Literal

from tests.call.world import tape
from tests.call.world.conditions import ModelHabits
from tests.call.world.tape import Sound


class Ear:
    """Hears the caller begin and end a turn."""

    def __init__(self, habits: ModelHabits) -> None:
        self.heard: list[str] = []
        """Every piece of audio, in order."""
        self.now_ms = 0
        """How much was heard."""
        self.sounds_ms: dict[Sound, int] = {}
        """How much of each sound there was since the last turn."""
        self._habits = habits
        self._turn = False
        self._other_ms = 0
        """How long the contrary of what was last said has been true."""

    def hear(self, payload: str) -> Literal["started", "stopped"] | None:
        """One more piece; tells whether a turn began or ended with it."""
        self.heard.append(payload)
        lasts_ms, sound = len(b64decode(payload)) // 8, tape.sound_of(payload)
        self.now_ms += lasts_ms
        self.sounds_ms[sound] = self.sounds_ms.get(sound, 0) + lasts_ms
        self._other_ms = self._other_ms + lasts_ms if (sound != "hush") != self._turn else 0
        if self._other_ms < (self._habits.silence_ms if self._turn else self._habits.onset_ms):
            return None
        self._turn, self._other_ms = not self._turn, 0
        return "started" if self._turn else "stopped"

    def turn(self) -> dict[Sound, int]:
        """What a turn that has ended was made of; told once."""
        sounds_ms, self.sounds_ms = self.sounds_ms, {}
        return sounds_ms
