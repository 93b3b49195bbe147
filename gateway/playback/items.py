"""The account of each item: received, sent, heard; and the cut that ends it when the caller cuts in."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.audio.g711 import duration_ms
from gateway.playback.playout import ItemKey, Span

Settled = Literal["flushed_echo", "played", "clock"]
"""What told how far the caller had listened: a flushed echo, the end of the queue, or nothing but the clock."""


@dataclass(slots=True)
class ItemAudio:
    """The account of one content part of one item."""

    item_id: str
    content_index: int
    received_bytes: int = 0
    """Received from the model, dropped or not."""
    sent_bytes: int = 0
    heard_bytes: int = 0
    complete: bool = False
    """Whether the model has said that no more audio comes."""
    truncated: bool = False
    epoch: int = 0
    """The epoch in which its audio was sent last."""

    @property
    def heard_ms(self) -> int:
        """Heard by the caller, in whole ms, rounded down."""
        return duration_ms(self.heard_bytes)

    @property
    def heard_whole(self) -> bool:
        """Whether there is nothing that the caller has not heard."""
        return self.complete and self.heard_bytes >= self.received_bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A point in an item up to which the caller has listened, and after which the model must forget."""

    item_id: str
    content_index: int
    audio_end_ms: int
    """Offset from the start of the item; never past what was received."""


@dataclass(frozen=True, slots=True)
class BargeIn:
    """What became of one interruption."""

    settled_by: Settled
    cuts: tuple[Cut, ...]
    left_alone: int
    """Items of the interrupted queue that the caller has heard whole."""
    waited_ms: float
    """From the clear to this result."""


@dataclass(slots=True)
class Accounts:
    """All items of a call, in the order in which their audio came."""

    items: dict[ItemKey, ItemAudio] = field(default_factory=dict)

    def received(self, key: ItemKey, size_bytes: int) -> ItemAudio:
        """Audio came in from the model."""
        item = self.items.get(key)
        if item is None:
            item = self.items[key] = ItemAudio(*key)
        item.received_bytes += size_bytes
        return item

    def heard(self, span: Span, position_byte: int) -> None:
        """The caller heard a span as far as *position_byte* of the queue."""
        if span.key is not None:
            self.items[span.key].heard_bytes += max(0, min(position_byte, span.end_byte) - span.start_byte)

    def unfinished(self, epoch: int) -> list[ItemKey]:
        """Items of an epoch of which more audio is to come."""
        return [
            key for key, item in self.items.items() if item.epoch == epoch and not (item.complete or item.truncated)
        ]

    def cut(self, key: ItemKey) -> Cut | None:
        """End an item where the caller stopped listening; None when that was done, or when it was heard whole."""
        item = self.items[key]
        if item.truncated or item.heard_whole:
            return None
        item.truncated = True
        return Cut(item.item_id, item.content_index, item.heard_ms)
