"""
TwiML as the phone company reads it: a response becomes a list of verbs to carry out in turn.

Reading is strict where Twilio is strict, and says which of its error codes it would have logged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.sim.codes import AnswerError

PARAMETER_LIMIT = 500
RINGS_FOR_S = 30
LONGEST_RING_S = 600
NOUNS = ("Number", "Sip")


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a media stream, and wait until it has ended."""

    url: str
    parameters: dict[str, str]
    status_callback: str = ""
    action: str = ""
    action_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Say:
    """Read a text to the caller."""

    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play a recording, or digits."""

    url: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Let time pass."""

    length_s: int = 1


@dataclass(frozen=True, slots=True)
class Redirect:
    """Ask that URL what to do next."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Dial:
    """Put the caller through to someone else."""

    to: str
    """A number, or the address of a SIP endpoint."""
    action: str = ""
    timeout_s: int = RINGS_FOR_S
    """How long it may ring."""
    caller_id: str = ""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not take the call at all."""

    reason: str = "rejected"


Verb = Connect | Say | Play | Pause | Redirect | Dial | Hangup | Reject


def read_twiml(text: str, base_url: str) -> list[Verb]:
    """
    Read a response; relative URLs in it belong to *base_url*, which it was fetched from.

    >>> read_twiml("<Response><Say>Hello</Say><Hangup/></Response>", "http://127.0.0.1/voice")
    [Say(text='Hello'), Hangup()]
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise AnswerError(12100, f"expected TwiML, found {text[:80]!r} ({error})") from error
    if root.tag != "Response":
        raise AnswerError(12100, f"expected <Response>, found <{root.tag}>")
    return [_verb(element, base_url) for element in root]


def _verb(element: Element, base_url: str) -> Verb:
    reader = _READERS.get(element.tag)
    if not reader:
        raise AnswerError(12200, f"expected one of {', '.join(_READERS)}, found <{element.tag}>")
    return reader(element, base_url)


def _connect(element: Element, base_url: str) -> Connect:
    stream = element.find("Stream")
    if stream is None:
        raise AnswerError(12100, "expected <Stream> inside <Connect>, found none")
    if (track := stream.get("track", "inbound_track")) != "inbound_track":
        raise AnswerError(31941, f"a connected stream has only inbound_track, found {track!r}")
    return Connect(
        url=_stream_url(stream, base_url),
        parameters=dict(_parameter(child) for child in stream.findall("Parameter")),
        status_callback=stream.get("statusCallback", ""),
        action=_url(element.get("action"), base_url),
        action_method=_method(element),
    )


def _stream_url(stream: Element, base_url: str) -> str:
    url = stream.get("url", "").strip()
    if url and "://" not in url:
        url = urljoin(base_url, url).replace("http", "ws", 1)
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss"):
        raise AnswerError(31922, f"expected a wss:// stream url, found {url!r}")
    if not parts.hostname:
        raise AnswerError(31923, f"expected a host in the stream url, found {url!r}")
    if parts.query:
        raise AnswerError(31920, f"a stream url has no query string, found {url!r}")
    return url


def _parameter(element: Element) -> tuple[str, str]:
    name, value = element.get("name", ""), element.get("value", "")
    if not name or len(name) + len(value) >= PARAMETER_LIMIT:
        found = f"{name!r} with {len(value)} characters"
        raise AnswerError(12100, f"expected a <Parameter> with a name, below 500 characters, found {found}")
    return name, value


def _dial(element: Element, base_url: str) -> Dial:
    if strangers := [noun.tag for noun in element if noun.tag not in NOUNS]:
        raise AnswerError(12200, f"expected {' or '.join(NOUNS)} inside <Dial>, found <{strangers[0]}>")
    to = " ".join("".join(element.itertext()).split())
    timeout = element.get("timeout", str(RINGS_FOR_S))
    if not (timeout.isdecimal() and 0 < int(timeout) <= LONGEST_RING_S):
        raise AnswerError(13212, f"expected a timeout from 1 to {LONGEST_RING_S} on <Dial>, found {timeout!r}")
    return Dial(to, _url(element.get("action"), base_url), int(timeout), element.get("callerId", ""))


def _pause(element: Element) -> Pause:
    length = element.get("length", "1")
    if not length.isdecimal():
        raise AnswerError(12100, f"expected a length in seconds on <Pause>, found {length!r}")
    return Pause(int(length))


def _url(reference: str | None, base_url: str) -> str:
    return urljoin(base_url, reference.strip()) if reference else ""


def _method(element: Element) -> str:
    return element.get("method", "POST").upper()


def _text(element: Element) -> str:
    return (element.text or "").strip()


_READERS: dict[str, Callable[[Element, str], Verb]] = {
    "Connect": _connect,
    "Say": lambda element, _: Say("".join(element.itertext()).strip()),
    "Play": lambda element, base_url: Play(_url(_text(element), base_url), element.get("digits", "")),
    "Pause": lambda element, _: _pause(element),
    "Redirect": lambda element, base_url: Redirect(_url(_text(element), base_url), _method(element)),
    "Dial": _dial,
    "Hangup": lambda element, _: Hangup(),
    "Reject": lambda element, _: Reject(element.get("reason", "rejected")),
}
