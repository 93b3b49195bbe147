"""
The agent's speech that came and may not have been heard.

Parts are kept in the order in which they came, which is the order in which they are played. An interruption takes
what is kept and forgets it before anything is sent, so that the next one cannot cut the same again. What is in front
of the part that is being played was heard whole; that part was heard as far as it was played, and never further than
it came; what is behind it was not heard at all. A part that came whole and was played whole is left alone: a
truncation, however late, costs its transcript.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.protocol.model.playback import RealtimePlaybackState

Part = tuple[str, int]
"""Item and content index."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A part, and how much of it was heard."""

    item_id: str
    content_index: int
    heard_ms: int


@dataclass(slots=True)
class _Came:
    response_id: str
    length_ms: float = 0.0
    whole: bool = False


class SpokenAudio:
    """What came and may not have been heard."""

    def __init__(self) -> None:
        self._parts: dict[Part, _Came] = {}

    def came(self, response_id: str, part: Part, length_ms: float) -> None:
        """Audio has come."""
        self._parts.setdefault(part, _Came(response_id)).length_ms += length_ms

    def done(self, part: Part) -> None:
        """No more comes of a part."""
        if part in self._parts:
            self._parts[part].whole = True

    def response_done(self, response_id: str) -> None:
        """No more comes of a response."""
        for came in self._of(response_id):
            came.whole = True

    def interrupt(self, state: RealtimePlaybackState, response_id: str | None = None) -> list[Cut]:
        """
        What was not heard whole, the part that was audible first; of one response, or of all. It is forgotten here.

        What is in front of it was heard, and is forgotten too.
        """
        audible = (state["current_item_id"], state["current_item_content_index"] or 0)
        at = next((index for index, part in enumerate(self._parts) if part == audible), 0)
        played_ms = state["elapsed_ms"] or 0.0
        unheard = [self._cut(part, played_ms if part == audible else 0.0) for part in [*self._parts][at:]]
        cuts = [cut for cut in unheard if cut and response_id in {None, self._response(cut)}]
        self._parts = {part: came for part, came in self._parts.items() if response_id not in {None, came.response_id}}
        return cuts

    def _cut(self, part: Part, played_ms: float) -> Cut | None:
        came = self._parts[part]
        if came.whole and played_ms >= came.length_ms:
            return None
        return Cut(*part, math.floor(min(played_ms, came.length_ms)))

    def _response(self, cut: Cut) -> str:
        return self._parts[cut.item_id, cut.content_index].response_id

    def _of(self, response_id: str) -> Iterable[_Came]:
        return (came for came in self._parts.values() if came.response_id == response_id)
