"""
OpenAI's calls API: how a call that came by SIP is accepted, rejected, passed on and ended.

A success is an empty answer, and says that the call is on its way to be what was asked, not that it is there: there is
a session when it can be attached to, and whether a transfer succeeded is never told. A call that is not found is one
whose caller has left, at any time and whatever was asked, which is no error.

The service has been seen to answer 200 to a session that it then did not open, and 404 without a body.

https://platform.openai.com/docs/guides/realtime-sip, https://platform.openai.com/docs/api-reference/realtime-calls
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus

import msgspec

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.providers.rest import Done, Gone, Reply, Settled

_CALL_ID = re.compile(r"\w[\w.~-]{0,199}", re.ASCII)
_TARGET_URI = re.compile(r"tel:\+[1-9][0-9]{1,14}|sips?:[!#-;=?-~]{1,250}", re.IGNORECASE)
_CALL_NOT_FOUND = "call_id_not_found"
_REFUSALS = range(400, 700)


class SipStatus(IntEnum):
    """What a caller's telephone is told whose call is rejected."""

    NOT_FOUND = 404
    UNAVAILABLE = 480
    BUSY = 486
    DECLINED = 603


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One request about a call."""

    asked: str
    """Who was asked for what, as a message begins that tells of it."""
    url: str
    api_key: str = field(repr=False)
    body: bytes = field(repr=False)
    """JSON, or nothing; a session may hold what opens the tools of others."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "POST"

    @property
    def authorization(self) -> str:
        """The header that says who asks."""
        return f"Bearer {self.api_key}"

    @property
    def repeatable(self) -> bool:
        """A call is accepted, passed on or ended once, however often that is asked."""
        return True

    @property
    def content_type(self) -> str:
        """What the body is."""
        return "application/json"

    def read(self, body: bytes) -> Reply:
        """Find in an answer the error that it shows; one without a code is called by its type."""
        if not body.strip():
            return Reply(clean=True)
        try:
            error = _decode(body).error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Reply(clean=False)
        if error is None:
            return Reply(clean=True)
        return Reply(False, error.code if error.code is not None else error.type, error.message or "")

    def settled(self, status: int, reply: Reply) -> Settled | None:
        """Whether it is done, or the caller has left."""
        if status // 100 == 2 and reply.clean:
            return Done()
        if status == HTTPStatus.NOT_FOUND and (reply.clean or reply.code == _CALL_NOT_FOUND):
            return Gone()
        return None

    def advice(self, status: int, reply: Reply) -> str:
        """Name the setting that may be wrong, or the page that says what may be asked."""
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return "check that OPENAI_API_KEY is a key of the project whose webhook told of the call"
        if reply.code is None or status == HTTPStatus.NOT_FOUND:
            return "check that GATEWAY_OPENAI_API_URL is the address of OpenAI's API, and that the model exists"
        return "see https://platform.openai.com/docs/api-reference/realtime-calls"


@dataclass(frozen=True, slots=True)
class OpenAICalls:
    """The API at one address, such as `https://api.openai.com/v1`, for the project that one key belongs to."""

    url: str
    api_key: str = field(repr=False)

    def accept(self, call_id: str, session: Mapping[str, object]) -> CallRequest:
        """Take a call that rings, with the whole session that answers it."""
        missing = sorted({"type", "model"} - session.keys())
        if missing:
            raise LocalProtocolError(f"the session of a call has no {' and no '.join(missing)}; expected both")
        return self._request("accept the call", call_id, "accept", msgspec.json.encode(session))

    def reject(self, call_id: str, status_code: int = SipStatus.DECLINED) -> CallRequest:
        """Turn a call away that rings; the status code is SIP's."""
        if status_code not in _REFUSALS:
            raise LocalProtocolError(f"a call is rejected with {status_code}; expected a SIP status from 400 to 699")
        return self._request("reject the call", call_id, "reject", msgspec.json.encode({"status_code": status_code}))

    def refer(self, call_id: str, target_uri: str) -> CallRequest:
        """Pass a call on; it ends here when, and if, that succeeds."""
        if not _TARGET_URI.fullmatch(target_uri):
            found = target_uri[:60]
            raise LocalProtocolError(f"a call is referred to {found!r}; expected tel:+15550199 or sip:user@host")
        return self._request("transfer the call", call_id, "refer", msgspec.json.encode({"target_uri": target_uri}))

    def hang_up(self, call_id: str) -> CallRequest:
        """End a call; one that is over already will do."""
        return self._request("end the call", call_id, "hangup", b"")

    def _request(self, asked: str, call_id: str, verb: str, body: bytes) -> CallRequest:
        address = f"{self.url}/realtime/calls/{checked_call_id(call_id)}/{verb}"
        return CallRequest(f"OpenAI was asked to {asked}", address, self.api_key, body)


def checked_call_id(call_id: str) -> str:
    """Take what was sent as the identifier of a call; raises `RemoteProtocolError` when it would not fit an address."""
    if not _CALL_ID.fullmatch(call_id):
        raise RemoteProtocolError(f"call_id is {call_id[:40]!r}; expected letters, digits, underscores and hyphens")
    return call_id
