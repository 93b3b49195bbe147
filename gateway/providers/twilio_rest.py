"""
Twilio's REST API: how a call is told something from outside its stream, and what the answers mean.

A success is believed only where it shows the resource that was asked for. A request also names the codes that mean that
its aim is reached already, as a call that is over needs no ending; then asking twice does no harm.

https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource,
https://www.twilio.com/docs/usage/twilios-response
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.providers.rest import Done, Reply

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_NOT_FOUND = 20404
_NOT_IN_PROGRESS = 21220
_IT_IS_OVER = frozenset({_NOT_FOUND, _NOT_IN_PROGRESS})
TWIML_LIMIT = 4_000
"""Characters that Twilio takes with a request; beyond that it answers with error 32018."""


class _Body(msgspec.Struct):
    sid: str = ""
    code: int | None = None
    message: str = ""


_decode = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class TwilioRequest:
    """One request, as Twilio wants it."""

    asked: str
    """Who was asked for what, as a message begins that tells of it."""
    method: str
    url: str
    account_sid: str
    auth_token: str = field(repr=False)
    form: Mapping[str, str]
    reached_codes: frozenset[int] = frozenset()
    """Errors that mean that there is nothing left to do."""
    repeatable: bool = True
    """Whether asking for it twice does no more than asking once."""

    @property
    def authorization(self) -> str:
        """The header that says who asks."""
        return "Basic " + base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()

    @property
    def content_type(self) -> str:
        """What the body is."""
        return "application/x-www-form-urlencoded"

    @property
    def body(self) -> bytes:
        """The form, as it is sent."""
        return urlencode(self.form).encode()

    def read(self, body: bytes) -> Reply:
        """Find in an answer the resource or the error that it shows."""
        try:
            found = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Reply(clean=False)
        return Reply(bool(found.sid), found.code, found.message)

    def settled(self, status: int, reply: Reply) -> Done | None:
        """Whether the resource was changed, or was before as it should be."""
        changed = status // 100 == 2 and reply.clean
        reached = status // 100 == 4 and reply.code in self.reached_codes
        return Done() if changed or reached else None

    def advice(self, status: int, reply: Reply) -> str:
        """Name the setting that may be wrong, or Twilio's page about the error."""
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return f"check that GATEWAY_TWILIO_AUTH_TOKEN is the token of the account {self.account_sid}"
        if reply.code in _IT_IS_OVER:
            return f"the call is over, or not one of the account {self.account_sid}"
        if reply.code is None:
            return "check that GATEWAY_TWILIO_API_URL is the address of Twilio's API"
        return f"see https://www.twilio.com/docs/errors/{reply.code}"


@dataclass(frozen=True, slots=True)
class TwilioApi:
    """The API at one address, for the account that one token belongs to."""

    url: str
    auth_token: str = field(repr=False)

    def hang_up(self, account_sid: str, call_sid: str) -> TwilioRequest:
        """End a call; raises `RemoteProtocolError` when the identifiers, which came with its stream, are none."""
        request = self._request("end the call", account_sid, call_sid, {"Status": "completed"})
        return replace(request, reached_codes=_IT_IS_OVER)

    def update(self, account_sid: str, call_sid: str, twiml: str) -> TwilioRequest:
        """
        Have a call go on with other TwiML, at once; its stream ends.

        Asked twice, Twilio begins twice, and ends what it has begun: so where it is not known whether it was asked, it
        is not asked again. Raises `RemoteProtocolError` as `hang_up` does.
        """
        if len(twiml) > TWIML_LIMIT:
            raise LocalProtocolError(
                f"a call is given {len(twiml)} characters of TwiML; expected {TWIML_LIMIT} at most"
            )
        request = self._request("go on with the call elsewhere", account_sid, call_sid, {"Twiml": twiml})
        return replace(request, repeatable=False)

    def _request(self, asked: str, account_sid: str, call_sid: str, form: Mapping[str, str]) -> TwilioRequest:
        address = f"{self.url}/2010-04-01/Accounts/{_account(account_sid)}/Calls/{_call(call_sid)}.json"
        return TwilioRequest(f"Twilio was asked to {asked}", "POST", address, account_sid, self.auth_token, form)


def _account(sid: str) -> str:
    if not _ACCOUNT_SID.fullmatch(sid):
        raise RemoteProtocolError(f"accountSid is {sid[:40]!r}; expected AC and 32 hexadecimal digits")
    return sid


def _call(sid: str) -> str:
    if not _CALL_SID.fullmatch(sid):
        raise RemoteProtocolError(f"callSid is {sid[:40]!r}; expected CA and 32 hexadecimal digits")
    return sid
