"""Lengths of time with their unit: `8s`, `1.5s`, `30m`, `2h`."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial

from pydantic import BeforeValidator

from gateway.lines.described import Described, text_like
from gateway.lines.scalars import shown

_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours"}


def duration_from(low: str, high: str) -> Described:
    """Accept a length of time from *low* to *high*."""
    return Described(BeforeValidator(partial(_read, low=low, high=high)), text_like(_DURATION.pattern))


def _read(value: object, *, low: str, high: str) -> object:
    if value is None or isinstance(value, timedelta):
        return value
    advice = f"give a time from {low} to {high}, with its unit"
    if not (isinstance(value, str) and _DURATION.fullmatch(value)):
        raise ValueError(f"{shown(value)} is no length of time; {advice}")
    if not _length(low) <= _length(value) <= _length(high):
        raise ValueError(f"{shown(value)} is too {'short' if _length(value) < _length(low) else 'long'}; {advice}")
    return _length(value)


def _length(text: str) -> timedelta:
    """
    What a text says.

    >>> _length("1.5s"), _length("2h")
    (datetime.timedelta(seconds=1, microseconds=500000), datetime.timedelta(seconds=7200))
    """
    found = _DURATION.fullmatch(text)
    assert found is not None, "only what was looked at is read"
    return timedelta(**{_UNITS[found[2]]: float(found[1])})
