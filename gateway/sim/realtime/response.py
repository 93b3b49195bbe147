"""
One response: what it has produced, and the events that tell of it.

A response begins, carries out the steps of its schedule, and finishes. However it finishes, each item still
open is closed by the same ladder: audio or text done, transcript done, part done, item done; items cut off
are `incomplete`. Items of an out-of-band response enter no conversation and have no conversation events.
"""

import base64
from collections import deque
from collections.abc import Iterable
from typing import Any, assert_never

from gateway.sim.realtime.asked import Asked
from gateway.sim.realtime.context import Context
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Item, Part
from gateway.sim.realtime.schedule import Open, Shut, Sound, Spoken, Step, Words
from gateway.sim.realtime.turn import Call, Fail, Json, Stop
from gateway.sim.realtime.usage import response_usage

RATE_LIMITS = [{"name": "tokens", "limit": 40_000, "remaining": 39_200, "reset_seconds": 1.2}]


class Response:
    """A response on its way."""

    def __init__(self, wanted: Asked, items: Iterable[Item], context: Context, *, cached_tokens: int) -> None:
        self.id = new_id("resp")
        self.wanted = wanted
        self.created_s = context.now_s
        self.steps: deque[Step] = deque()
        self.items: dict[int, Item] = {}
        self.status = "in_progress"
        self.input_tokens = 0
        self.first_audio_s: float | None = None
        self._context = context
        self._input = list(items)
        self._cached_tokens = cached_tokens
        self._open: dict[int, str | None] = {}

    @property
    def running(self) -> bool:
        """Whether response.done is still to come."""
        return self.status == "in_progress"

    @property
    def audio_ms(self) -> int:
        """How much audio it has produced."""
        return sum(part.generated_ms for item in self.items.values() for part in item.parts)

    def begin(self) -> None:
        """Announce the response."""
        self._context.emit("response.created", response=self._view())
        self._context.emit("rate_limits.updated", rate_limits=RATE_LIMITS)

    def apply(self, step: Step) -> None:
        """Carry out the next step."""
        match step.action:
            case Open(output):
                self._open_item(step.output_index, output)
            case Words(delta):
                self._add_words(step.output_index, delta)
            case Sound(delta):
                self._add_sound(step.output_index, delta)
            case Shut():
                self._shut_item(step.output_index, "completed")
            case Fail(code, message, kind):
                error = {"type": kind, "code": code, "message": message}
                self.finish("failed", error=error)
            case Stop(reason):
                self.finish("incomplete", reason=reason)
            case _:
                assert_never(step.action)

    def finish(self, status: str, **details: object) -> None:
        """Close what is open and announce the end."""
        self.steps.clear()
        for index in list(self._open):
            self._shut_item(index, "incomplete")
        self.status = status
        finished = None if status == "completed" else {"type": status, **details}
        usage = self._usage()
        self.input_tokens = usage["input_tokens"]
        self._context.emit("response.done", response=self._view(status_details=finished, usage=usage))

    def _open_item(self, index: int, output: Any) -> None:
        item = self.items[index] = self._item_for(output)
        self._emit("response.output_item.added", output_index=index, item=item.view())
        self._open[index] = None
        if not self.wanted.out_of_band:
            self._open[index] = before = self._context.conversation.add(item)
            self._context.emit("conversation.item.added", previous_item_id=before, item=item.view())
        if not isinstance(output, Call):
            item.parts.append(self._part_for(output))
            self._emit("response.content_part.added", **self._place(index), part=self._part_view(index))

    def _item_for(self, output: Any) -> Item:
        item = Item(new_id("item"), status="in_progress", response_id=self.id)
        if isinstance(output, Call):
            item.type = "function_call"
            item.fields = {"name": output.name, "call_id": output.call_id, "arguments": ""}
        else:
            item.role = "assistant"
        return item

    def _part_for(self, output: Any) -> Part:
        if isinstance(output, Spoken):
            return Part("output_audio", format=self.wanted.sound)
        return Part("output_text")

    def _add_words(self, index: int, delta: str) -> None:
        item = self.items[index]
        if item.type == "function_call":
            item.fields["arguments"] += delta
            self._emit_call("delta", index, delta=delta)
            return
        item.parts[0].text += delta
        kind = "output_text" if item.parts[0].kind == "output_text" else "output_audio_transcript"
        self._emit(f"response.{kind}.delta", **self._place(index), delta=delta)

    def _add_sound(self, index: int, delta: bytes) -> None:
        if self.first_audio_s is None:
            self.first_audio_s = self._context.now_s
        self.items[index].parts[0].grow(delta, now_s=self._context.now_s)
        encoded = base64.b64encode(delta).decode()
        self._emit("response.output_audio.delta", **self._place(index), delta=encoded)

    def _shut_item(self, index: int, status: str) -> None:
        item, before = self.items[index], self._open.pop(index)
        item.status = status
        if item.type == "function_call":
            fields = {"name": item.fields["name"], "arguments": item.fields["arguments"]}
            self._emit_call("done", index, **fields)
        else:
            self._shut_part(index, item.parts[0])
        self._announce_done(index, item, before)

    def _shut_part(self, index: int, part: Part) -> None:
        place = self._place(index)
        if part.kind == "output_audio":
            self._emit("response.output_audio.done", **place)
            self._emit("response.output_audio_transcript.done", **place, transcript=part.text)
        else:
            self._emit("response.output_text.done", **place, text=part.text)
        self._emit("response.content_part.done", **place, part=self._part_view(index))

    def _announce_done(self, index: int, item: Item, before: str | None) -> None:
        response_first = self._context.behaviour.output_item_done_first
        if response_first:
            self._emit("response.output_item.done", output_index=index, item=item.view())
        if not self.wanted.out_of_band:
            self._context.emit("conversation.item.done", previous_item_id=before, item=item.view())
        if not response_first:
            self._emit("response.output_item.done", output_index=index, item=item.view())

    def _emit(self, kind: str, **fields: object) -> None:
        self._context.emit(kind, response_id=self.id, **fields)

    def _emit_call(self, stage: str, index: int, **fields: object) -> None:
        item = self.items[index]
        call = {"item_id": item.id, "output_index": index, "call_id": item.call_id}
        self._emit(f"response.function_call_arguments.{stage}", **call, **fields)

    def _place(self, index: int) -> Json:
        return {"item_id": self.items[index].id, "output_index": index, "content_index": 0}

    def _part_view(self, index: int) -> Json:
        part = self.items[index].parts[0]
        if part.kind == "output_text":
            return {"type": "text", "text": part.text}
        return {"type": "audio", "transcript": part.text}

    def _usage(self) -> Json:
        output = self.items.values()
        return response_usage(self.wanted.instructions, self._input, output, cached_tokens=self._cached_tokens)

    def _view(self, *, status_details: Json | None = None, usage: Json | None = None) -> Json:
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": status_details,
            "output": [item.view() for item in self.items.values()],
            "conversation_id": None if self.wanted.out_of_band else self._context.conversation.id,
            "output_modalities": self.wanted.output_modalities,
            "max_output_tokens": self.wanted.max_output_tokens,
            "audio": {"output": self.wanted.output},
            "usage": usage,
            "metadata": self.wanted.metadata,
        }
