"""The seam between a call and its sockets, held against other libraries and against peers made by hand."""

import asyncio
from contextlib import suppress
from http import HTTPStatus

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode as Kind

from gateway.sessions.socket import OUTBOX_LIMIT_BYTES, TextSocket
from tests.sessions.peers import (
    GOODBYE,
    PATIENCE_S,
    REQUEST,
    UVLOOP,
    Hand,
    Link,
    Peer,
    Received,
    close_of,
    hand_client,
    provider_side,
    soon,
)


async def test_texts_pass_both_ways_in_order(link: Link) -> None:
    """
    Short and long, empty and up to the limit of a frame, none lost and none changed.
    """
    texts = ["", "é☎", *("x" * length for length in (1, 125, 126, 65_535, 65_536)), *map(str, range(300))]
    received = Received(link.ours)
    for text in texts:
        await link.peer.send(text)
        link.ours.send(text.encode())
    link.ours.flush()
    assert await received.up_to(len(texts)) == [text.encode() for text in texts]
    assert [await link.peer.receive() for _ in texts] == texts


async def test_bytes_are_told_from_texts(link: Link) -> None:
    """
    They go to whoever takes them, or with the texts when nobody does.
    """
    rejected: asyncio.Queue[bytes] = asyncio.Queue()
    received: asyncio.Queue[bytes] = asyncio.Queue()
    link.ours.attach(received.put_nowait, rejected=rejected.put_nowait)
    await link.peer.send(b"\x00\xff")
    assert await soon(rejected.get()) == b"\x00\xff"
    link.ours.attach(received.put_nowait)
    await link.peer.send(b"\xff")
    assert await soon(received.get()) == b"\xff"
    assert rejected.empty()


async def test_a_sign_of_life_is_given(link: Link) -> None:
    """
    A ping is answered with what it carried, whether somebody is attached or not.
    """
    await link.peer.ping()
    Received(link.ours)
    await link.peer.ping()


async def test_nothing_is_lost_while_nobody_listens(link: Link) -> None:
    """
    What comes between detach and attach waits for whoever is attached next, who may leave again at any text.
    """
    texts: list[bytes] = []

    def take_ten(text: bytes) -> None:
        texts.append(text)
        if len(texts) % 10 == 0:
            link.ours.detach()

    link.ours.attach(take_ten)
    for ordinal in range(95):
        await link.peer.send(str(ordinal))
    await link.peer.ping()
    assert len(texts) == 10
    for count in (20, 30, 40, 50, 60, 70, 80, 90, 95):
        link.ours.attach(take_ten)
        assert len(texts) == count
    await link.peer.send("95")
    await link.peer.ping()
    assert texts == [str(ordinal).encode() for ordinal in range(96)]


async def test_texts_outlive_the_connection(link: Link) -> None:
    """
    What came before the end is handed on to whoever is attached only then.
    """
    for text in ("one", "two", "three"):
        await link.peer.send(text)
    await link.peer.close(1000, "")
    await soon(link.ours.closed())
    assert Received(link.ours).texts == [b"one", b"two", b"three"]


# The end


async def test_the_peer_says_why_it_goes(link: Link) -> None:
    """
    Its code and its reason are what closed() answers, as often as it is asked.
    """
    await link.peer.close(*GOODBYE)
    assert await soon(link.ours.closed()) == GOODBYE
    assert await soon(link.ours.closed()) == GOODBYE


async def test_the_peer_is_told_why_we_go(link: Link) -> None:
    """
    With our code and our reason; and one that answers keeps nobody waiting.
    """
    told = asyncio.ensure_future(link.peer.ended())
    await soon(link.ours.close(*GOODBYE), 0.9)
    assert await told == GOODBYE
    code, _ = await soon(link.ours.closed())
    assert code in {GOODBYE[0], 1000}


@pytest.mark.parametrize("before", ["", "x", "xx"])
async def test_a_reason_may_be_long(link: Link, before: str) -> None:
    """
    The peer is told the beginning, as much as fits and in whole characters, and never something that is no text.
    """
    reason = before + "☎" * 60
    told = asyncio.ensure_future(link.peer.ended())
    await soon(link.ours.close(4000, reason))
    code, beginning = await told
    assert code == 4000
    assert reason.startswith(beginning)
    assert len(beginning.encode()) > 100


async def test_the_peer_is_told_even_while_it_sends(link: Link) -> None:
    """
    However fast it sends: neither our close nor its reason is lost in the flood.
    """
    received = Received(link.ours)
    flood = asyncio.ensure_future(flooding(link.peer))
    await received.up_to(1_000)
    told = asyncio.ensure_future(link.peer.ended())
    await soon(link.ours.close(*GOODBYE))
    assert await told == GOODBYE
    await soon(flood)


async def flooding(peer: Peer) -> None:
    """Send as fast as one can, until the end."""
    with suppress(ConnectionClosed, ConnectionError, aiohttp.ClientError):
        while True:
            await peer.send("x" * 1_000)


async def test_a_peer_may_go_without_a_word(link: Link) -> None:
    """
    Then the code is 1006, and there is no reason.
    """
    await link.peer.cut()
    assert await soon(link.ours.closed()) == (1006, "")


async def test_a_message_past_the_limit_is_not_taken(link: Link) -> None:
    """
    The peer is told 1009, nothing of it is handed on, and the connection ends.
    """
    received = Received(link.ours)
    told = asyncio.ensure_future(link.peer.ended())
    with suppress(ConnectionClosed, ConnectionError, aiohttp.ClientError):
        await link.peer.send("x" * (link.limit_bytes + 1))
    code, _ = await told
    await soon(link.ours.closed())
    assert (code, received.texts) == (1009, [])


async def test_what_was_sent_goes_out_before_the_end_and_nothing_behind_it(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    Texts that were not flushed go before the close; what is sent after it is dropped, without complaint.
    """
    ours, hand = by_hand
    ours.send(b"first")
    end = asyncio.ensure_future(ours.close(*GOODBYE))
    assert await hand.read() == (Kind.TEXT, b"first")
    assert await hand.read() == (Kind.CLOSE, close_of(*GOODBYE))
    ours.send(b"late")
    ours.flush()
    hand.write(Kind.CLOSE, close_of(1000))
    hand.writer.write_eof()
    assert await soon(hand.reader.read()) == b""
    await soon(end)
    ours.send(b"too late")
    ours.flush()
    await soon(ours.close())


async def test_a_peer_may_close_without_a_code(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    It is answered in kind, and the code is 1005.
    """
    ours, hand = by_hand
    hand.write(Kind.CLOSE)
    assert await hand.read() == (Kind.CLOSE, b"")
    hand.writer.write_eof()
    assert await soon(ours.closed()) == (1005, "")


async def test_nothing_comes_after_a_close(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    What a peer sends behind its close, in the same breath or later, is nobody's.
    """
    ours, hand = by_hand
    received = Received(ours)
    hand.writer.write(
        hand.frame(Kind.TEXT, b"before") + hand.frame(Kind.CLOSE, close_of(*GOODBYE)) + hand.frame(Kind.TEXT, b"behind")
    )
    assert await hand.read() == (Kind.CLOSE, close_of(GOODBYE[0]))
    hand.write(Kind.TEXT, b"later")
    hand.writer.write_eof()
    assert await soon(ours.closed()) == GOODBYE
    assert received.texts == [b"before"]


async def test_nonsense_behind_a_close_changes_nothing(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    The peer has closed, and that is what is told to both.
    """
    ours, hand = by_hand
    hand.writer.write(hand.frame(Kind.CLOSE, close_of(*GOODBYE)) + b"\xff" * 20)
    hand.writer.write_eof()
    assert await hand.read() == (Kind.CLOSE, close_of(GOODBYE[0]))
    assert await soon(ours.closed()) == GOODBYE


async def test_what_comes_before_nonsense_is_handed_on(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    Even when both come in one segment; and nothing that comes after it, however well made.
    """
    ours, hand = by_hand
    received = Received(ours)
    hand.writer.write(hand.frame(Kind.TEXT, b"before") + hand.head(2**40))
    kind, payload = await hand.read()
    assert (kind, payload[:2]) == (Kind.CLOSE, close_of(1009))
    hand.write(Kind.TEXT, b"behind")
    hand.writer.write_eof()
    await soon(ours.closed())
    assert received.texts == [b"before"]


async def test_nothing_is_read_in_the_rest_of_a_message_that_is_too_long(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    What looks like a frame within it is none.
    """
    ours, hand = by_hand
    received = Received(ours)
    hand.writer.write(hand.head(2**40))
    await hand.read()
    hand.write(Kind.TEXT, b"not a text of its own")
    hand.writer.write_eof()
    await soon(ours.closed())
    assert received.texts == []


@UVLOOP
async def test_a_peer_that_goes_on_with_nonsense_is_cut_off(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    A second after the first of it, and not a second after the last.
    """
    ours, hand = by_hand
    hand.writer.write(hand.head(2**40))
    await hand.read()
    closed = asyncio.ensure_future(ours.closed())
    async with asyncio.timeout(2):
        while not closed.done():
            hand.writer.write(b"\xff" * 20)
            await asyncio.wait([closed], timeout=0.05)
    assert closed.result() == (1006, "")


@UVLOOP
async def test_a_peer_that_does_not_answer_a_close_is_cut_off(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    After a second, in which it was told why, though it goes on sending all the while.
    """
    ours, hand = by_hand
    Received(ours)
    flood = asyncio.ensure_future(flooding_by_hand(hand))
    began_s = asyncio.get_running_loop().time()
    end = asyncio.ensure_future(ours.close(*GOODBYE))
    assert await hand.read() == (Kind.CLOSE, close_of(*GOODBYE))
    assert await soon(ours.closed()) == (1006, "")
    assert 0.9 < asyncio.get_running_loop().time() - began_s < 2
    await soon(end)
    await soon(flood)


async def flooding_by_hand(hand: Hand) -> None:
    """Send as fast as one can, until the end."""
    with suppress(ConnectionError):
        while True:
            hand.write(Kind.TEXT, b"x" * 1_000)
            await hand.writer.drain()


async def test_a_peer_that_does_not_read_is_let_go(by_hand: tuple[TextSocket, Hand]) -> None:
    """
    As soon as more waits for it than the outbox holds, and what is sent from then on is dropped.
    """
    ours, hand = by_hand
    closed = asyncio.ensure_future(ours.closed())
    async with asyncio.timeout(PATIENCE_S):
        while not closed.done():
            ours.send(bytes(60_000))
            ours.flush()
            await asyncio.sleep(0)
    assert closed.result() == (1006, "")
    await hand.gone()


async def test_a_peer_may_read_late(link: Link) -> None:
    """
    As much as the outbox holds waits for it, and none is lost.
    """
    texts = [f"{ordinal:1024}" for ordinal in range(OUTBOX_LIMIT_BYTES // 1_100)]
    for text in texts:
        link.ours.send(text.encode())
        link.ours.flush()
    assert [await link.peer.receive() for _ in texts] == texts


@pytest.mark.slow
@UVLOOP
async def test_a_peer_that_gives_no_sign_of_life_is_let_go() -> None:
    """
    It is asked every 15 s, for as long as it answers; when it does not within 10 s, it is cut off.
    """
    clock = asyncio.get_running_loop().time
    async with hand_client() as (ours, hand):
        began_s = clock()
        for asked_s in (15, 30):
            assert await hand.read(within_s=16) == (Kind.PING, b"")
            assert abs(clock() - began_s - asked_s) < 1
            if asked_s == 15:
                hand.write(Kind.PONG)
        assert await soon(ours.closed(), 11) == (1006, "")
        assert abs(clock() - began_s - 40) < 1


# The provider's handshake


async def test_a_visitor_is_not_a_stream() -> None:
    """
    Plain HTTP is answered with 400, and so is a handshake that is none; the connection goes on.
    """
    async with provider_side() as (address, streams), aiohttp.ClientSession() as http:
        for headers in ({}, {"Upgrade": "websocket", "Connection": "Upgrade"}, {"Upgrade": "h2c"}):
            async with http.get(f"http://{address}", headers=headers) as answer:
                assert answer.status == HTTPStatus.BAD_REQUEST
        assert streams.empty()


async def test_a_provider_may_go_at_once() -> None:
    """
    Before it is answered even; a stream that was opened for it ends, and the next one is served.
    """
    async with provider_side() as (address, streams), aiohttp.ClientSession() as http:
        host, _, port = address.removesuffix("/media").partition(":")
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(REQUEST)
            writer.close()
        await (await http.ws_connect(f"ws://{address}")).close()
        while not streams.empty():
            code, _ = await soon(streams.get_nowait().closed())
            assert code in {1006, 1000}


async def test_no_compression_is_agreed_on() -> None:
    """
    Whatever the provider offers; base64 audio gains nothing by it.
    """
    async with provider_side() as (address, _), aiohttp.ClientSession() as http:
        stream = await http.ws_connect(f"ws://{address}", compress=15)
        assert stream.compress == 0
        await stream.close()
