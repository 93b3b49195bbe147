"""Frames, held against another library's: what one writes the other reads, in both directions."""

import time
from collections.abc import Callable, Iterator
from itertools import cycle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import Protocol, Side

from gateway.sessions.frames import FrameError, FrameReader, Masks, Opcode, framed

Said = tuple[int, bytes]
"""Opcode and payload of a message or a control frame."""
Piece = tuple[bytes, Said]
"""A fragment, and a control frame that comes behind it."""

LIMIT_BYTES = 200_000
SIDES = pytest.mark.parametrize("side", Side)
LENGTHS = [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 150_000]
EDGES = pytest.mark.parametrize("length_bytes", LENGTHS)

sides = st.sampled_from(Side)
controls = st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
pieces = st.lists(st.tuples(st.binary(max_size=300), controls), min_size=1, max_size=4)
conversations = st.lists(st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), pieces), max_size=6)
chunk_sizes = st.lists(st.integers(1, 1_000), min_size=1, max_size=8)


def sample(length_bytes: int) -> bytes:
    """Bytes in which a wrong offset shows."""
    return (bytes(range(251)) * (length_bytes // 251 + 1))[:length_bytes]


def reader_of(side: Side, limit_bytes: int = LIMIT_BYTES) -> FrameReader:
    """Reads what *side* writes."""
    return FrameReader(masked=side is Side.CLIENT, limit_bytes=limit_bytes)


def other(side: Side) -> Side:
    """Who reads what *side* writes."""
    return Side.SERVER if side is Side.CLIENT else Side.CLIENT


def say(library: Protocol, opcode: int, payload: bytes) -> Said:
    """Let the library write a control frame."""
    (library.send_ping if opcode == Opcode.PING else library.send_pong)(payload)
    return opcode, payload


def converse(library: Protocol, opcode: int, pieces: list[Piece]) -> list[Said]:
    """Let the library write a message in pieces; answers with what a reader should make of it, in order."""
    said: list[Said] = []
    send: Callable[[bytes, bool], None] = library.send_text if opcode == Opcode.TEXT else library.send_binary
    for ordinal, (piece, control) in enumerate(pieces, start=1):
        final = ordinal == len(pieces)
        send(piece, final)
        send = library.send_continuation
        if final:
            said.append((opcode, b"".join(piece for piece, _ in pieces)))
        said.append(say(library, *control))
    return said


def chunks(wire: bytes, sizes_bytes: list[int]) -> Iterator[bytes]:
    """The wire in chunks of these sizes, in turn."""
    at, sizes = 0, cycle(sizes_bytes)
    while at < len(wire):
        until = at + next(sizes)
        yield wire[at:until]
        at = until


def read_in_chunks(reader: FrameReader, wire: bytes, sizes_bytes: list[int]) -> list[Said]:
    """All that is read when the wire comes in chunks."""
    return [said for chunk in chunks(wire, sizes_bytes) for said in reader.feed(chunk)]


def read_by_library(side: Side, wire: bytes) -> list[Said]:
    """What the library makes of what *side* wrote."""
    library = Protocol(other(side), max_size=None)
    library.receive_data(wire)
    assert library.parser_exc is None
    return [said_in(event) for event in library.events_received()]


def said_in(event: Frame | Response | object) -> Said:
    """A frame of the library, in our words."""
    assert isinstance(event, Frame)
    return event.opcode, bytes(event.data)


def wire_of(library: Protocol) -> bytes:
    """All that the library wants to be sent."""
    return b"".join(library.data_to_send())


def frame(side: Side, first: int, payload: bytes) -> bytes:
    """A short frame, with any first byte."""
    if side is Side.SERVER:
        return bytes([first, len(payload)]) + payload
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


def code_of(side: Side, wire: bytes, *, limit_bytes: int = LIMIT_BYTES) -> int:
    """What a peer is told that writes this."""
    with pytest.raises(FrameError) as caught:
        list(reader_of(side, limit_bytes).feed(wire))
    return caught.value.code


# What the library writes, we read


@given(sides, conversations, chunk_sizes)
def test_what_the_library_writes_is_read_back(
    side: Side, conversation: list[tuple[int, list[Piece]]], sizes_bytes: list[int]
) -> None:
    """
    Messages whole or in pieces, with control frames between the pieces, wherever the wire is cut.
    """
    library = Protocol(side)
    said = [spoken for opcode, pieces in conversation for spoken in converse(library, opcode, pieces)]
    library.send_close(1000, "bye")
    assert read_in_chunks(reader_of(side), wire_of(library), sizes_bytes) == [*said, (8, b"\x03\xe8bye")]


@SIDES
@EDGES
@pytest.mark.parametrize("size_bytes", [1, 7, 65_536, 1_000_000])
def test_every_length_is_read_back(side: Side, length_bytes: int, size_bytes: int) -> None:
    """
    Lengths on both sides of each way to write a length, in small chunks and in large ones.
    """
    library = Protocol(side)
    library.send_text(sample(length_bytes))
    library.send_binary(sample(length_bytes))
    read = read_in_chunks(reader_of(side), wire_of(library), [size_bytes])
    assert read == [(Opcode.TEXT, sample(length_bytes)), (Opcode.BINARY, sample(length_bytes))]


@SIDES
def test_a_message_is_handed_on_with_its_last_byte(side: Side) -> None:
    """
    Not a byte later, and not before.
    """
    library, reader = Protocol(side), reader_of(side)
    library.send_text(sample(300))
    wire = wire_of(library)
    assert [list(reader.feed(wire[at : at + 1])) for at in range(len(wire))][:-1] == [[]] * (len(wire) - 1)
    library.send_text(b"hi")
    library.send_text(b"there")
    first_two, last = (wire := wire_of(library))[:-1], wire[-1:]
    assert list(reader.feed(first_two)) == [(Opcode.TEXT, b"hi")]
    assert list(reader.feed(last)) == [(Opcode.TEXT, b"there")]


# What we write, the library reads


@given(sides, st.lists(st.one_of(controls, st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)))))
def test_what_we_write_is_read_by_the_library(side: Side, said: list[Said]) -> None:
    """
    Any messages and control frames, masked or not.
    """
    write = Masks().framed if side is Side.CLIENT else framed
    assert read_by_library(side, b"".join(write(*spoken) for spoken in said)) == said


@SIDES
@EDGES
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_every_length_is_read_by_the_library(side: Side, length_bytes: int, opcode: Opcode) -> None:
    """
    Lengths on both sides of each way to write a length.
    """
    write = Masks().framed if side is Side.CLIENT else framed
    assert read_by_library(side, write(opcode, sample(length_bytes))) == [(opcode, sample(length_bytes))]


@SIDES
@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CLOSE])
@pytest.mark.parametrize("length_bytes", [2, 3, 124, 125])
def test_every_control_frame_is_read_by_the_library(side: Side, opcode: Opcode, length_bytes: int) -> None:
    """
    Up to the longest that there may be.
    """
    payload = b"\x03\xe8" + b"x" * (length_bytes - 2)
    write = Masks().framed if side is Side.CLIENT else framed
    assert read_by_library(side, write(opcode, payload)) == [(opcode, payload)]


def test_a_mask_is_used_once() -> None:
    """
    Through many stocks of keys, and from one connection to the next; chance alone may repeat a few.
    """
    stocks = [Masks() for _ in range(3)]
    keys = [masks.framed(Opcode.TEXT, b"")[2:] for _ in range(4_000) for masks in stocks]
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > len(keys) - 5


def test_each_frame_is_masked_with_its_own_key() -> None:
    """
    Equal texts do not look equal on the wire, and never look like themselves.
    """
    masks, text = Masks(), sample(200)
    frames = [masks.framed(Opcode.TEXT, text) for _ in range(2_000)]
    assert len({frame[8:] for frame in frames}) > len(frames) - 5
    assert read_by_library(Side.CLIENT, b"".join(frames)) == [(Opcode.TEXT, text)] * len(frames)


# What nobody should write

headed = st.builds(
    lambda first, second, key, payload: bytes([first, second & 0x80 | len(payload)]) + key[: second >> 5 & 4] + payload,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=125),
)
likely = st.builds(
    lambda side, first, payload: frame(side, first, payload),
    sides,
    st.sampled_from([0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0x8A]),
    st.binary(max_size=5),
)


@given(st.binary(max_size=400), chunk_sizes, sides)
@example(b"\x81\xff" + b"\xff" * 8, [1], Side.CLIENT)
def test_any_bytes_are_messages_or_an_error(wire: bytes, sizes_bytes: list[int], side: Side) -> None:
    """
    Whatever comes, nothing else is raised, and what is read is no longer than what came.
    """
    read, code = read_until_fault(side, wire, sizes_bytes)
    assert code in {None, 1002, 1009}
    assert sum(len(payload) for _, payload in read) <= len(wire)


@given(st.lists(st.one_of(headed, likely, likely), max_size=12).map(b"".join), chunk_sizes, sides)
def test_nonsense_is_what_the_library_calls_nonsense(wire: bytes, sizes_bytes: list[int], side: Side) -> None:
    """
    Up to a close or the first fault both read the same; we find fault only where the library does.
    """
    library = Protocol(other(side), max_size=LIMIT_BYTES)
    library.receive_data(wire)
    theirs = messages([event for event in library.events_received() if isinstance(event, Frame)])
    ours, code = read_until_fault(side, wire, sizes_bytes)
    closed = any(opcode == Opcode.CLOSE for opcode, _ in ours)
    assert before_close(ours) == before_close(theirs)
    assert code is None or closed or library.parser_exc is not None


def messages(frames: list[Frame]) -> list[Said]:
    """The frames that the library read, its fragments put together."""
    said: list[Said] = []
    fragments: list[Frame] = []
    for read in frames:
        if read.opcode > Opcode.BINARY:
            said.append(said_in(read))
            continue
        fragments.append(read)
        if read.fin:
            said.append((fragments[0].opcode, b"".join(bytes(fragment.data) for fragment in fragments)))
            fragments.clear()
    return said


def read_until_fault(side: Side, wire: bytes, sizes_bytes: list[int]) -> tuple[list[Said], int | None]:
    """What is read, in chunks of these sizes, and the code if that ended with a fault."""
    reader, read = reader_of(side), list[Said]()
    try:
        for chunk in chunks(wire, sizes_bytes):
            for said in reader.feed(chunk):
                read.append(said)
    except FrameError as error:
        return read, error.code
    return read, None


def before_close(said: list[Said]) -> list[Said]:
    """What was said until then; nothing counts that comes behind it."""
    ends = [at for at, (opcode, _) in enumerate(said) if opcode == Opcode.CLOSE]
    return said[: ends[0]] if ends else said


@SIDES
@pytest.mark.parametrize("limit_bytes", [100, 125, 126, 1_000, 65_535, 65_536])
def test_a_frame_may_be_as_long_as_the_limit(side: Side, limit_bytes: int) -> None:
    """
    One byte more is 1009, and that as soon as the length is known.
    """
    write = Masks().framed if side is Side.CLIENT else framed
    whole, longer = write(Opcode.TEXT, sample(limit_bytes)), write(Opcode.TEXT, sample(limit_bytes + 1))
    assert list(reader_of(side, limit_bytes).feed(whole)) == [(Opcode.TEXT, sample(limit_bytes))]
    assert code_of(side, longer[:10], limit_bytes=limit_bytes) == 1009


@SIDES
@pytest.mark.parametrize("pieces_count", [2, 3, 10])
def test_a_message_in_pieces_may_be_as_long_as_the_limit(side: Side, pieces_count: int) -> None:
    """
    One byte more is 1009, however small the pieces.
    """
    wire = frame(side, 0x01, bytes(10)) + frame(side, 0x00, bytes(10)) * (pieces_count - 2)
    limit_bytes = 10 * (pieces_count - 1) + 5
    last, longer = frame(side, 0x80, bytes(5)), frame(side, 0x80, bytes(6))
    assert list(reader_of(side, limit_bytes).feed(wire + last)) == [(Opcode.TEXT, bytes(limit_bytes))]
    assert code_of(side, wire + longer, limit_bytes=limit_bytes) == 1009


@SIDES
@pytest.mark.parametrize("piece", [b"", b"x"])
def test_a_message_in_many_pieces_takes_no_longer_than_its_bytes(side: Side, piece: bytes) -> None:
    """
    A peer cannot keep us busy by cutting small: 20,000 pieces of a byte, or of none, take a moment.
    """
    wire = frame(side, 0x01, b"") + frame(side, 0x00, piece) * 20_000 + frame(side, 0x80, b"")
    began_s = time.process_time()
    assert list(reader_of(side).feed(wire)) == [(Opcode.TEXT, piece * 20_000)]
    assert time.process_time() - began_s < 0.5


@SIDES
def test_the_mask_is_on_the_clients_side(side: Side) -> None:
    """
    A client without one and a server with one have left the protocol.
    """
    assert code_of(side, frame(other(side), 0x81, b"hi")) == 1002


@SIDES
@pytest.mark.parametrize("reserved", [0x40, 0x20, 0x10, 0x70])
@pytest.mark.parametrize("kind", [0x81, 0x82, 0x01, 0x89, 0x88])
def test_reserved_bits_are_not_set(side: Side, kind: int, reserved: int) -> None:
    """
    No extension was agreed on, so they mean nothing.
    """
    assert code_of(side, frame(side, kind | reserved, b"")) == 1002


@SIDES
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("final", [0x00, 0x80])
def test_unknown_kinds_are_refused(side: Side, opcode: int, final: int) -> None:
    """
    Ten of sixteen are not given out.
    """
    assert code_of(side, frame(side, final | opcode, b"")) == 1002


@SIDES
@pytest.mark.parametrize("opcode", [Opcode.CLOSE, Opcode.PING, Opcode.PONG])
def test_control_frames_are_short_and_whole(side: Side, opcode: Opcode) -> None:
    """
    Neither in pieces nor longer than 125 bytes.
    """
    write = Masks().framed if side is Side.CLIENT else framed
    assert code_of(side, frame(side, opcode, b"")) == 1002
    assert code_of(side, write(opcode, bytes(126))) == 1002


@SIDES
@pytest.mark.parametrize("first", [0x00, 0x80])
def test_nothing_cannot_be_continued(side: Side, first: int) -> None:
    """
    Neither at the beginning nor behind a message that is complete.
    """
    assert code_of(side, frame(side, first, b"hi")) == 1002
    assert code_of(side, frame(side, 0x01, b"a") + frame(side, 0x80, b"b") + frame(side, first, b"hi")) == 1002


@SIDES
@pytest.mark.parametrize("outer", [0x01, 0x02])
@pytest.mark.parametrize("inner", [0x01, 0x02, 0x81, 0x82])
def test_a_message_is_not_within_another(side: Side, outer: int, inner: int) -> None:
    """
    Whole or in pieces, text or binary; even when nothing was in the pieces until then.
    """
    assert code_of(side, frame(side, outer, b"") + frame(side, inner, b"hi")) == 1002
