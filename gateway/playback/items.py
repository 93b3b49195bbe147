"""The account of each item: received, sent, heard; and the cut that ends it when the caller cuts in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.audio.g711 import BYTES_PER_MS, duration_ms
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
    epoch: int = -1
    """The epoch in which its audio was sent last; -1 before it was."""
    heard_from_ms: float | None = None
    """When it began to be heard, on the provider's clock."""
    heard_until_ms: float | None = None
    """When the last of it that is known to be heard had been played, on the provider's clock."""
    acked_ms: float | None = None
    """When the mark that says so came back, on our clock."""

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
    epoch: int = 0
    position_byte: int = 0
    """How far the caller had heard the interrupted queue."""
    correction_ms: float = 0.0
    """How much further that is than the clock alone would have had it; below nothing when it is less far."""


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

    def heard_in_part(self, span: Span, position_byte: int, begins_ms: float) -> None:
        """The caller heard a span, which began to play at *begins_ms*, up to *position_byte*; no mark says so."""
        self.heard(span, position_byte)
        item = self.items[span.key] if span.key and position_byte > span.start_byte else None
        if item is not None:
            item.heard_from_ms = begins_ms if item.heard_from_ms is None else item.heard_from_ms
            item.acked_ms = None

    def played(self, spans: Sequence[Span], date_ms: float, acked_ms: float) -> None:
        """
        The caller has heard all of *spans*, by *date_ms* on the provider's clock.

        So says a mark that came back at *acked_ms* on ours; where it came late, audio had ended before it.
        """
        for span in spans:
            if span.key is not None:
                self.heard(span, span.end_byte)
                item = self.items[span.key]
                began_ms = min(date_ms - (spans[-1].end_byte - span.start_byte) / BYTES_PER_MS, span.began_ms)
                item.heard_from_ms = began_ms if item.heard_from_ms is None else item.heard_from_ms
                item.heard_until_ms = began_ms + (span.end_byte - span.start_byte) / BYTES_PER_MS
                item.acked_ms = acked_ms

    def taken_up(self, key: ItemKey, from_byte: int, epoch: int) -> None:
        """An item that was cut is spoken again, from a byte on."""
        item = self.items[key]
        item.epoch = epoch
        item.truncated = False
        item.sent_bytes = item.heard_bytes = min(from_byte, item.heard_bytes)
        if not from_byte:
            item.heard_from_ms = item.heard_until_ms = item.acked_ms = None

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
