"""Addresses of other servers, checked before anyone dials them."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from gateway.lines.scalars import either, shown

_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


def split_url(text: str, *schemes: str) -> SplitResult:
    """Split *text*, which must begin with one of *schemes* and name a host."""
    wanted = f"write {either([f'{scheme}://host' for scheme in schemes])}"
    if "@" in text.split("://", 1)[-1].split("/", 1)[0]:
        raise ValueError(f"the URL carries a user name or password; {wanted}, and keep secrets elsewhere")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0 and not _UNSAFE.search(text)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{shown(_without_query(text))} is not a URL that can be used here; {wanted}")
    return parts


def _without_query(text: str) -> str:
    """A query may hold a key, which is not for messages."""
    return text.split("?", 1)[0]


def _check_realtime_url(text: str) -> str:
    if split_url(text, "wss", "ws", "https", "http").fragment:
        raise ValueError(f"{shown(_without_query(text))} has a # part, which no server sees; remove it")
    return text


RealtimeUrl = Annotated[str, AfterValidator(_check_realtime_url)]
"""Where a realtime server listens."""
