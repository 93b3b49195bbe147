"""
The webhook by which OpenAI tells of a call that came by SIP.

The signature is that of Standard Webhooks: HMAC-SHA256 over id, time and body, once for each secret that is in use, so
that one of several is enough. It is looked at before the time, which makes a request that is stale one that was really
sent, only long ago. The same webhook comes again, with its id and a new time, until it is answered well; and a call may
be told of by more than one. So both ids are remembered, in `Seen`.

The headers are the caller's, and prove nothing.

https://www.standardwebhooks.com, https://platform.openai.com/docs/guides/realtime-sip
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.errors import ConfigError, RemoteProtocolError
from gateway.providers.openai_calls import checked_call_id
from gateway.providers.sip_address import e164, users

ID_HEADER = "webhook-id"
TIME_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
TOLERANCE_S = 300
INCOMING = "realtime.call.incoming"
REMEMBERED_S = 73 * 3600.0
"""A little longer than a webhook is sent again."""
REMEMBERED = 20_000
"""Ids, of which a call has two."""

_UNIX_TIME = re.compile(r"[0-9]{1,12}")
_SECRET_PREFIX = "whsec_"
_SIGNATURE_PREFIX = b"v1,"
_DIALLED = ("P-Called-Party-ID", "Diversion", "History-Info")
"""What a trunk may name the dialled number in when `To` is the project that it dialled instead."""
_COMPACT = {"f": "from", "t": "to", "i": "call-id"}

Reason = Literal["missing_header", "malformed_time", "bad_signature", "stale"]


class WebhookRefused(RemoteProtocolError):  # noqa: N818 - a refusal is what it is
    """A request that OpenAI did not send, or sent too long ago."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class IncomingSipCall:
    """A call that rings at OpenAI until it is accepted or rejected."""

    call_id: str
    webhook_id: str
    created_s: float | None
    """When the webhook came to be, in Unix time; None where it does not say."""
    headers: tuple[tuple[str, str], ...]
    """Names and values of the INVITE's headers, in its order."""

    @property
    def caller(self) -> str:
        """A number, a user or `anonymous`: never proof of who calls."""
        return next(self._users("From"), "anonymous")

    @property
    def called(self) -> str:
        """A number or a user; empty where `To` names nobody."""
        return next(self._users("To"), "")

    def header(self, name: str) -> Iterator[str]:
        """Every value of a header, in whatever spelling its name came."""
        wanted = name.lower()
        for found, value in self.headers:
            if _COMPACT.get(found.lower(), found.lower()) == wanted:
                yield value

    @property
    def line_numbers(self) -> tuple[str, ...]:
        """What a line may be found by, the likeliest first; a number without a plus is tried with it too."""
        found = [user for name in ("To", "From", *_DIALLED) for user in self._users(name)]
        return tuple(dict.fromkeys(spelling for user in found for spelling in (user, e164(user))))

    def _users(self, name: str) -> Iterator[str]:
        return (user for value in self.header(name) for user in users(value))


class _Header(msgspec.Struct):
    name: str
    value: str


class _Call(msgspec.Struct):
    call_id: str
    sip_headers: list[_Header] = []


class _Event(msgspec.Struct):
    type: str
    created_at: float | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_call = msgspec.json.Decoder(_Call).decode


def signing_key(secret: str) -> bytes:
    """The bytes that a secret stands for; raises `ConfigError` when it stands for none."""
    if not secret.startswith(_SECRET_PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
    if not key:
        raise ConfigError("OPENAI_WEBHOOK_SECRET is no secret; expected whsec_ and base64, as OpenAI shows it once")
    return key


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
    """
    Make sure that OpenAI sent *body*, in the last five minutes by the Unix time *now_s*.

    Raises `WebhookRefused` when it did not, `ConfigError` when the secret is none.
    """
    key = signing_key(secret)
    webhook_id, sent, signatures = (_needed(headers, name) for name in (ID_HEADER, TIME_HEADER, SIGNATURE_HEADER))
    if not _UNIX_TIME.fullmatch(sent):
        raise WebhookRefused("malformed_time", f"{TIME_HEADER} is {sent[:40]!r}; expected seconds of Unix time")
    signed = b".".join((_raw(webhook_id), _raw(sent), body))
    signature = _SIGNATURE_PREFIX + base64.b64encode(hmac.digest(key, signed, "sha256"))
    if not any(hmac.compare_digest(signature, _raw(found)) for found in signatures.split()):
        raise WebhookRefused("bad_signature", "no signature matches; is OPENAI_WEBHOOK_SECRET that of this webhook?")
    age_s = now_s - int(sent)
    if abs(age_s) > TOLERANCE_S:
        raise WebhookRefused("stale", f"it was sent {age_s:.0f} s ago; expected at most {TOLERANCE_S} s")


def incoming(headers: Mapping[str, str], body: bytes) -> IncomingSipCall | None:
    """
    Read what was verified; None when it tells of something else than a call that rings.

    Raises `RemoteProtocolError` when it is malformed.
    """
    try:
        event = _decode_event(body)
        call = _decode_call(event.data) if event.type == INCOMING else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"the webhook cannot be read: {error}") from error
    if call is None:
        return None
    found = tuple((header.name, header.value) for header in call.sip_headers)
    return IncomingSipCall(checked_call_id(call.call_id), _needed(headers, ID_HEADER), event.created_at, found)


class Seen:
    """Which calls were told of before; the longest known are forgotten first."""

    def __init__(self, *, keep_s: float = REMEMBERED_S, most: int = REMEMBERED) -> None:
        self._keep_s = keep_s
        self._most = most
        self._since_s: dict[tuple[str, str], float] = {}

    def __len__(self) -> int:
        return len(self._since_s)

    def is_first(self, call: IncomingSipCall, *, now_s: float) -> bool:
        """Whether neither the webhook nor the call was known; from now on both are."""
        ids = (("webhook", call.webhook_id), ("call", call.call_id))
        self._forget(lambda oldest_s: oldest_s <= now_s - self._keep_s)
        known = any(name in self._since_s for name in ids)
        for name in ids:
            self._since_s.setdefault(name, now_s)
        self._forget(lambda _: len(self._since_s) > self._most)
        return not known

    def _forget(self, is_due: Callable[[float], bool]) -> None:
        while self._since_s:
            oldest = next(iter(self._since_s))
            if not is_due(self._since_s[oldest]):
                return
            del self._since_s[oldest]


def _needed(headers: Mapping[str, str], name: str) -> str:
    """A header in whatever spelling; raises `WebhookRefused` when it is missing or empty."""
    found = next((value for key, value in headers.items() if key.lower() == name), "")
    if not found:
        raise WebhookRefused("missing_header", f"the header {name} is missing")
    return found


def _raw(header: str) -> bytes:
    """A header as it was sent; what is no UTF-8 comes as surrogates."""
    return header.encode(errors="surrogateescape")
