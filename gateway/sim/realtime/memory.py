"""
What clients may do to the items of the conversation: create, retrieve, delete and truncate them.

Every truncation that was ever asked for is kept with its outcome, so that a test can tell what the agent
believes the caller has heard.
"""

from dataclasses import dataclass

from gateway.sim.realtime.context import Context
from gateway.sim.realtime.items import Item, Part, item_from
from gateway.sim.realtime.shapes import RefusalError
from gateway.sim.realtime.turn import Json


@dataclass(frozen=True, slots=True)
class Truncation:
    """A truncation, as it was asked for."""

    item_id: object
    content_index: object
    audio_end_ms: object
    outcome: str
    """`accepted`, or the code of the refusal."""
    at_s: float


class Memory:
    """Keeps the items of a session."""

    def __init__(self, context: Context) -> None:
        self.truncations: list[Truncation] = []
        self._context = context

    def create(self, event: Json) -> None:
        """Add an item."""
        item = item_from(event["item"])
        self._refuse_unknown_call(item)
        before = self._context.conversation.add(item, after=event.get("previous_item_id"))
        self._context.emit("conversation.item.added", previous_item_id=before, item=item.view())
        self._context.emit("conversation.item.done", previous_item_id=before, item=item.view())

    def retrieve(self, event: Json) -> None:
        """Show an item with its audio."""
        item = self._expect(event["item_id"], "retrieving", "item_retrieve_invalid_item_id")
        self._context.emit("conversation.item.retrieved", item=item.view(audio=True))

    def delete(self, event: Json) -> None:
        """Forget an item."""
        item = self._expect(event["item_id"], "deleting", "item_delete_invalid_item_id")
        self._context.conversation.remove(item)
        self._context.emit("conversation.item.deleted", item_id=item.id)

    def truncate(self, event: Json) -> None:
        """Forget the end of what the agent said."""
        item = self._expect(event["item_id"], "truncating", "item_truncate_invalid_item_id")
        part = _spoken_part(item, event["content_index"])
        self._shorten(part, event["audio_end_ms"])
        self.note(event, "accepted")
        fields = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        self._context.emit("conversation.item.truncated", **fields)

    def note(self, event: Json, outcome: str) -> None:
        """Remember what became of a truncation."""
        place = (event.get("item_id"), event.get("content_index"), event.get("audio_end_ms"))
        self.truncations.append(Truncation(*place, outcome, self._context.now_s))

    def _shorten(self, part: Part, audio_end_ms: int) -> None:
        assert part.format is not None
        believed_ms = part.audio_ms - self._context.behaviour.missing_tail_ms
        if audio_end_ms > believed_ms:
            message = f"Audio content of {believed_ms}ms is already shorter than {audio_end_ms}ms"
            raise RefusalError("invalid_value", message, param="audio_end_ms")
        part.shorten(audio_end_ms)

    def _expect(self, item_id: str, doing: str, code: str) -> Item:
        if (item := self._context.conversation.find(item_id)) is None:
            raise RefusalError(code, f"Error {doing} item: the item with id '{item_id}' does not exist.")
        return item

    def _refuse_unknown_call(self, item: Item) -> None:
        if item.type != "function_call_output":
            return
        calls = (known for known in self._context.conversation.items if known.type == "function_call")
        if item.call_id not in {call.call_id for call in calls}:
            message = f"Tool call ID '{item.call_id}' not found in conversation."
            raise RefusalError("invalid_tool_call_id", message)


def _spoken_part(item: Item, content_index: int) -> Part:
    """The part of *item* that was heard, if that is the one at *content_index*."""
    if not any(part.kind == "output_audio" and part.generated for part in item.parts):
        raise RefusalError("unsupported_content_type", "Only model output audio messages can be truncated")
    if content_index >= len(item.parts):
        message = f"Invalid value: {content_index}. The item has no such audio content."
        raise RefusalError("invalid_value", message, param="content_index")
    return item.parts[content_index]
