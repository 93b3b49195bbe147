"""
What is paid for: tokens by kind, and seconds that were written down.

A server counts what a response read twice: by what it was (text, audio, images), and how much of that it had in its
cache. Here each token is counted once, as cached or as not cached. What a server does not say is taken to be text, as
the words of a transcription are and the thoughts of a model; but where it tells no kinds at all, nothing can be said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Self, TypeAlias

from gateway.protocol.model.events import (
    RealtimeModelCachedTokensDetails,
    RealtimeModelInputTokensDetails,
    RealtimeModelUsageEvent,
)
from gateway.protocol.model.usage import read_usage

Modality = Literal["text", "audio", "image"]
Way = Literal["input", "cached_input", "output"]
Kind: TypeAlias = tuple[Modality, Way]

MODALITIES: tuple[Modality, ...] = ("text", "audio", "image")
KINDS: tuple[Kind, ...] = (
    ("text", "input"),
    ("text", "cached_input"),
    ("text", "output"),
    ("audio", "input"),
    ("audio", "cached_input"),
    ("audio", "output"),
    ("image", "input"),
    ("image", "cached_input"),
)
"""Every kind of token there is; `input` is what was not cached."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens by kind, and seconds; usages can be added up."""

    tokens: Mapping[Kind, int] = field(default_factory=dict)
    """None of them is zero."""
    seconds: Decimal = Decimal(0)

    def __add__(self, other: Self) -> "Usage":
        """
        Both together.

        >>> (Usage({("text", "input"): 3}) + Usage({("text", "input"): 4}, Decimal(2))).tokens
        {('text', 'input'): 7}
        """
        kinds: dict[Kind, int] = {**self.tokens, **other.tokens}
        summed = {kind: self.tokens.get(kind, 0) + other.tokens.get(kind, 0) for kind in kinds}
        return Usage(summed, self.seconds + other.seconds)


def response_usage(found: RealtimeModelUsageEvent | Mapping[str, object]) -> Usage | None:
    """What a response used, by its event or as the server wrote it; None when the server does not say of what kind."""
    event = found if isinstance(found, RealtimeModelUsageEvent) else read_usage(dict(found))
    if event is None or (event.usage.input_tokens > 0 and event.input_tokens_details is None):
        return None
    if event.usage.output_tokens > 0 and event.output_tokens_details is None:
        return None
    return Usage(dict([*_read(event), *_made(event)]))


def transcription_usage(found: Mapping[str, object]) -> Usage | None:
    """What a transcription used, by tokens or by time; None when the server says neither."""
    match found:
        case {"type": "duration", "seconds": float() | int() as seconds} if not isinstance(seconds, bool):
            return Usage(seconds=max(Decimal(0), Decimal(str(seconds)))) if abs(seconds) < _ENDLESS_S else None
        case {"input_tokens": int()}:
            return _transcribed(read_usage(dict(found)))
        case _:
            return None


_ENDLESS_S = 1e9
"""Above it, no transcription: a server that counts no more."""


def _transcribed(event: RealtimeModelUsageEvent | None) -> Usage | None:
    """Where kinds are not told, what is read is audio and what is made is text."""
    if event is None:
        return None
    read = list(_read(event)) or [(("audio", "input"), event.usage.input_tokens)]
    made: list[tuple[Kind, int]] = [(("text", "output"), event.usage.output_tokens)]
    return Usage({kind: count for kind, count in (*read, *made) if count > 0})


def _read(event: RealtimeModelUsageEvent) -> Iterator[tuple[Kind, int]]:
    details = event.input_tokens_details
    if details is None:
        return
    counts = _by_modality(details)
    counts["text"] += max(0, event.usage.input_tokens - sum(counts.values()))
    for modality, cached in _cached(details, counts).items():
        yield from _told((modality, "input"), counts[modality] - cached)
        yield from _told((modality, "cached_input"), cached)


def _made(event: RealtimeModelUsageEvent) -> Iterator[tuple[Kind, int]]:
    details = event.output_tokens_details
    if details is None:
        return
    audio = max(0, details.audio_tokens or 0)
    text = max(0, details.text_tokens or 0, event.usage.output_tokens - audio)
    yield from _told(("text", "output"), text)
    yield from _told(("audio", "output"), audio)


def _cached(details: RealtimeModelInputTokensDetails, counts: Mapping[Modality, int]) -> dict[Modality, int]:
    """How much of each was cached; never more than there was. What is not told by kind counts as text first."""
    told = _by_modality(details.cached_tokens_details or RealtimeModelCachedTokensDetails())
    cached = {modality: min(told[modality], counts[modality]) for modality in MODALITIES}
    left = max(0, (details.cached_tokens or 0) - sum(told.values()))
    for modality in MODALITIES:
        more = min(left, counts[modality] - cached[modality])
        cached[modality] += more
        left -= more
    return cached


def _by_modality(details: RealtimeModelInputTokensDetails | RealtimeModelCachedTokensDetails) -> dict[Modality, int]:
    return {
        "text": max(0, details.text_tokens or 0),
        "audio": max(0, details.audio_tokens or 0),
        "image": max(0, details.image_tokens or 0),
    }


def _told(kind: Kind, count: int) -> Iterator[tuple[Kind, int]]:
    if count:
        yield kind, count
