"""
What a server that plays to the caller itself has still to play, and what of it was heard.

A response is unheard from the moment at which it says something until the server tells that it has played all of it, or
that it has thrown away the rest. It plays one response after the other, so the start of the next is the end of the one
before. A server that never tells is not waited for without end.
"""

from dataclasses import dataclass

from gateway.protocol.events import ResponseStatus

PLAYED_WITHIN_MS = 90_000.0
"""From the end of a response to the end of its audio: more than a model says in one go."""


@dataclass(slots=True)
class _Playing:
    started: bool = False
    deadline_ms: float | None = None
    """Until when its end is waited for, once nothing more is added to it."""


class LineAudio:
    """The audio of one call, as far as the server tells of it."""

    def __init__(self) -> None:
        self._unheard: dict[str, _Playing] = {}
        self._over: set[str] = set()

    @property
    def quiet(self) -> bool:
        """Whether nothing is being played, nor about to be."""
        return not self._unheard

    def spoke(self, response_id: str) -> bool:
        """Whether a response has said anything."""
        return response_id in self._unheard or response_id in self._over

    def speaks(self, response_id: str) -> None:
        """A response says something."""
        if response_id not in self._over:
            self._unheard.setdefault(response_id, _Playing())

    def started(self, response_id: str) -> list[str]:
        """The server begins to play a response; answers with those that were played to their end before it."""
        self.speaks(response_id)
        before = [other for other, playing in self._unheard.items() if playing.started and other != response_id]
        for other in before:
            self.ended(other)
        if playing := self._unheard.get(response_id):
            playing.started = True
        return before

    def ended(self, response_id: str) -> None:
        """No more of a response will be heard."""
        self._unheard.pop(response_id, None)
        self._over.add(response_id)

    def cleared(self, response_id: str) -> list[str]:
        """The server has thrown away what it had; answers with all that will not be heard to its end."""
        cut = list({response_id: None, **self._unheard})
        for other in cut:
            self.ended(other)
        return cut

    def finished(self, response_id: str, status: ResponseStatus, now_ms: float) -> None:
        """The model adds no more to a response; one that was stopped before it was played never will be."""
        playing = self._unheard.get(response_id)
        if playing and (playing.started or status == "completed"):
            playing.deadline_ms = now_ms + PLAYED_WITHIN_MS
        elif playing:
            self.ended(response_id)

    def next_deadline_ms(self) -> float | None:
        """When a server has had long enough."""
        deadlines_ms = (playing.deadline_ms for playing in self._unheard.values())
        return min((deadline_ms for deadline_ms in deadlines_ms if deadline_ms is not None), default=None)

    def overdue(self, now_ms: float) -> list[str]:
        """Responses of whose end the server has not told in time; they are over now."""
        late = [
            response_id
            for response_id, playing in self._unheard.items()
            if playing.deadline_ms is not None and now_ms >= playing.deadline_ms
        ]
        for response_id in late:
            self.ended(response_id)
        return late

    def forget(self) -> None:
        """What is played now, nobody knows."""
        for response_id in list(self._unheard):
            self.ended(response_id)
