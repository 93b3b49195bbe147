"""
The line of a SIP call, on which the server itself plays the agent to the caller.

Items are played one after the other at real time from the first audio on, so the server knows what the
caller has heard. When the caller interrupts, or the client clears the line, what is left is thrown away and
the items are truncated to what was heard; nobody has to ask for it.
"""

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
        self._playing: Response | None = None
        responder.sound_listeners.append(self._begin)
        responder.done_listeners.append(self._drain)
        responder.interrupt_listeners.append(self.clear)

    def clear(self) -> None:
        """Throw away what has not been played."""
        if (response := self._playing) is None:
            return
        self._playing = None
        self._context.emit("output_audio_buffer.cleared", response_id=response.id)
        heard_ms = self._heard_ms(response)
        for item in response.items.values():
            heard_ms -= self._truncate(item, heard_ms)

    def _begin(self, response: Response) -> None:
        self._playing = response
        self._context.emit("output_audio_buffer.started", response_id=response.id)

    def _drain(self, response: Response) -> None:
        rest_ms = response.audio_ms - self._heard_ms(response)
        self._context.after(rest_ms, lambda: self._stop(response))

    def _stop(self, response: Response) -> None:
        if self._playing is response:
            self._playing = None
            self._context.emit("output_audio_buffer.stopped", response_id=response.id)

    def _heard_ms(self, response: Response) -> int:
        begun_s = response.first_audio_s or self._context.now_s
        return int((self._context.now_s - begun_s) * 1000)

    def _truncate(self, item: Item, heard_ms: int) -> int:
        """Cut *item* where the caller stopped listening; return how much of it was heard."""
        part = item.parts[0] if item.parts else None
        if part is None or not part.generated:
            return 0
        if heard_ms < part.audio_ms:
            place = {"item_id": item.id, "content_index": 0, "audio_end_ms": max(0, heard_ms)}
            self._memory.truncate(place)
        return min(max(0, heard_ms), part.generated_ms)
