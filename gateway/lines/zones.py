"""Time zones by name, read from disk once."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator

from gateway.lines.scalars import shown
from gateway.lines.wording import did_you_mean


@cache
def zone(name: str) -> ZoneInfo:
    """The rules of a zone, among them those of its summer time."""
    return ZoneInfo(name)


def _check_zone(name: str) -> str:
    known = available_timezones()
    if not known:
        raise ValueError("cannot be looked up: this machine has no time zones; `pip install tzdata` brings them")
    if name not in known:
        near = did_you_mean(name, known)
        hint = near if near.startswith("did") else "write one like Europe/Berlin, America/New_York or UTC"
        raise ValueError(f"{shown(name)} is no time zone; {hint}")
    try:
        zone(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(f"{shown(name)} cannot be read on this machine: {error}") from error
    return name


Zone = Annotated[str, AfterValidator(_check_zone)]
"""A name such as `Europe/Berlin`."""
