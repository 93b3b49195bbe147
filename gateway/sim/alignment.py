"""
Which item, and which part of it, each chunk of received audio is: found by content alone.

A gateway forwards items in order, each from its beginning, and may leave one unfinished. Speech is
distinct, but silence is not: a chunk of it may belong in several places, and only what comes after
tells. So all places that are possible are followed side by side, each with the price of what it
assumes, and the cheapest account of the whole call is the answer.

Free: to go on where the chunk before ended; to begin another item once this one is complete, or was
cleared. It costs to pass over an item, to go on with one that was cleared, to take up again what a clear
threw away, to leave one unfinished for no reason, and most of all to assume a gap, or audio that no item
contains.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PASSED_OVER = 1
WENT_ON_AFTER_CLEAR = 50
TAKEN_UP_AGAIN = 60
LEFT_UNFINISHED = 100
GAP = 1_000
FOREIGN = 3_000
PATHS = 32
"""How many accounts are followed side by side."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one chunk, and the stretch of an item that it is."""

    chunk: int
    at_byte: int
    """Where in the chunk it begins."""
    length_bytes: int
    item: int | None
    """Which item; None for audio that is in none."""
    from_byte: int = 0
    """Where in the item it begins."""


@dataclass(frozen=True, slots=True)
class _Path:
    """One account of the call so far: the last item, how far it was sent, and what that assumes."""

    item: int
    offset: int
    cost: int = 0
    pieces: tuple[Piece, ...] = ()
    before: "_Path | None" = None

    def all_pieces(self) -> list[Piece]:
        path, reverse = self, [self.pieces]
        while path.before:
            path = path.before
            reverse.append(path.pieces)
        return [piece for pieces in reversed(reverse) for piece in pieces]


def align(items: Sequence[bytes], chunks: Sequence[bytes], cleared_before: set[int]) -> list[Piece]:
    """
    Say of every chunk what it is; *cleared_before* are the chunks that came first after a clear.

    >>> align([b"one", b"two"], [b"on", b"etw"], set())[2]
    Piece(chunk=1, at_byte=1, length_bytes=2, item=1, from_byte=0)
    """
    paths = [_Path(-1, 0)]
    for chunk, audio in enumerate(chunks):
        if audio:
            paths = _Step(items, chunk, audio, cleared=chunk in cleared_before).extend(paths)
        elif chunk in cleared_before:
            cleared_before = cleared_before | {chunk + 1}
    return paths[0].all_pieces()


@dataclass(frozen=True, slots=True)
class _Step:
    """Finds all places for one chunk."""

    items: Sequence[bytes]
    chunk: int
    audio: bytes
    cleared: bool

    def extend(self, paths: list[_Path]) -> list[_Path]:
        """All paths, one chunk further; the cheapest first."""
        longer = [longer for path in paths for longer in self._in_order(path)]
        if self.cleared:
            longer += [longer for path in paths for longer in self._taken_up_again(path)]
        longer = longer or [longer for path in paths for longer in self._elsewhere(path)]
        best: dict[tuple[int, int], _Path] = {}
        for path in sorted(longer, key=lambda path: path.cost):
            best.setdefault((path.item, path.offset), path)
        return list(best.values())[:PATHS]

    def _in_order(self, path: _Path) -> Iterator[_Path]:
        """Places that need neither a gap nor foreign audio alone."""
        stayed = WENT_ON_AFTER_CLEAR if self.cleared and path.offset < self._length(path.item) else 0
        yield from self._place(path, path.item, path.offset, 0, stayed)
        if path.offset < self._length(path.item):
            yield from self._later(path, path.item, 0, 0 if self.cleared else LEFT_UNFINISHED, ())

    def _taken_up_again(self, path: _Path) -> Iterator[_Path]:
        """Places in what was sent before the clear, if the chunk is found there whole."""
        for item in range(path.item + 1):
            offset = self.items[item].find(self.audio)
            if offset >= 0 and (item < path.item or offset < path.offset):
                yield from self._place(path, item, offset, 0, TAKEN_UP_AGAIN)

    def _place(
        self, path: _Path, item: int, offset: int, at_byte: int, cost: int, pieces: tuple[Piece, ...] = ()
    ) -> Iterator[_Path]:
        """Places for the rest of the chunk that begin at *offset* of *item*."""
        rest_bytes = len(self.audio) - at_byte
        fits_bytes = min(rest_bytes, self._length(item) - offset)
        if fits_bytes:
            if self.items[item][offset : offset + fits_bytes] != self.audio[at_byte : at_byte + fits_bytes]:
                return
            pieces += (Piece(self.chunk, at_byte, fits_bytes, item, offset),)
        if fits_bytes == rest_bytes:
            yield _Path(item, offset + fits_bytes, path.cost + cost, pieces, path)
            return
        yield from self._later(path, item, at_byte + fits_bytes, cost, pieces)
        if fits_bytes:
            yield self._foreign(path, item, offset + fits_bytes, at_byte + fits_bytes, cost, pieces)

    def _later(self, path: _Path, item: int, at_byte: int, cost: int, pieces: tuple[Piece, ...]) -> Iterator[_Path]:
        """Places for the rest of the chunk that begin with an item after *item*."""
        for later in range(item + 1, len(self.items)):
            passed_over = PASSED_OVER * (later - item - 1)
            if self.items[later]:
                yield from self._place(path, later, 0, at_byte, cost + passed_over, pieces)

    def _elsewhere(self, path: _Path) -> Iterator[_Path]:
        """Places after a gap; and the account that the chunk is in no item."""
        for item in range(max(path.item, 0), len(self.items)):
            offset = self.items[item].find(self.audio, path.offset if item == path.item else 0)
            if offset >= 0:
                piece = Piece(self.chunk, 0, len(self.audio), item, offset)
                yield _Path(item, offset + len(self.audio), path.cost + GAP, (piece,), path)
        yield self._foreign(path, path.item, path.offset, 0, 0, ())

    def _foreign(
        self, path: _Path, item: int, offset: int, at_byte: int, cost: int, pieces: tuple[Piece, ...]
    ) -> _Path:
        piece = Piece(self.chunk, at_byte, len(self.audio) - at_byte, None)
        return _Path(item, offset, path.cost + cost + FOREIGN, (*pieces, piece), path)

    def _length(self, item: int) -> int:
        return len(self.items[item]) if item >= 0 else 0
