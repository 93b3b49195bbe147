"""What a response cost, as far as the server counts it."""

from gateway.protocol.model.events import (
    RealtimeModelCachedTokensDetails,
    RealtimeModelInputTokensDetails,
    RealtimeModelOutputTokensDetails,
    RealtimeModelUsageEvent,
    RealtimeUsage,
)


def read_usage(found: object) -> RealtimeModelUsageEvent | None:
    """
    The usage of a response; None when the server tells none. A count that is no number is not counted.

    >>> read_usage({"input_tokens": 8, "output_tokens": 2, "total_tokens": "ten"}).usage
    RealtimeUsage(input_tokens=8, output_tokens=2, total_tokens=10, requests=1)
    """
    if not isinstance(found, dict):
        return None
    read, made = _count(found, "input_tokens") or 0, _count(found, "output_tokens") or 0
    total = _count(found, "total_tokens")
    usage = RealtimeUsage(read, made, read + made if total is None else total)
    return RealtimeModelUsageEvent(
        usage, _input(found.get("input_token_details")), _output(found.get("output_token_details"))
    )


def _input(found: object) -> RealtimeModelInputTokensDetails | None:
    if not isinstance(found, dict):
        return None
    return RealtimeModelInputTokensDetails(
        text_tokens=_count(found, "text_tokens"),
        audio_tokens=_count(found, "audio_tokens"),
        image_tokens=_count(found, "image_tokens"),
        cached_tokens=_count(found, "cached_tokens"),
        cached_tokens_details=_cached(found.get("cached_tokens_details")),
    )


def _cached(found: object) -> RealtimeModelCachedTokensDetails | None:
    if not isinstance(found, dict):
        return None
    return RealtimeModelCachedTokensDetails(
        text_tokens=_count(found, "text_tokens"),
        audio_tokens=_count(found, "audio_tokens"),
        image_tokens=_count(found, "image_tokens"),
    )


def _output(found: object) -> RealtimeModelOutputTokensDetails | None:
    if not isinstance(found, dict):
        return None
    return RealtimeModelOutputTokensDetails(_count(found, "text_tokens"), _count(found, "audio_tokens"))


def _count(found: dict[str, object], name: str) -> int | None:
    count = found.get(name)
    return count if isinstance(count, int) and not isinstance(count, bool) else None
