"""
Decides when a response may be asked for.

A conversation takes one response at a time, and the server starts responses of its own whenever the caller's turn
ends. So a response that the gateway wants waits while another runs, while one that was asked for has not begun, and
while the caller speaks. When the server answers the caller's turn, what was wanted is covered, unless it is to last:
tool outputs and all else are part of the conversation that it answers from. A refusal because of a response that the
gateway has not seen puts the wish back in line until a response has ended.
"""

from collections import deque

from gateway.protocol.inputs import CreateResponse


class ResponseArbiter:
    """Holds wishes for a response until one may go out."""

    def __init__(self) -> None:
        self._wanted: deque[CreateResponse] = deque()
        self._asked: CreateResponse | None = None
        self._active: dict[str, CreateResponse] = {}
        self._done: set[str] = set()
        self._blocked = False
        self._caller_speaks = False

    @property
    def active(self) -> frozenset[str]:
        """Responses that are under way."""
        return frozenset(self._active)

    @property
    def caller_speaks(self) -> bool:
        """Whether the server hears speech."""
        return self._caller_speaks

    @property
    def idle(self) -> bool:
        """Whether no response is under way, asked for or wanted."""
        return not (self._active or self._asked or self._wanted)

    def segment(self, response_id: str) -> str:
        """Which words of the line a response that is under way speaks, if any."""
        response = self._active.get(response_id)
        return response.segment if response else ""

    def withdraw(self, segment: str) -> None:
        """Words of the line need not be spoken any more."""
        self._wanted = deque(response for response in self._wanted if response.segment != segment)

    def want(self, response: CreateResponse) -> None:
        """A response is wanted; the same wish twice is one."""
        if response not in self._wanted:
            self._wanted.append(response)

    def next(self) -> CreateResponse | None:
        """The response to ask for now, if any."""
        if not self._wanted or self._active or self._asked or self._blocked or self._caller_speaks:
            return None
        self._asked = self._wanted.popleft()
        return self._asked

    def speech_started(self) -> None:
        """The caller speaks."""
        self._caller_speaks = True

    def speech_stopped(self, *, responds: bool) -> None:
        """The caller's turn ended; *responds* tells whether the server answers it by itself."""
        self._caller_speaks = False
        if responds:
            self._wanted = deque(response for response in self._wanted if response.lasts)

    def response_seen(self, response_id: str) -> None:
        """A response is under way, by its creation or by anything that belongs to it."""
        if response_id in self._done:
            return
        if response_id not in self._active:
            self._active[response_id] = self._asked or CreateResponse()
        self._asked = None

    def response_done(self, response_id: str, *, failed: bool = False) -> None:
        """A response has ended; one that *failed* is wanted again, in the words in which it was asked for."""
        response = self._active.pop(response_id, None) or self._asked or CreateResponse()
        self._done.add(response_id)
        self._blocked = False
        self._asked = None
        if failed:
            self.want(response)

    def refused_as_active(self, response: CreateResponse) -> None:
        """What was asked for was refused since a response runs; it waits for the end of one."""
        self._blocked = True
        if response not in self._wanted:
            self._wanted.appendleft(response)
        self._asked = None

    def refused(self) -> None:
        """What was asked for was refused for good."""
        self._asked = None
