"""
Twilio's REST API: how a call is told something from outside its stream, and what the answers mean.

A request is a value that says all that is sent, and what to say about it if it fails. An answer is judged by its status
and by Twilio's own error code: what was asked is done, may be asked for again, or is refused. A request also names the
codes that mean that its aim is reached already, as a call that is over needs no ending; then asking twice does no harm.

Nothing here can show the auth token: it is kept from every `repr`, and what comes back is quoted only where it is an
error of Twilio's making.

https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource,
https://www.twilio.com/docs/usage/twilios-response
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec

from gateway.errors import RemoteProtocolError

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_SECONDS = re.compile(r"[0-9]{1,9}")
_NOT_FOUND = 20404
_NOT_IN_PROGRESS = 21220
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request, as it is sent."""

    asked: str
    """Who was asked for what, as a message begins that tells of it."""
    method: str
    url: str
    account_sid: str
    auth_token: str = field(repr=False)
    form: Mapping[str, str]
    reached_codes: frozenset[int] = frozenset()
    """Errors that mean that there is nothing left to do."""

    @property
    def authorization(self) -> str:
        """The header that says who asks."""
        return "Basic " + base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """What came back."""

    status: int
    body: bytes
    retry_after: str = ""
    """The header of that name."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is so, or was so before."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may be asked for again, but not sooner than that."""

    after_s: float
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be done, however often it is asked for."""

    code: int | None
    """Twilio's number for the error."""
    why: str
    """What came back, and what to do about it."""


Outcome = Done | Retry | Refused


class _Body(msgspec.Struct):
    sid: str = ""
    code: int | None = None
    message: str = ""


_decode = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class TwilioApi:
    """The API at one address, for the account that one token belongs to."""

    url: str
    auth_token: str = field(repr=False)

    def hang_up(self, account_sid: str, call_sid: str) -> RestRequest:
        """End a call; raises `RemoteProtocolError` when the identifiers, which came with its stream, are none."""
        return RestRequest(
            "Twilio was asked to end the call",
            "POST",
            f"{self.url}/2010-04-01/Accounts/{_account(account_sid)}/Calls/{_call(call_sid)}.json",
            account_sid,
            self.auth_token,
            {"Status": "completed"},
            reached_codes=frozenset({_NOT_FOUND, _NOT_IN_PROGRESS}),
        )


def outcome(request: RestRequest, answer: RestAnswer) -> Outcome:
    """Judge what came back; a success is believed only where it shows the resource that was asked for."""
    body = _read(answer.body)
    if answer.status // 100 == 2 and body.sid:
        return Done()
    if answer.status // 100 == 4 and body.code in request.reached_codes:
        return Done()
    found = _found(answer.status, body)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(_asked_pause_s(answer.retry_after), found)
    return Refused(body.code, f"{found}; {_advice(request, answer.status, body.code)}")


def _account(sid: str) -> str:
    if not _ACCOUNT_SID.fullmatch(sid):
        raise RemoteProtocolError(f"accountSid is {sid[:40]!r}; expected AC and 32 hexadecimal digits")
    return sid


def _call(sid: str) -> str:
    if not _CALL_SID.fullmatch(sid):
        raise RemoteProtocolError(f"callSid is {sid[:40]!r}; expected CA and 32 hexadecimal digits")
    return sid


def _read(body: bytes) -> _Body:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()


def _found(status: int, body: _Body) -> str:
    if body.code is None:
        return f"it answered HTTP {status} without saying more"
    return f"it answered HTTP {status}, error {body.code}, {body.message[:_SHOWN_CHARACTERS]!r}"


def _asked_pause_s(retry_after: str) -> float:
    """The header may hold a date as well, which Twilio does not write."""
    return float(retry_after) if _SECONDS.fullmatch(retry_after) else 0.0


def _advice(request: RestRequest, status: int, code: int | None) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"check that GATEWAY_TWILIO_AUTH_TOKEN is the token of the account {request.account_sid}"
    if code is None:
        return "check that GATEWAY_TWILIO_API_URL is the address of Twilio's API"
    return f"see https://www.twilio.com/docs/errors/{code}"
