"""
Numbers and names as lines write them, and patterns that stand for many.

`+15550199` is one number and `+49*` are all that begin so; `sip:proj_1` is a SIP user, whatever the host, and `sip:*`
are all of them; `*` is everybody. A caller may be `anonymous` besides. What they are held against is a number with its
plus, or a user without `sip:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from gateway.lines.described import Described, number_like
from gateway.lines.scalars import shown

ANY_NUMBER = "*"
"""Stands for every number that no other line claims."""
ANONYMOUS = "anonymous"
"""Stands for every caller who shows no number."""
USER_PREFIX = "sip:"

_NUMBER = r"\+[1-9][0-9]{1,14}|\+[1-9][0-9]{0,13}\*|\+\*"
_USER = r"sip:[A-Za-z0-9][A-Za-z0-9._~-]{0,127}\*?|sip:\*"
_CALLED = re.compile(rf"{_NUMBER}|{_USER}|\*")
_CALLER = re.compile(rf"{_NUMBER}|{_USER}|{ANONYMOUS}")
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_HIDDEN = ("anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld")
_NAMELESS = {"", *_HIDDEN, *(f"+{word.translate(_KEYPAD)}" for word in _HIDDEN)}
"""Carriers write such a word instead of a number, or spell it on the keys of a telephone."""


def _check_called(text: str) -> str:
    if not _CALLED.fullmatch(text):
        wanted = 'write + and 2 to 15 digits, like +15550199, +49* for all that begin so, or "*" for any number'
        if text.startswith(USER_PREFIX):
            wanted = "write sip: and the user alone, like sip:proj_1; the host is not looked at"
        raise ValueError(f"{shown(text)} is not a phone number; {wanted}")
    return text


def _check_caller(text: str) -> str:
    if not _CALLER.fullmatch(text):
        wanted = f"write a number like +15550100, +49* for all that begin so, sip:user, or {ANONYMOUS}"
        raise ValueError(f"{shown(text)} is no caller; {wanted}")
    return text


Called = Annotated[str, Described(AfterValidator(_check_called), number_like(_CALLED.pattern))]
"""What a line answers: a number, a user, or a pattern."""
Caller = Annotated[str, Described(AfterValidator(_check_caller), number_like(_CALLER.pattern))]
"""Who calls: a number, a user, a pattern, or nobody who says so."""


def is_pattern(text: str) -> bool:
    """Whether it stands for more than one."""
    return text.endswith("*")


def fits(pattern: str, name: str) -> bool:
    """
    Whether a number or user is what *pattern* stands for.

    >>> fits("+49*", "+4930"), fits("sip:*", "proj_1"), fits("sip:*", "+4930"), fits("*", "")
    (True, True, False, True)
    """
    if pattern in (ANY_NUMBER, ANONYMOUS):
        return pattern == ANY_NUMBER or is_anonymous(name)
    wanted = pattern.removeprefix(USER_PREFIX)
    if not is_pattern(pattern):
        return name == wanted
    of_its_kind = bool(name) and name.startswith("+") != pattern.startswith(USER_PREFIX)
    return of_its_kind and name.startswith(wanted[:-1])


def is_anonymous(name: str) -> bool:
    """
    Whether a caller shows no number.

    >>> is_anonymous("Restricted"), is_anonymous("+266696687"), is_anonymous("+15550100")
    (True, True, False)
    """
    return name.lower() in _NAMELESS


def first_fit(patterns: Iterable[str], name: str) -> str | None:
    """The first of *patterns* that stands for a number or user."""
    return next((pattern for pattern in patterns if fits(pattern, name)), None)
