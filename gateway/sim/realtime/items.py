"""
The conversation: what the agent remembers, and what really went out.

A part of an item keeps its audio twice. `generated` is all that was ever made for it, byte for byte as
sent; `audio` is what the conversation remembers, which truncation shortens. The transcript has no time
stamps, so truncation can only delete it. Once truncated a part no longer grows.
"""

import base64
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.sim.realtime.formats import AudioFormat, decoded
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.shapes import RefusalError
from gateway.sim.realtime.turn import Json

SPOKEN = ("input_audio", "output_audio")


class Delta(NamedTuple):
    """An audio delta, as it was made."""

    at_s: float
    length_bytes: int


@dataclass(slots=True, eq=False)
class Part:
    """One piece of the content of a message."""

    kind: str
    text: str = ""
    """All words of it, however much is remembered."""
    format: AudioFormat | None = None
    generated: bytearray = field(default_factory=bytearray)
    audio: bytearray = field(default_factory=bytearray)
    deltas: list[Delta] = field(default_factory=list)
    transcribed: bool = True
    """Whether the words are still, or already, remembered."""
    truncated: bool = False
    image: Json = field(default_factory=dict)

    @property
    def generated_ms(self) -> int:
        """Length of what went out, in whole ms."""
        return self.format.length_ms(len(self.generated)) if self.format else 0

    @property
    def audio_ms(self) -> int:
        """Length of what is remembered, in whole ms."""
        return self.format.length_ms(len(self.audio)) if self.format else 0

    def grow(self, delta: bytes, *, now_s: float) -> None:
        """Add audio that was just made."""
        self.generated += delta
        self.deltas.append(Delta(now_s, len(delta)))
        if not self.truncated:
            self.audio += delta

    def shorten(self, audio_ms: int) -> None:
        """Forget the audio behind *audio_ms*, and the words."""
        assert self.format is not None
        del self.audio[audio_ms * self.format.bytes_per_ms :]
        self.truncated = True
        self.transcribed = False

    def view(self, *, audio: bool) -> Json:
        """The part as clients see it."""
        if self.kind not in SPOKEN:
            return {"type": self.kind, **(self.image or {"text": self.text})}
        seen: Json = {"type": self.kind}
        if self.transcribed or self.kind == "input_audio":
            seen["transcript"] = self.text if self.transcribed else None
        if audio:
            seen["audio"] = base64.b64encode(self.audio).decode()
        return seen


@dataclass(slots=True, eq=False)
class Item:
    """One entry of the conversation."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str | None = "completed"
    parts: list[Part] = field(default_factory=list)
    fields: Json = field(default_factory=dict)
    """What only this type of item has: the name of a function, the output of a call."""
    response_id: str | None = None
    """The response that made it; None if the caller or the client did."""
    deleted: bool = False

    @property
    def call_id(self) -> str | None:
        """The call that the item makes or answers."""
        return self.fields.get("call_id")

    def view(self, *, audio: bool = False) -> Json:
        """The item as clients see it."""
        seen: Json = {"id": self.id, "object": "realtime.item", "type": self.type, "status": self.status}
        if self.type == "message":
            seen |= {"role": self.role, "content": [part.view(audio=audio) for part in self.parts]}
        if self.type.startswith("mcp_"):
            del seen["object"], seen["status"]
        return {**seen, **self.fields}


def item_from(described: Json) -> Item:
    """The item that a client describes, after it was checked."""
    common = ("id", "type", "object", "status", "role", "content")
    return Item(
        id=described.get("id") or new_id("item"),
        type=described["type"],
        role=described.get("role"),
        parts=[_part_from(part) for part in described.get("content", ())],
        fields={key: value for key, value in described.items() if key not in common},
    )


def _part_from(described: Json) -> Part:
    kind = "output_text" if described["type"] == "output_audio" else described["type"]
    words = described.get("text") or described.get("transcript") or ""
    image: Json = {key: described[key] for key in ("image_url", "detail") if key in described}
    audio = bytearray(decoded(described.get("audio", ""), param="item.content.audio"))
    return Part(kind, words, image=image, audio=audio, transcribed=bool(words) or kind not in SPOKEN)


class Conversation:
    """The items in order, and the record of all that ever were."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self.items: list[Item] = []
        self.history: list[Item] = []

    def add(self, item: Item, *, after: str | None = None) -> str | None:
        """Put *item* behind the item *after*, or at the end; return the id of the one before it."""
        place = self._place_behind(after) if after else len(self.items)
        before = item.id if self.find(item.id) else (self.items[place - 1].id if place else None)
        self.items.insert(place, item)
        self.history.append(item)
        return before

    def find(self, item_id: str) -> Item | None:
        """The last item of that name."""
        return next((item for item in reversed(self.items) if item.id == item_id), None)

    def remove(self, item: Item) -> None:
        """Forget *item*."""
        self.items.remove(item)
        item.deleted = True

    @property
    def has_agent_audio(self) -> bool:
        """Whether the agent's voice can be heard anywhere in it."""
        parts = (part for item in self.items for part in item.parts)
        return any(part.kind == "output_audio" and part.generated for part in parts)

    def _place_behind(self, item_id: str) -> int:
        if item_id == "root":
            return 0
        if (item := self.find(item_id)) is None:
            message = f"The item with id '{item_id}' does not exist."
            raise RefusalError("invalid_value", message, param="previous_item_id")
        return self.items.index(item) + 1
