"""Towards the model: what its server answers, what it says at once, and what if it does neither."""

import asyncio
import socket
from contextlib import closing, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame
from websockets.frames import Opcode as Kind
from websockets.http11 import Request, Response

from gateway.errors import ConfigError, PeerError
from gateway.sessions.model import ModelRefused, open_model
from tests.sessions.peers import GOODBYE, UVLOOP, Received, answer_to, close_of, port_of, serving, soon, switching


async def test_a_model_may_speak_first() -> None:
    """
    What comes with the answer to the handshake, or is cut off from it at any byte, is not lost.
    """
    spoken = b"".join(Frame(Kind.TEXT, text).serialize(mask=False) for text in (b"session.created", b"more"))
    cuts_bytes = iter(range(len(switching("")) + len(spoken) + 1))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire, cut_bytes = await answer_to(reader) + spoken, next(cuts_bytes)
        writer.write(wire[:cut_bytes])
        for _ in range(3):
            await asyncio.sleep(0)
        writer.write(wire[cut_bytes:])
        await soon(reader.read(1))

    async with serving(serve) as url:
        for _ in range(len(switching("")) + len(spoken) + 1):
            model = await soon(open_model(url, {}))
            assert await Received(model).up_to(2) == [b"session.created", b"more"]
            await soon(model.close())


async def test_a_model_may_go_at_once() -> None:
    """
    What it said and why it went is told, though it was gone before anybody listened.
    """
    said = Frame(Kind.TEXT, b"error").serialize(mask=False) + Frame(Kind.CLOSE, close_of(*GOODBYE)).serialize(
        mask=False
    )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await answer_to(reader) + said)

    async with serving(serve) as url:
        model = await soon(open_model(url, {}))
        assert await soon(model.closed()) == GOODBYE
        assert Received(model).texts == [b"error"]


async def test_a_model_may_go_at_once_and_without_a_word() -> None:
    """
    Then either no session was opened, or its end is told.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await answer_to(reader))

    async with serving(serve) as url:
        with suppress(PeerError):
            model = await soon(open_model(url, {}))
            assert await soon(model.closed()) == (1006, "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_a_model_may_refuse(status: int) -> None:
    """
    Its HTTP status says why, and the address it was asked at is named without the query.
    """

    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(HTTPStatus(status), "no\n")

    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
        with pytest.raises(ModelRefused, match=f"answered HTTP {status}") as caught:
            await soon(open_model(f"ws://127.0.0.1:{port_of(server.sockets)}/v1/realtime?model=m", {}))
    assert caught.value.status == status
    assert "model=m" not in str(caught.value)


async def test_a_model_is_told_who_asks() -> None:
    """
    Our headers are in the handshake.
    """
    requests: asyncio.Queue[Request] = asyncio.Queue()

    def note(_: ServerConnection, request: Request) -> None:
        requests.put_nowait(request)

    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, process_request=note) as server:
        model = await soon(open_model(f"ws://127.0.0.1:{port_of(server.sockets)}", {"Authorization": "Bearer of news"}))
        await soon(model.close())
    assert requests.get_nowait().headers["Authorization"] == "Bearer of news"


async def test_nobody_may_be_there() -> None:
    """
    A refused connection is the peer's fault, and no refusal of the session.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = port_of([server])
    with pytest.raises(PeerError, match="cannot be reached") as caught:
        await soon(open_model(f"ws://127.0.0.1:{port}", {}))
    assert not isinstance(caught.value, ModelRefused)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 ", b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"HTTP/1.1 101 Yes\r\n\r\n"])
async def test_somebody_else_may_be_there(answer: bytes) -> None:
    """
    An answer that is none, or no answer before the end, is the peer's fault.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_to(reader)
        writer.write(answer)

    async with serving(serve) as url:
        with pytest.raises(PeerError, match="cannot be reached"):
            await soon(open_model(url, {}))


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "ws://", "example.com"])
async def test_an_address_may_be_none(url: str) -> None:
    """
    That is ours to fix.
    """
    with pytest.raises(ConfigError):
        await soon(open_model(url, {}))


@pytest.mark.slow
@UVLOOP
async def test_a_second_attempt_is_made_beside_the_first() -> None:
    """
    When the first is not answered within three seconds; whichever loses is let go.
    """
    firsts: asyncio.Queue[bytes] = asyncio.Queue()
    attempts = iter(["mute", "speaks"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await answer_to(reader)
        if next(attempts) == "speaks":
            writer.write(answer)
            await soon(reader.read(1))
        else:
            firsts.put_nowait(await reader.read())

    async with serving(serve) as url:
        began_s = asyncio.get_running_loop().time()
        model = await soon(open_model(url, {}))
        assert 2.9 < asyncio.get_running_loop().time() - began_s < 4
        assert await soon(firsts.get()) == b""
        await soon(model.close())


@pytest.mark.slow
@UVLOOP
async def test_a_mute_model_is_given_up() -> None:
    """
    Six seconds and two attempts, and neither leaves a connection behind.
    """
    left: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await answer_to(reader)
        left.put_nowait(await reader.read())

    async with serving(serve) as url:
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(PeerError, match="within 6 s"):
            await open_model(url, {})
        assert 5.9 < asyncio.get_running_loop().time() - began_s < 7
        assert [await soon(left.get()), await soon(left.get())] == [b"", b""]
