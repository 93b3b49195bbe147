"""
Keys that were pasted into a line file.

Line files are committed, copied and shown; secrets live in the environment. A literal that looks
like a secret is refused before anything else looks at the file, so that no message can repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ANYWHERE = (
    (re.compile(r"\b(sk-|ek_)[A-Za-z0-9_-]{8,}"), "an API key"),
    (re.compile(r"\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}"), "a bearer token"),
    (re.compile(r"://[^/?#\s]*@"), "a URL with a password"),
    (re.compile(r"[?&](api[-_]?key|key|(access_|auth_)?token)=", re.IGNORECASE), "a URL with a key"),
)
_ACCOUNT_SID = re.compile(r"\bAC[0-9a-f]{32}\b")
_AUTH_TOKEN = re.compile(r"\b[0-9a-f]{32}\b")


def kind_of_secret(text: str, *, beside_account_sid: bool = False) -> str | None:
    """
    Say what kind of secret *text* seems to hold.

    A Twilio auth token is 32 hex digits, as are many harmless things; an account SID near it tells.

    >>> kind_of_secret("Bearer abcdefghijklmnop"), kind_of_secret("a task-oriented agent")
    ('a bearer token', None)
    """
    if beside_account_sid and _AUTH_TOKEN.search(text):
        return "a Twilio auth token"
    return next((kind for pattern, kind in _ANYWHERE if pattern.search(text)), None)


def names_account(texts: Iterable[str]) -> bool:
    """Whether a Twilio account SID is among *texts*."""
    return any(_ACCOUNT_SID.search(text) for text in texts)
