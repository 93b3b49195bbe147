"""
The HTTP client of all tools, which goes nowhere that it must not go.

What is checked is what is connected to. A host is looked up once for each request; if any of its addresses is one that
must not be reached, none is used; and the connection is made to the very address that was checked, by its number. The
name goes along in the `Host` header, and as the name that the certificate must have. So there is no second look-up that
could be answered differently, and a connection that is kept open is kept under its address and that name: who finds it
again has had the same address checked. Every redirect is a request of its own, checked like the first.

Nothing is taken from the environment (no proxies, no `.netrc`), and no cookies are kept. A request that must not come
twice never goes over a connection that was kept, for that may have gone stale, and it would not be known whether the
request came through.

All of it (looking up, connecting, redirects, pauses, reading) is over within the time that the caller gives.
"""

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from itertools import count

import aiohttp
from yarl import URL

from gateway.errors import PeerError
from gateway.lines.targets import Target
from gateway.tools.addresses import Address, as_address, refusal
from gateway.tools.http_message import BUSY, HttpAnswer, HttpRequest, NotAllowedError, led_on, pause_s

logger = logging.getLogger(__name__)

BODY_LIMIT_BYTES = 64 * 1024
MOST_REDIRECTS = 3
MOST_ADDRESSES = 4
CONNECT_WITHIN_S = 2.0
"""To one address; then the next is tried."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the addresses of a host, for a port; raises `OSError` when it has none."""


class UnansweredError(PeerError):
    """A request was sent, and it is not known what became of it."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """What this machine takes for the addresses of *host*, in the order in which it would try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for _, _, _, _, place in found]


class HttpClient:
    """Asks services; belongs to the loop that it is first used on."""

    def __init__(self, *, resolve: Resolve = look_up, tls: ssl.SSLContext | None = None) -> None:
        """*tls* says whose certificates are believed; None is whom this machine believes."""
        self._resolve = resolve
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def ask(self, request: HttpRequest, *, within_s: float) -> HttpAnswer:
        """
        Ask, and ask again where the request allows it and that may help.

        Raises `NotAllowedError` when it leads where it must not go, `UnansweredError` when it was sent and no answer
        came, and another `PeerError` when it was never sent.
        """
        until_s = asyncio.get_running_loop().time() + within_s
        try:
            async with asyncio.timeout_at(until_s):
                return await self._ask(request, until_s)
        except TimeoutError as error:
            raise UnansweredError(f"{request.target.origin} did not answer within {within_s:g} s") from error

    async def close(self) -> None:
        """Let the connections go, for good."""
        self._closed = True
        for session in self._sessions.values():
            await session.close()

    async def _ask(self, request: HttpRequest, until_s: float) -> HttpAnswer:
        for attempt in count(1):
            outcome = await self._attempt(request)
            wait_s = pause_s(attempt, _asked_for(outcome), random.random())
            in_time = asyncio.get_running_loop().time() + wait_s < until_s
            if attempt > request.retries or not _may_pass(outcome) or not in_time:
                return _settled(outcome)
            logger.info("%s; asking again in %.2f s", _told(request, outcome), wait_s)
            await asyncio.sleep(wait_s)
        raise AssertionError("attempts are not counted to an end")

    async def _attempt(self, request: HttpRequest) -> HttpAnswer | PeerError:
        try:
            return await self._follow(request)
        except NotAllowedError:
            raise
        except PeerError as error:
            return error

    async def _follow(self, request: HttpRequest) -> HttpAnswer:
        for _ in range(MOST_REDIRECTS):
            answer = await self._send(request)
            if not answer.leads_on:
                return answer
            request = led_on(request, answer)
        answer = await self._send(request)
        if answer.leads_on:
            raise NotAllowedError(f"{request.target.origin} leads on after {MOST_REDIRECTS} redirects")
        return answer

    async def _send(self, request: HttpRequest) -> HttpAnswer:
        """Send it to the first address of its host that takes it."""
        failed: Exception | None = None
        for address in (await self._addresses(request))[:MOST_ADDRESSES]:
            try:
                return await self._send_to(address, request)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                failed = error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise UnansweredError(f"{request.target.origin} did not answer: {type(error).__name__}") from error
        raise PeerError(f"{request.target.origin} cannot be reached: {_why(failed)}") from failed

    async def _addresses(self, request: HttpRequest) -> list[Address]:
        """Where the host of a request is, if it may go there."""
        target = request.target
        if not any(rule.allows(target) for rule in request.hosts):
            raise NotAllowedError(f"{target.origin} is not among the hosts that are allowed")
        addresses = [ip_address(text) for text in await self._looked_up(target)]
        for address in addresses:
            if why := refusal(address, request.networks):
                raise NotAllowedError(f"{target.origin} is at {address}, which {why}")
        return addresses

    async def _looked_up(self, target: Target) -> Sequence[str]:
        if as_address(target.host):
            return [target.host]
        try:
            return await self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise PeerError(f"{target.host} cannot be found: {_why(error)}") from error

    async def _send_to(self, address: Address, request: HttpRequest) -> HttpAnswer:
        target = request.target
        host, query = str(address), target.query.removeprefix("?")
        url = URL.build(
            scheme=target.scheme, host=host, port=target.port, path=target.path, query_string=query, encoded=True
        )
        async with self._session(keeps=request.may_repeat).request(
            request.method,
            url,
            headers={**request.headers, "Host": target.authority},
            data=request.body,
            allow_redirects=False,
            server_hostname=target.host if target.scheme == "https" else None,
        ) as response:
            return await _answer(response)

    def _session(self, *, keeps: bool) -> aiohttp.ClientSession:
        """The connections that are kept, or those that are not."""
        if self._closed:
            raise PeerError("no connections are left to ask over")
        if keeps not in self._sessions:
            self._sessions[keeps] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls or True, force_close=not keeps),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "telephony-gateway", "Accept-Encoding": "gzip, deflate"},
                trust_env=False,
            )
        return self._sessions[keeps]


async def _answer(response: aiohttp.ClientResponse) -> HttpAnswer:
    answer = HttpAnswer(
        response.status,
        response.headers.get("Content-Type", ""),
        location=response.headers.get("Location", ""),
        retry_after=response.headers.get("Retry-After", ""),
    )
    if answer.leads_on:
        response.close()
        return answer
    body, whole = await _body(response)
    return HttpAnswer(answer.status, answer.content_type, body, whole, answer.location, answer.retry_after)


async def _body(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """As much as there may be, unpacked, and whether that is all."""
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            response.close()
            return bytes(body[:BODY_LIMIT_BYTES]), False
    return bytes(body), True


def _may_pass(outcome: HttpAnswer | PeerError) -> bool:
    """Whether it may be another a moment later."""
    return isinstance(outcome, PeerError) or outcome.status in BUSY


def _settled(outcome: HttpAnswer | PeerError) -> HttpAnswer:
    if isinstance(outcome, PeerError):
        raise outcome
    return outcome


def _told(request: HttpRequest, outcome: HttpAnswer | PeerError) -> str:
    return str(outcome) if isinstance(outcome, PeerError) else f"{request.target.origin} answered {outcome.status}"


def _asked_for(outcome: HttpAnswer | PeerError) -> str:
    return "" if isinstance(outcome, PeerError) else outcome.retry_after


def _why(error: BaseException | None) -> str:
    """What went wrong, without the address that the library may quote with all that is in it."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not good: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or type(error.os_error).__name__
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
