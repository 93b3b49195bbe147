"""
Words that the line gives the agent, where the server plays to the caller itself.

They are said one after the other, each in a response of its own, and the next only when the line is quiet: how a server
deals with two responses at once is its own affair. Words are heard when the server has played them to their end; then
there is a receipt, if they must be heard. Such words are said again when the caller has cut them, or the model has not
said them to their end. As long as some are left that must be heard, or cannot be cut, the gateway answers the caller in
place of the server, so that nothing comes between them.
"""

from collections import deque
from dataclasses import dataclass
from hashlib import sha256

from gateway.call.plan import BargeInMode, Segment
from gateway.call.segments import Receipt


@dataclass(slots=True)
class _Saying:
    segment: Segment
    response_id: str = ""
    completed: bool = False
    from_ms: float | None = None
    until_ms: float | None = None


class LineWords:
    """The words of one call that are still to be heard."""

    def __init__(self, segments: tuple[Segment, ...], *, began_ms: float) -> None:
        self._waiting = deque(segments)
        self._began_ms = began_ms
        self._saying: _Saying | None = None

    @property
    def left(self) -> bool:
        """Whether there are any."""
        return bool(self._saying or self._waiting)

    @property
    def held(self) -> bool:
        """Whether some of them must be heard, or cannot be cut."""
        left = (*([self._saying.segment] if self._saying else ()), *self._waiting)
        return any(segment.must_hear or segment.barge_in == "off" for segment in left)

    @property
    def mode(self) -> BargeInMode:
        """What the caller's speech does to those that are said now, or next."""
        if self._saying:
            return self._saying.segment.barge_in
        return self._waiting[0].barge_in if self._waiting else "immediate"

    def next(self) -> Segment | None:
        """What is to be said now; nothing while something is being said."""
        if self._saying or not self._waiting:
            return None
        self._saying = _Saying(self._waiting.popleft())
        return self._saying.segment

    def answered(self) -> None:
        """The server answers the caller: what need not be heard need not be said any more."""
        self._waiting = deque(segment for segment in self._waiting if segment.must_hear)

    def seen(self, response_id: str, segment_id: str) -> None:
        """A response says a segment."""
        if self._saying and self._saying.segment.id == segment_id and not self._saying.response_id:
            self._saying.response_id = response_id

    def owns(self, response_id: str) -> bool:
        """Whether a response says what the line gives."""
        return bool(self._saying and response_id and self._saying.response_id == response_id)

    def started(self, response_id: str, now_ms: float) -> None:
        """The caller begins to hear a response."""
        if self._saying and self.owns(response_id):
            self._saying.from_ms = now_ms

    def completed(self, response_id: str) -> Receipt | None:
        """The model has said all of a response."""
        if self._saying and self.owns(response_id):
            self._saying.completed = True
        return self._concluded()

    def played(self, response_id: str, now_ms: float) -> Receipt | None:
        """The caller has heard all that there is of a response."""
        if self._saying and self.owns(response_id):
            self._saying.until_ms = now_ms
        return self._concluded()

    def cut(self, response_id: str) -> None:
        """A response is not heard to its end; what must be heard is said again."""
        if self.owns(response_id):
            self.broken_off()

    def failed(self, response_id: str) -> None:
        """A response came to nothing; what it was to say is said again."""
        if self.owns(response_id):
            self.put_back()

    def given_up(self, response_id: str) -> None:
        """Nobody tells whether a response was heard: there is no receipt, and the conversation goes on."""
        if self.owns(response_id):
            self._saying = None

    def put_back(self) -> None:
        """What is being said comes to nothing, and is said again."""
        saying, self._saying = self._saying, None
        if saying:
            self._waiting.appendleft(saying.segment)

    def broken_off(self) -> None:
        """Nobody knows what became of what is being said; what must be heard is said again."""
        if self._saying and not self._saying.segment.must_hear:
            self._saying = None
        self.put_back()

    def _concluded(self) -> Receipt | None:
        """What was said and played to its end is heard."""
        saying = self._saying
        if saying is None or not saying.completed or saying.until_ms is None:
            return None
        self._saying = None
        return self._receipt(saying, saying.until_ms) if saying.segment.must_hear else None

    def _receipt(self, saying: _Saying, heard_ms: float) -> Receipt:
        from_ms = round((heard_ms if saying.from_ms is None else saying.from_ms) - self._began_ms)
        until_ms = round(heard_ms - self._began_ms)
        return Receipt(saying.segment.id, sha256(saying.segment.text.encode()).hexdigest(), from_ms, until_ms, until_ms)
