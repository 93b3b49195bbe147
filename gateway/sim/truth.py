"""
What the caller really heard of each item, to hold against what the model was told.

The realtime server knows the audio of every item that it generated, the earpiece knows every byte
that it received and when it was played. Content joins the two; see `alignment`. Everything is
counted in bytes of mu-law, so the answers are exact. What a caller heard twice counts once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.sim.alignment import Piece, align
from gateway.sim.earpiece import BYTES_PER_MS, Earpiece


class Standing(StrEnum):
    """How far an item was when the buffer was cleared."""

    FINISHED = "finished"
    """Nothing of it was waiting."""
    AUDIBLE = "audible"
    """Part of it had been played, and the rest was discarded."""
    QUEUED = "queued"
    """It was waiting behind another, and nothing of it had been played."""


@dataclass(frozen=True, slots=True)
class ItemTruth:
    """The fate of one item's audio."""

    generated_bytes: int
    sent_bytes: int
    """How much of it reached the phone."""
    heard_bytes: int
    discarded_bytes: int
    """How much reached the phone and never will be played."""

    @property
    def heard_ms(self) -> float:
        """How much of it was heard."""
        return self.heard_bytes / BYTES_PER_MS


class Truth:
    """The account of one stream."""

    def __init__(self, generated: Mapping[str, bytes], earpiece: Earpiece) -> None:
        self._generated = dict(generated)
        self._ids = list(self._generated)
        self._chunks = list(earpiece.chunks)
        self._clears = list(earpiece.clears)
        chunks = [chunk.audio for chunk in self._chunks]
        after_clear = {clear.received_chunks for clear in self._clears}
        self.pieces = align(list(self._generated.values()), chunks, after_clear)

    def items(self, until_ms: float = float("inf")) -> dict[str, ItemTruth]:
        """Every generated item, and what was heard of it by *until_ms*."""
        return {item_id: self._item(index, until_ms) for index, item_id in enumerate(self._ids)}

    def at_clear(self, index: int) -> dict[str, float]:
        """Of every item that had reached the phone by a clear, how many ms had been heard."""
        clear = self._clears[index]
        heard: dict[str, list[tuple[int, int]]] = {}
        for item_id, piece in self._known(0, clear.received_chunks):
            heard.setdefault(item_id, []).append((piece.from_byte, self._played_bytes(piece, clear.at_ms)))
        return {item_id: _covered(stretches) / BYTES_PER_MS for item_id, stretches in heard.items()}

    def standing(self, index: int) -> dict[str, Standing]:
        """Of every item that had reached the phone by a clear, how far it was."""
        waiting = self._waiting_at_clear(index)
        return {
            item_id: _standing(heard_ms, waiting=item_id in waiting)
            for item_id, heard_ms in self.at_clear(index).items()
        }

    def foreign_bytes(self) -> int:
        """How much reached the phone that the model never said."""
        return sum(piece.length_bytes for piece in self.pieces if piece.item is None)

    def _waiting_at_clear(self, index: int) -> set[str]:
        clear = self._clears[index]
        first = self._clears[index - 1].received_chunks if index else 0
        return {
            item_id
            for item_id, piece in self._known(first, clear.received_chunks)
            if self._played_bytes(piece, clear.at_ms) < piece.length_bytes
        }

    def _item(self, index: int, until_ms: float) -> ItemTruth:
        pieces = [piece for piece in self.pieces if piece.item == index]
        sent_bytes = _covered((piece.from_byte, piece.length_bytes) for piece in pieces)
        kept_bytes = _covered((piece.from_byte, self._kept_bytes(piece)) for piece in pieces)
        return ItemTruth(
            generated_bytes=len(self._generated[self._ids[index]]),
            sent_bytes=sent_bytes,
            heard_bytes=_covered((piece.from_byte, self._played_bytes(piece, until_ms)) for piece in pieces),
            discarded_bytes=sent_bytes - kept_bytes,
        )

    def _known(self, first_chunk: int, end_chunk: int) -> Iterator[tuple[str, Piece]]:
        for piece in self.pieces:
            if piece.item is not None and first_chunk <= piece.chunk < end_chunk:
                yield self._ids[piece.item], piece

    def _played_bytes(self, piece: Piece, until_ms: float) -> int:
        return _within(piece, self._chunks[piece.chunk].played_bytes(until_ms))

    def _kept_bytes(self, piece: Piece) -> int:
        return _within(piece, self._chunks[piece.chunk].kept_bytes)


def _within(piece: Piece, chunk_bytes: int) -> int:
    """How many of the first *chunk_bytes* of its chunk belong to *piece*."""
    return min(max(chunk_bytes - piece.at_byte, 0), piece.length_bytes)


def _covered(stretches: Iterable[tuple[int, int]]) -> int:
    """How many bytes are in stretches, each its first byte and its length; what was played twice counts once."""
    covered_bytes = end_byte = 0
    for start_byte, length_bytes in sorted(stretches):
        covered_bytes += max(0, start_byte + length_bytes - max(start_byte, end_byte))
        end_byte = max(end_byte, start_byte + length_bytes)
    return covered_bytes


def _standing(heard_ms: float, *, waiting: bool) -> Standing:
    if not waiting:
        return Standing.FINISHED
    return Standing.AUDIBLE if heard_ms else Standing.QUEUED
