"""
Requests to providers' REST APIs: aiohttp sends them, again and again where that may help, within a bounded time.

Whether an answer settles a request is decided in `gateway.providers`. An answer that does not, and a connection that
fails, are followed by another attempt, after a pause that doubles, varies by chance so that calls that failed together
do not come back together, and is never shorter than the provider asked for. When the next attempt would come too late
the request is given up at once. All requests share one pool of connections, opened with the first of them.
"""

import asyncio
import logging
import math
import random
from itertools import count

import aiohttp

from gateway.errors import PeerError
from gateway.providers.rest import (
    UNREADABLE,
    Done,
    Gone,
    Outcome,
    Refused,
    RestAnswer,
    RestRequest,
    Retry,
    Settled,
    outcome,
)

logger = logging.getLogger(__name__)

CONNECT_WITHIN_S = 2.0
SETTLE_WITHIN_S = 5.0
FIRST_PAUSE_S = 0.25
BODY_LIMIT_BYTES = 64 * 1024


class RequestRefused(PeerError):  # noqa: N818 - a refusal is what it is
    """The provider answered that it will not do what it was asked; asking again will not help."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class MaybeDone(PeerError):  # noqa: N818 - nobody knows whether it is an error
    """The provider did not answer as it should, and may have done what it was asked, which it is not asked twice."""


class RestClient:
    """Asks for what no stream or session can do; belongs to the loop that it is first used on."""

    def __init__(self, *, within_s: float = SETTLE_WITHIN_S) -> None:
        self._within_s = within_s
        self._session: aiohttp.ClientSession | None = None

    async def settle(self, request: RestRequest, *, within_s: float | None = None) -> Settled:
        """
        Ask until it is done, or there is nothing left that it could be done to.

        Raises `RequestRefused` when the provider refuses, `PeerError` when it cannot be reached in time, and
        `MaybeDone` where it is not known whether it was, of what cannot be asked for twice.
        """
        clock_s = asyncio.get_running_loop().time
        until_s = clock_s() + (self._within_s if within_s is None else within_s)
        for attempt in count(1):
            match await self._ask(request, until_s):
                case Done() | Gone() as settled:
                    return settled
                case Refused(_, why, status):
                    raise RequestRefused(status, f"{request.asked}; {why}")
                case Retry(_, why, maybe_done=True) if not request.repeatable:
                    raise MaybeDone(f"{request.asked}; {why}; it is not asked again, since it may have done so")
                case Retry(after_s, why):
                    pause_s = after_s + _backoff_s(attempt, random.random())
            if clock_s() + pause_s >= until_s:
                raise PeerError(f"{request.asked}; {why}; given up after {attempt} attempt(s)")
            logger.debug("%s; %s; asking again in %.2f s", request.asked, why, pause_s)
            await asyncio.sleep(pause_s)
        raise AssertionError("attempts are not counted to an end")

    async def close(self) -> None:
        """Let the connections go, for good; requests under way are given up."""
        await self._pool().close()

    async def _ask(self, request: RestRequest, until_s: float) -> Outcome:
        if self._pool().closed:
            return Retry(math.inf, "no connections are left to ask over")
        try:
            async with asyncio.timeout_at(until_s):
                return outcome(request, await self._send(request))
        except aiohttp.ClientError as error:  # some of which are a TimeoutError too
            was_asked = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            return Retry(0.0, f"it cannot be reached: {error}", maybe_done=was_asked)
        except TimeoutError:
            return Retry(0.0, "it did not answer in time", maybe_done=True)

    async def _send(self, request: RestRequest) -> RestAnswer:
        logger.debug("> %s %s  %d bytes", request.method, request.url, len(request.body))
        headers = {
            "Authorization": request.authorization,
            "Content-Type": request.content_type,
            "Accept-Encoding": "identity",
        }
        async with self._pool().request(
            request.method, request.url, data=request.body, headers=headers, allow_redirects=False
        ) as response:
            logger.debug("< HTTP %d", response.status)
            return RestAnswer(response.status, await _body(response), response.headers.get("Retry-After", ""))

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_WITHIN_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def _backoff_s(attempt: int, chance: float) -> float:
    """
    The pause behind an attempt: half of it, and as much of the other half as *chance*, from 0 to 1, has it.

    >>> [_backoff_s(attempt, 1.0) for attempt in (1, 2, 3, 4)]
    [0.25, 0.5, 1.0, 2.0]
    """
    return FIRST_PAUSE_S * 2.0 ** (attempt - 1) * (1 + chance) / 2


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The answer, or so much of it that it is known to be none."""
    body = b""
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            response.close()
            return UNREADABLE
    return body
