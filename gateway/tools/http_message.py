"""
Requests and answers of the client that tools share, and where one leads to the next.

An answer that leads elsewhere is followed as browsers do: 303 asks with GET from then on, 301 and 302 do for what was a
POST, all else is asked again as it was. Only another path of the same server is told everything; another server gets no
header that it does not need, since any of them may hold a secret. From https nothing leads back to http.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.errors import PeerError
from gateway.lines.targets import HostRule, Target, redirected
from gateway.lines.tools.http_auth import IDEMPOTENCY_KEY
from gateway.tools.addresses import Network

REDIRECTS = frozenset({301, 302, 303, 307, 308})
BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses that may be others a moment later."""
FIRST_PAUSE_S = 0.2

_HARMLESS = frozenset({"accept", "accept-language", "content-language", "content-type", IDEMPOTENCY_KEY.lower()})
_OF_BODY = frozenset({"content-type", "content-language"})


class NotAllowedError(PeerError):
    """A request was led to where it must not go; nothing was sent there."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent, and where it may be led to; only whom it goes to may be shown."""

    method: str
    target: Target = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    hosts: tuple[HostRule, ...] = ()
    networks: tuple[Network, ...] = ()
    """Those that it may reach though they are not public."""
    may_repeat: bool = False
    """Whether it does no harm if it is sent twice."""
    retries: int = 0

    def __post_init__(self) -> None:
        if self.retries and not self.may_repeat:
            raise ValueError(f"{self.method} is not to be repeated, and {self.retries} retries are asked for")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    whole: bool = True
    """Whether the body is all there was."""
    location: str = field(default="", repr=False)
    retry_after: str = ""

    @property
    def leads_on(self) -> bool:
        """Whether it says to ask elsewhere."""
        return self.status in REDIRECTS and bool(self.location)


def led_on(request: HttpRequest, answer: HttpAnswer) -> HttpRequest:
    """
    The request that follows on an answer that leads elsewhere.

    Raises `NotAllowedError` when that makes no sense; whether it may go there is looked at when it is sent.
    """
    try:
        target = redirected(request.target, answer.location)
    except ValueError as error:
        raise NotAllowedError(f"{request.target.origin} leads to an address that {error}") from error
    if request.target.scheme == "https" and target.scheme == "http":
        raise NotAllowedError(f"{request.target.origin} leads to {target.origin}, which everybody can read")
    headers = {
        name: value
        for name, value in request.headers.items()
        if target.origin == request.target.origin or name.lower() in _HARMLESS
    }
    if _becomes_get(request.method, answer.status):
        left = {name: value for name, value in headers.items() if name.lower() not in _OF_BODY}
        return replace(request, method="GET", target=target, headers=left, body=None)
    return replace(request, target=target, headers=headers)


def pause_s(attempt: int, retry_after: str, chance: float) -> float:
    """
    How long to wait behind an attempt that came to nothing, counted from 1; *chance* is from 0 to 1.

    >>> [pause_s(attempt, "", 1.0) for attempt in (1, 2, 3)], pause_s(1, "5", 0.0)
    ([0.2, 0.4, 0.8], 5.1)
    """
    asked_s = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 10 else 0
    return asked_s + FIRST_PAUSE_S * 2.0 ** (attempt - 1) * (1 + chance) / 2


def _becomes_get(method: str, status: int) -> bool:
    return (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST")
