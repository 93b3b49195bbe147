"""The agent's speech: what came of it, how far it was played, and what is not to be played any more."""

from gateway.protocol.model.events import RealtimeModelAudioEvent
from gateway.protocol.model.formats import BYTES_PER_MS, bytes_per_ms
from gateway.protocol.model.playback import RealTimePlayback, RealtimePlaybackTracker
from gateway.protocol.model.spoken import Cut, SpokenAudio


class Speech:
    """Follows the playback by what a tracker says, or by the clock where there is none."""

    def __init__(self, tracker: RealtimePlaybackTracker | None) -> None:
        self.spoken = SpokenAudio()
        self._tracker = tracker
        self._clock = RealTimePlayback()
        self._bytes_per_ms = bytes_per_ms("")
        self._cut_items: set[str] = set()
        self._silenced: set[str] = set()

    def set_format(self, name: str) -> None:
        """Audio comes in this format from now on."""
        self._bytes_per_ms = bytes_per_ms(name)
        if self._tracker is not None and name in BYTES_PER_MS:
            self._tracker.set_audio_format(name)

    def came(self, audio: RealtimeModelAudioEvent, *, now_ms: float) -> bool:
        """Whether a piece that came is to be played; what was cut is not."""
        if audio.item_id in self._cut_items or audio.response_id in self._silenced:
            return False
        length_ms = len(audio.data) / self._bytes_per_ms
        self.spoken.came(audio.response_id, (audio.item_id, audio.content_index), length_ms)
        self._clock.on_audio(audio.item_id, audio.content_index, length_ms, now_ms=now_ms)
        return True

    def interrupt(self, response_id: str | None, *, now_ms: float) -> list[Cut]:
        """Take what was not heard, the part that was audible first; it is cut off here and now."""
        state = self._clock.get_state(now_ms=now_ms) if self._tracker is None else self._tracker.get_state()
        cuts = self.spoken.interrupt(state, response_id)
        self._cut_items.update(cut.item_id for cut in cuts)
        self._clock.on_interrupted()
        if self._tracker is not None:
            self._tracker.on_interrupted()
        return cuts

    def silence(self, response_id: str) -> None:
        """What still comes of a response is not to be played."""
        self._silenced.add(response_id)
