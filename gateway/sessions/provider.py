"""The provider's media stream: aiohttp reads the handshake, websockets answers it."""

from http import HTTPStatus

from aiohttp import web
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol

from gateway.sessions.socket import TextSocket

FRAME_LIMIT_BYTES = 64 * 1024


def accept(request: web.Request) -> TextSocket:
    """
    Answer the handshake, without compression, and take the connection over from aiohttp.

    Raises `HTTPBadRequest` when it is no handshake.
    """
    answer = ServerProtocol().accept(Request(request.raw_path, Headers(request.headers.items())))
    transport = request.transport
    if answer.status_code != HTTPStatus.SWITCHING_PROTOCOLS or transport is None:
        raise web.HTTPBadRequest(text="a media stream is a WebSocket\n")
    socket = TextSocket(Protocol(Side.SERVER, max_size=FRAME_LIMIT_BYTES), transport)
    transport.write(answer.serialize())
    return socket
