"""
The line of a SIP call, on which the server itself plays the agent to the caller.

Responses are played one after the other, and so are their items, at real time from the first audio on, so the server
knows what the caller has heard. When the caller interrupts, or the client clears the line, what is left is thrown away
and the items are truncated to what was heard; nobody has to ask for it.
"""

from collections import deque

from gateway.sim.realtime.context import Context
from gateway.sim.realtime.items import Item
from gateway.sim.realtime.memory import Memory
from gateway.sim.realtime.responder import Responder
from gateway.sim.realtime.response import Response


class Playout:
    """Plays the responses of a call."""

    def __init__(self, context: Context, memory: Memory, responder: Responder) -> None:
        self._context = context
        self._memory = memory
        self._queue: deque[Response] = deque()
        """What is played, and what waits behind it."""
        self._begun_s = 0.0
        responder.sound_listeners.append(self._sound)
        responder.done_listeners.append(self._drain)
        responder.interrupt_listeners.append(self.clear)

    def clear(self) -> None:
        """Throw away what has not been played."""
        if not self._queue:
            return
        self._context.emit("output_audio_buffer.cleared", response_id=self._queue[0].id)
        heard_ms = self._heard_ms()
        for response in self._queue:
            for item in response.items.values():
                heard_ms -= self._truncate(item, heard_ms)
            heard_ms = 0
        self._queue.clear()

    def _sound(self, response: Response) -> None:
        self._queue.append(response)
        if len(self._queue) == 1:
            self._begin()

    def _begin(self) -> None:
        self._begun_s = self._context.now_s
        self._context.emit("output_audio_buffer.started", response_id=self._queue[0].id)
        self._drain(self._queue[0])

    def _drain(self, response: Response) -> None:
        """A response that is generated and is being played ends when all of it was."""
        if self._queue and self._queue[0] is response and not response.running:
            self._context.after(response.audio_ms - self._heard_ms(), lambda: self._stop(response))

    def _stop(self, response: Response) -> None:
        if not (self._queue and self._queue[0] is response):
            return
        self._queue.popleft()
        self._context.emit("output_audio_buffer.stopped", response_id=response.id)
        if self._queue:
            self._begin()

    def _heard_ms(self) -> int:
        return int((self._context.now_s - self._begun_s) * 1000)

    def _truncate(self, item: Item, heard_ms: int) -> int:
        """Cut *item* where the caller stopped listening; return how much of it was heard."""
        part = item.parts[0] if item.parts else None
        if part is None or not part.generated:
            return 0
        if heard_ms < part.audio_ms:
            place = {"item_id": item.id, "content_index": 0, "audio_end_ms": max(0, heard_ms)}
            self._memory.truncate(place)
        return min(max(0, heard_ms), part.generated_ms)
