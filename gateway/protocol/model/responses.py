"""
Which responses are under way, and when one may be asked for.

One response of the conversation runs at a time: another is asked for when none is under way and the caller does not
speak; asked for many times, it is asked for once. A response apart from the conversation (`conversation: none`)
hinders no other. Not every server tells which one is apart, so one has to have been asked for.
"""

from typing import Any

from gateway.protocol.arbiter import ResponseArbiter
from gateway.protocol.inputs import CreateResponse
from gateway.protocol.model.reader import Response

Json = dict[str, Any]


class Responses:
    """Follows responses from their creation to their end."""

    def __init__(self) -> None:
        self._arbiter = ResponseArbiter()
        self._asked_apart = 0
        self._apart: set[str] = set()
        self._running_apart: set[str] = set()

    def want(self) -> None:
        """The model is to answer."""
        self._arbiter.want(CreateResponse())

    def may_ask(self) -> bool:
        """Whether a response is wanted and may be asked for; it is taken to be asked for then."""
        return self._arbiter.next() is not None

    def asked_raw(self, message: Json) -> None:
        """A user asked for a response in words of its own."""
        asked = message.get("response")
        self._asked_apart += isinstance(asked, dict) and asked.get("conversation") == "none"

    def refused(self, *, as_active: bool) -> None:
        """What was asked for was refused: for good, or because another response is under way."""
        if as_active:
            self._arbiter.refused_as_active(CreateResponse())
        else:
            self._arbiter.refused()

    def created(self, response: Response) -> None:
        """A response has begun."""
        if response.conversation_id is None and self._asked_apart:
            self._asked_apart -= 1
            self._apart.add(response.id)
            self._running_apart.add(response.id)
        else:
            self._arbiter.response_seen(response.id)

    def seen(self, response_id: object) -> None:
        """Something came that belongs to a response, if it does."""
        if isinstance(response_id, str) and response_id and not self.is_apart(response_id):
            self._arbiter.response_seen(response_id)

    def done(self, response_id: str) -> None:
        """A response has ended."""
        self._running_apart.discard(response_id)
        if not self.is_apart(response_id):
            self._arbiter.response_done(response_id)

    def is_apart(self, response_id: object) -> bool:
        """Whether something belongs to a response apart from the conversation."""
        return isinstance(response_id, str) and response_id in self._apart

    def under_way(self, response_id: str | None) -> frozenset[str]:
        """The responses of the conversation that are being generated, or a certain one if it is."""
        if response_id is None:
            return self._arbiter.active
        return frozenset({response_id}) & (self._arbiter.active | self._running_apart)

    def speech_started(self) -> None:
        """The caller speaks."""
        self._arbiter.speech_started()

    def speech_stopped(self, *, responds: bool) -> None:
        """The caller's turn ended; where the server answers it by itself, what was wanted is covered."""
        self._arbiter.speech_stopped(responds=responds)
