"""What a provider tells about a call, whatever its dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


class CallerAudio(msgspec.Struct, frozen=True, gc=False):
    """A frame of what the caller said."""

    payload: str
    """PCMU at 8 kHz, as base64."""
    stamp_ms: int | None
    """The provider's clock at this frame, in ms since the stream started; None when the provider gives none."""


class MarkEchoed(msgspec.Struct, frozen=True, gc=False):
    """The provider says that the audio before a mark was played, or flushed."""

    name: str


@dataclass(frozen=True, slots=True)
class DtmfPressed:
    """The caller pressed a key."""

    digit: str
    """One of `0-9`, `*`, `#`, `A-D`."""


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The provider has opened the media of one call."""

    stream_sid: str
    call_sid: str
    account_sid: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the answer to the webhook sent along."""


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The provider ends the media: the caller hung up, or the call was sent elsewhere."""


@dataclass(frozen=True, slots=True)
class FrameIgnored:
    """Something that needs no answer."""

    kind: str


ProviderEvent = CallerAudio | MarkEchoed | DtmfPressed | StreamStarted | StreamStopped | FrameIgnored
