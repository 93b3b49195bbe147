"""The provider's media stream: aiohttp reads the handshake, websockets answers it, and both are then relieved."""

from http import HTTPStatus

from aiohttp import web
from websockets.datastructures import Headers
from websockets.http11 import Request
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
    socket = TextSocket(transport, client=False, limit_bytes=FRAME_LIMIT_BYTES)
    transport.write(answer.serialize())
    return socket
