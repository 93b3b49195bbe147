"""
Twilio: voice webhooks answered in TwiML, and Media Streams.

https://www.twilio.com/docs/voice/media-streams/websocket-messages, https://www.twilio.com/docs/voice/twiml/stream,
https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Literal, assert_never
from xml.etree import ElementTree as Xml

import msgspec

from gateway.audio.g711 import is_base64
from gateway.errors import RemoteProtocolError
from gateway.providers.dialect import (
    Answer,
    CallStatus,
    Dial,
    Dialled,
    DialOutcome,
    Fields,
    IncomingCall,
    Signed,
    one,
)
from gateway.providers.events import (
    CallerAudio,
    DtmfPressed,
    FrameIgnored,
    MarkEchoed,
    ProviderEvent,
    StreamStarted,
    StreamStopped,
)

SIGNATURE_HEADER = "X-Twilio-Signature"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIP_HEADER = "SipHeader_"
_ATTESTED = re.compile(r"TN-Validation-Passed-([ABC])(-.*)?")
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_DIALLED: Mapping[str, DialOutcome] = {
    "completed": "transferred",
    "answered": "transferred",
    "busy": "busy",
    "no-answer": "no_answer",
}
"""By `DialCallStatus`; whatever else there is has failed."""
_DIGITS = frozenset("0123456789*#ABCD")
_DEFAULT_PORTS = {"https": "443", "wss": "443", "http": "80", "ws": "80"}

_STAMP_DIGITS = 15
_Natural = Annotated[int, msgspec.Meta(ge=0, lt=10**15)]


class _MediaFormat(msgspec.Struct, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: int = 8000
    channels: int = 1


class _StartBody(msgspec.Struct, rename="camel"):
    call_sid: str
    account_sid: str = ""
    custom_parameters: dict[str, str] = {}
    media_format: _MediaFormat = msgspec.field(default_factory=_MediaFormat)


class _MediaBody(msgspec.Struct):
    payload: str
    timestamp: str | _Natural | None = None


class _DtmfBody(msgspec.Struct):
    digit: str


class _MarkBody(msgspec.Struct):
    name: str


class _Frame(msgspec.Struct, tag_field="event", rename="camel"):
    pass


class _Connected(_Frame, tag="connected"):
    pass


class _Start(_Frame, tag="start"):
    stream_sid: str
    start: _StartBody


class _Media(_Frame, tag="media"):
    media: _MediaBody


class _Dtmf(_Frame, tag="dtmf"):
    dtmf: _DtmfBody


class _Mark(_Frame, tag="mark"):
    mark: _MarkBody


class _Stop(_Frame, tag="stop"):
    pass


class _AnyFrame(msgspec.Struct):
    event: str


class _Payload(msgspec.Struct):
    payload: str


class _PlayMedia(_Frame, tag="media"):
    stream_sid: str
    media: _Payload


class _SendMark(_Frame, tag="mark"):
    stream_sid: str
    mark: _MarkBody


class _Clear(_Frame, tag="clear"):
    stream_sid: str


_Inbound = _Connected | _Start | _Media | _Dtmf | _Mark | _Stop
_KNOWN = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
_decode = msgspec.json.Decoder(_Inbound).decode
_decode_any = msgspec.json.Decoder(_AnyFrame).decode
_encode = msgspec.json.Encoder().encode


class Twilio:
    """The dialect of Twilio Media Streams."""

    token_parameter = "token"

    # Webhooks

    def signature_present(self, headers: Mapping[str, str]) -> bool:
        """Whether `X-Twilio-Signature` is there."""
        return SIGNATURE_HEADER in headers

    def is_signed(self, request: Signed, secret: str) -> bool:
        """
        Check `X-Twilio-Signature`: HMAC-SHA1 over the URL as Twilio knows it and, for a POST, the sorted fields.

        Twilio is not of one mind about the default port, so the URL counts with and without it.
        """
        given = request.headers.get(SIGNATURE_HEADER, "")
        fields = request.fields if request.method == "POST" else {}
        matches = [
            hmac.compare_digest(given.encode(), _signature(secret, variant, fields))
            for url in request.urls
            for variant in (url, _with_default_port(url))
        ]
        return any(matches)

    def incoming_call(self, fields: Fields) -> IncomingCall:
        """Read `CallSid`, `From` and `To`; a `From` need not be a number."""
        call = IncomingCall(
            one(fields, "CallSid"),
            one(fields, "From"),
            one(fields, "To"),
            _attestation(one(fields, "StirVerstat")),
            tuple(
                (name.removeprefix(_SIP_HEADER), one(fields, name)) for name in fields if name.startswith(_SIP_HEADER)
            ),
        )
        if not (call.call_sid and call.called):
            raise RemoteProtocolError(f"a voice webhook needs CallSid and To; found {sorted(fields)}")
        return call

    def call_status(self, fields: Fields) -> CallStatus:
        """Read a stream status callback (`StreamEvent`) or a call status callback (`CallStatus`)."""
        status = one(fields, "StreamEvent") or one(fields, "CallStatus")
        is_over = one(fields, "CallStatus") in _OVER
        return CallStatus(one(fields, "CallSid"), status, one(fields, "StreamError"), is_over)

    def answer(self, answer: Answer) -> str:
        """`<Connect><Stream>`, then the verbs that Twilio reaches only when the gateway closes the socket."""
        response = Xml.Element("Response")
        stream = Xml.SubElement(
            Xml.SubElement(response, "Connect"),
            "Stream",
            {"url": answer.stream_url, "statusCallback": answer.status_url, "statusCallbackMethod": "POST"},
        )
        for name, value in {self.token_parameter: answer.token, **answer.parameters}.items():
            Xml.SubElement(stream, "Parameter", {"name": name, "value": value})
        if answer.fallback_uri is not None:
            _dial(response, Dial(answer.fallback_uri))
        return _say_and_hang_up(response, answer.apology)

    def rejection(self, *, busy: bool) -> str:
        """`<Reject>`, which costs the caller nothing."""
        response = Xml.Element("Response")
        Xml.SubElement(response, "Reject", {"reason": "busy" if busy else "rejected"})
        return Xml.tostring(response, encoding="unicode", xml_declaration=True)

    def refusal(self, message: str) -> str:
        """`<Say>` and `<Hangup>`."""
        return _say_and_hang_up(Xml.Element("Response"), message)

    def forward(self, target_uri: str) -> str:
        """`<Dial>`; whoever the caller is put through to ends the call by hanging up."""
        return self.dial(Dial(target_uri))

    def dial(self, dial: Dial) -> str:
        """`<Dial>` with what is wanted of it; its `action` is asked when the call that it makes is over, or fails."""
        response = Xml.Element("Response")
        _dial(response, dial)
        return Xml.tostring(response, encoding="unicode", xml_declaration=True)

    def dialled(self, fields: Fields) -> Dialled:
        """Read `DialCallStatus`, and in `CallStatus` whether the caller is still there."""
        call_sid, status = one(fields, "CallSid"), one(fields, "DialCallStatus")
        if not (call_sid and status):
            raise RemoteProtocolError(f"the action of a Dial needs CallSid and DialCallStatus; found {sorted(fields)}")
        outcome = _DIALLED.get(status, "failed")
        return Dialled(call_sid, outcome, outcome != "transferred" and one(fields, "CallStatus") in _OVER)

    def hang_up(self) -> str:
        """`<Hangup>`."""
        response = Xml.Element("Response")
        Xml.SubElement(response, "Hangup")
        return Xml.tostring(response, encoding="unicode", xml_declaration=True)

    # Media Streams

    def parse(self, text: bytes) -> ProviderEvent:
        """Read one text frame."""
        try:
            frame = _decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _unknown(text, error)
        match frame:
            case _Media():
                media = frame.media
                payload, stamp = media.payload, media.timestamp
                if isinstance(stamp, str) and stamp.isascii() and stamp.isdecimal() and len(stamp) <= _STAMP_DIGITS:
                    stamp = int(stamp)
                if isinstance(stamp, str) or not (payload and is_base64(payload)):
                    raise _malformed_media(media)
                return CallerAudio(payload, stamp)
            case _Mark():
                return MarkEchoed(frame.mark.name)
            case _Dtmf():
                return _dtmf(frame.dtmf.digit)
            case _Start():
                return _started(frame)
            case _Stop():
                return StreamStopped()
            case _Connected():
                return FrameIgnored("connected")
            case _:
                assert_never(frame)

    def media(self, stream_sid: str, payload: str) -> bytes:
        """`media`."""
        return _encode(_PlayMedia(stream_sid, _Payload(payload)))

    def mark(self, stream_sid: str, name: str) -> bytes:
        """`mark`."""
        return _encode(_SendMark(stream_sid, _MarkBody(name)))

    def clear(self, stream_sid: str) -> bytes:
        """`clear`."""
        return _encode(_Clear(stream_sid))


def _attestation(verdict: str) -> Literal["A", "B", "C"] | None:
    """
    How far the caller's number is vouched for, by `StirVerstat`.

    >>> _attestation("TN-Validation-Passed-B-Diverted"), _attestation("TN-Validation-Failed-A")
    ('B', None)
    """
    found = _ATTESTED.fullmatch(verdict)
    match found and found[1]:
        case "A" | "B" | "C" as level:
            return level
        case _:
            return None


def _dial(response: Xml.Element, dial: Dial) -> None:
    number = dial.target_uri.removeprefix("tel:")
    verb = Xml.SubElement(response, "Dial", _dial_attributes(dial))
    Xml.SubElement(verb, "Sip" if number == dial.target_uri else "Number").text = number


def _dial_attributes(dial: Dial) -> dict[str, str]:
    """What is given of them; Twilio has its own way with the others."""
    wanted = {
        "action": dial.action_url,
        "callerId": dial.caller_id,
        "timeout": "" if dial.ring_s is None else str(dial.ring_s),
    }
    return {name: value for name, value in wanted.items() if value}


def _malformed_media(media: _MediaBody) -> RemoteProtocolError:
    payload, stamp = media.payload, media.timestamp
    if not (payload and is_base64(payload)):
        return RemoteProtocolError(f"media.payload is not base64: {payload[:20]!r}, {len(payload)} characters")
    return RemoteProtocolError(f"media.timestamp is {str(stamp)[:20]!r}; expected a number of milliseconds")


def _dtmf(digit: str) -> DtmfPressed:
    if digit not in _DIGITS:
        raise RemoteProtocolError(f"dtmf.digit is {digit[:20]!r}; expected one of 0-9 * # A-D")
    return DtmfPressed(digit)


def _started(frame: _Start) -> StreamStarted:
    found = frame.start.media_format
    if (found.encoding, found.sample_rate, found.channels) != ("audio/x-mulaw", 8000, 1):
        raise RemoteProtocolError(f"mediaFormat is {found}; expected audio/x-mulaw, 8000 Hz, 1 channel")
    body = frame.start
    return StreamStarted(frame.stream_sid, body.call_sid, body.account_sid, body.custom_parameters)


def _unknown(text: bytes, error: Exception) -> FrameIgnored:
    """A frame of a kind that is not known is no fault; anything else is."""
    try:
        kind = _decode_any(text).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        kind = None
    if kind is None or kind in _KNOWN:
        raise RemoteProtocolError(f"malformed frame: {error}; it begins {text[:60]!r}") from error
    return FrameIgnored(kind)


def _signature(secret: str, url: str, fields: Fields) -> bytes:
    signed = url + "".join(name + value for name in sorted(fields) for value in sorted(set(fields[name])))
    return base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest())


def _with_default_port(url: str) -> str:
    """
    The same address with its default port spelled out, or without it when it already is.

    >>> _with_default_port("https://gw.example.com/twilio/voice")
    'https://gw.example.com:443/twilio/voice'
    >>> _with_default_port("https://gw.example.com:443/twilio/voice")
    'https://gw.example.com/twilio/voice'
    """
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    port = ":" + _DEFAULT_PORTS.get(scheme, "")
    if host.endswith(port):
        host = host.removesuffix(port)
    elif ":" not in host.rpartition("]")[2]:
        host += port
    return scheme + separator + host + slash + path


def _say_and_hang_up(response: Xml.Element, message: str) -> str:
    Xml.SubElement(response, "Say").text = _NOT_XML.sub("", message)
    Xml.SubElement(response, "Hangup")
    return Xml.tostring(response, encoding="unicode", xml_declaration=True)
