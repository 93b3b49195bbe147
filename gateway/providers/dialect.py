"""What every provider's module must offer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.providers.events import ProviderEvent

Fields = Mapping[str, tuple[str, ...]]
"""A form or a query: every value of every field, decoded."""
DialOutcome = Literal["transferred", "busy", "no_answer", "failed"]
"""Of putting a caller through; the first when the two have talked, and are done."""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call that rings, as the webhook tells it."""

    call_sid: str
    caller: str
    """A number, or a word such as `anonymous`: never proof of who calls."""
    called: str
    stir: Literal["A", "B", "C"] | None = None
    """How far a carrier vouches for the caller's number; None when none does."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of the INVITE, as far as the provider passes them on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is needed to have a call streamed to the gateway."""

    stream_url: str
    """Where the provider opens its media socket; without a query string."""
    status_url: str
    """Where it reports what becomes of the stream."""
    token: str
    """Brought back in the stream's start, once."""
    apology: str
    """Said to the caller when the stream fails."""
    fallback_uri: str | None = None
    """Whom the caller is put through to before that, `tel:+15550199` or `sip:user@host`; None for nobody."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Brought back in the stream's start too."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Whom a caller is to be put through to."""

    target_uri: str
    """`tel:` and a number, or `sip:` and an address."""
    ring_s: int | None = None
    """How long it may ring; None is as long as the provider lets it."""
    caller_id: str = ""
    """The number that is shown to whoever is called; empty shows the caller's."""
    action_url: str = ""
    """Asked what to do with the caller next, however it went; empty ends the call."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """What became of putting a caller through."""

    call_sid: str
    outcome: DialOutcome
    caller_left: bool
    """Whether the caller hung up before anybody answered."""


@dataclass(frozen=True, slots=True)
class CallStatus:
    """What a status callback reports."""

    call_sid: str
    status: str
    """`stream-started`, `stream-stopped` and `stream-error`, or the state of the call."""
    detail: str = ""
    is_over: bool = False
    """Whether the call has ended."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as the provider signed it."""

    method: str
    urls: tuple[str, ...]
    """Under which addresses the provider may have known us, the likeliest first."""
    fields: Fields
    headers: Mapping[str, str]


class Dialect(Protocol):
    """One provider's way of speaking; holds no state."""

    token_parameter: str
    """Name of the stream parameter that carries the token."""

    def is_signed(self, request: Signed, secret: str) -> bool:
        """Whether the provider that shares *secret* with us sent this request."""

    def signature_present(self, headers: Mapping[str, str]) -> bool:
        """Whether the request claims a signature at all."""

    def incoming_call(self, fields: Fields) -> IncomingCall:
        """Read the webhook of a call that rings; raises `RemoteProtocolError` on missing fields."""

    def call_status(self, fields: Fields) -> CallStatus:
        """Read a status callback."""

    def answer(self, answer: Answer) -> str:
        """The body that has the call streamed to us."""

    def rejection(self, *, busy: bool) -> str:
        """The body that turns a call away before it is answered: as busy, or as not wanted."""

    def refusal(self, message: str) -> str:
        """The body that says *message* to the caller and hangs up."""

    def forward(self, target_uri: str) -> str:
        """The body that puts the caller through to a `tel:` or `sip:` address."""

    def dial(self, dial: Dial) -> str:
        """The body that puts the caller through, and then asks what to do next."""

    def dialled(self, fields: Fields) -> Dialled:
        """Read what became of that; raises `RemoteProtocolError` on missing fields."""

    def hang_up(self) -> str:
        """The body that ends the call."""

    def parse(self, text: bytes) -> ProviderEvent:
        """Read one frame of the media socket; raises `RemoteProtocolError` when it is malformed."""

    def media(self, stream_sid: str, payload: str) -> bytes:
        """Play base64 PCMU behind what is queued."""

    def mark(self, stream_sid: str, name: str) -> bytes:
        """Have *name* echoed when everything before it was played."""

    def clear(self, stream_sid: str) -> bytes:
        """Throw away what is queued."""


def one(fields: Fields, name: str, default: str = "") -> str:
    """The first value of a field."""
    return next(iter(fields.get(name, ())), default)


def collected(pairs: Iterable[tuple[str, str]]) -> Fields:
    """
    Group decoded pairs by name.

    >>> collected([("a", "1"), ("b", "2"), ("a", "3")])
    {'a': ('1', '3'), 'b': ('2',)}
    """
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return fields
