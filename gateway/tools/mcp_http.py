"""
An MCP server that listens elsewhere, which is spoken to over streamable HTTP.

A request that fails ends the connection and all that is under way over it: whoever owns the client opens another.
Nothing of the environment is used: no proxies, no passwords from a `.netrc`. How long an answer takes is for others to
bound; here its size is.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.session import MessageHandlerFnT
from mcp.client.streamable_http import streamable_http_client

from gateway.tools.mcp_process import LONGEST_MESSAGE_BYTES

CONNECT_WITHIN_S = 3.0
SENT_WITHIN_S = 5.0


class _TooLongError(httpx2.StreamError):
    """An answer is longer than one may be."""

    def __init__(self) -> None:
        super().__init__(f"the answer has more than {LONGEST_MESSAGE_BYTES} bytes")


class _Bounded(httpx2.AsyncByteStream):
    """A body that breaks off where it gets too long."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read_bytes = 0
        async for chunk in self._body:
            read_bytes += len(chunk)
            if read_bytes > LONGEST_MESSAGE_BYTES:
                raise _TooLongError
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


@asynccontextmanager
async def http_client(
    message_handler: MessageHandlerFnT, *, url: str, headers: Mapping[str, str]
) -> AsyncIterator[Client]:
    """
    Speak to the server at *url*, and end the session there when done.

    Raises a group with what went wrong when a request fails.
    """
    async with httpx2.AsyncClient(
        headers={"Accept-Encoding": "identity"} | dict(headers),
        timeout=httpx2.Timeout(SENT_WITHIN_S, connect=CONNECT_WITHIN_S, read=None),
        trust_env=False,
        event_hooks={"response": [_bound]},
    ) as http:
        streams = streamable_http_client(url, http_client=http, max_sse_event_size=LONGEST_MESSAGE_BYTES)
        async with Client(streams, message_handler=message_handler, cache=None) as client:
            yield client


async def _bound(response: httpx2.Response) -> None:
    """Events have a bound of their own; what is compressed though nobody asked for that could unpack to anything."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _TooLongError
    if isinstance(response.stream, httpx2.AsyncByteStream) and not _is_event_stream(response):
        response.stream = _Bounded(response.stream)


def _is_event_stream(response: httpx2.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/event-stream")
