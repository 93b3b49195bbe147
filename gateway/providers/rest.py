"""
REST, as far as providers do it alike: a request is a value, and so is what became of it.

A request says all that is sent, what to say about it if it fails, and how its service's answers are read. An answer is
judged by its status and by what the service says in it: what was asked is done, has nothing left to be done to, may be
asked for again, or is refused.

Nothing here can show a secret: it is kept from every `repr`, and what comes back is quoted only where it is an error of
the service's making.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

_SECONDS = re.compile(r"[0-9]{1,9}")
_SHOWN_CHARACTERS = 200

UNREADABLE = b"\0"
"""Stands for a body that is too long to be an answer: what no service says, where saying nothing may be success."""


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """What came back."""

    status: int
    body: bytes
    retry_after: str = ""
    """The header of that name."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer says, in its service's own words."""

    clean: bool
    """Whether it reads like the service's answer, and names no error."""
    code: int | str | None = None
    """The service's name or number for the error."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """It is so, or was so before."""


@dataclass(frozen=True, slots=True)
class Gone:
    """What was asked about is no more: the caller has left."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may be asked for again, but not sooner than that."""

    after_s: float
    why: str
    maybe_done: bool = False
    """Whether it may be so already, and only the answer failed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be done, however often it is asked for."""

    code: int | str | None
    """The service's name or number for the error."""
    why: str
    """What came back, and what to do about it."""
    status: int
    """Of HTTP."""


Settled = Done | Gone
Outcome = Settled | Retry | Refused


class RestRequest(Protocol):
    """One request, as it is sent, to a service whose answers it can read."""

    @property
    def asked(self) -> str:
        """Who was asked for what, as a message begins that tells of it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def url(self) -> str:
        """The whole address."""

    @property
    def authorization(self) -> str:
        """The header that says who asks."""

    @property
    def content_type(self) -> str:
        """What the body is."""

    @property
    def body(self) -> bytes:
        """What is sent; it may hold what is nobody's business."""

    def read(self, body: bytes) -> Reply:
        """Find in an answer what the service says."""

    @property
    def repeatable(self) -> bool:
        """Whether asking for it twice does no more than asking once."""

    def settled(self, status: int, reply: Reply) -> Settled | None:
        """Whether that leaves nothing to do, and why."""

    def advice(self, status: int, reply: Reply) -> str:
        """What to look at when it was refused."""


def outcome(request: RestRequest, answer: RestAnswer) -> Outcome:
    """Judge what came back."""
    reply = request.read(answer.body)
    settled = request.settled(answer.status, reply)
    if settled is not None:
        return settled
    found = _found(answer.status, reply)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Retry(_asked_pause_s(answer.retry_after), found)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(_asked_pause_s(answer.retry_after), found, maybe_done=True)
    return Refused(reply.code, f"{found}; {request.advice(answer.status, reply)}", answer.status)


def _found(status: int, reply: Reply) -> str:
    if reply.code is None:
        return f"it answered HTTP {status} without saying more"
    return f"it answered HTTP {status}, error {str(reply.code)[:40]}, {reply.message[:_SHOWN_CHARACTERS]!r}"


def _asked_pause_s(retry_after: str) -> float:
    """The header may hold a date as well, which these services do not write."""
    return float(retry_after) if _SECONDS.fullmatch(retry_after) else 0.0
