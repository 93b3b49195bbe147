"""
What a line says about calls that come by SIP, and how it turns calls away.

A call that is turned away is told one of SIP's status codes; the ones that matter have names.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from gateway.lines.described import Described, number_like
from gateway.lines.scalars import Plain, either, shown, whole_from
from gateway.lines.section import Section

REFUSALS = {"busy": 486, "declined": 603, "unavailable": 480}
"""Names of status codes."""

_STATUS = re.compile("[456][0-9][0-9]")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_TARGET_URI = re.compile(r"tel:\+[1-9][0-9]{1,14}|sips?:[!#-;=?-~]{1,250}")


def _read_refusal(value: object) -> object:
    match value:
        case str() if value in REFUSALS:
            return REFUSALS[value]
        case Plain() if _STATUS.fullmatch(value):
            return int(value)
        case int() if not isinstance(value, bool) and _STATUS.fullmatch(str(value)):
            return value
        case _:
            names = either([*REFUSALS, "a SIP status from 400 to 699"])
            raise ValueError(f"{shown(value)} is no way to turn a call away; write {names}, a number without quotes")


Refusal = Annotated[
    int,
    Described(
        BeforeValidator(_read_refusal),
        {"anyOf": [{"enum": [*REFUSALS]}, {"type": "integer", "minimum": 400, "maximum": 699}]},
    ),
]
"""The status code that a caller is told."""


def _check_target(text: str) -> str:
    if _E164.fullmatch(text):
        return f"tel:{text}"
    if not _TARGET_URI.fullmatch(text):
        raise ValueError(f"{shown(text)} cannot be called; write a number like +15550155, or sip:user@host")
    return text


Target = Annotated[str, Described(AfterValidator(_check_target), number_like(f"{_E164.pattern}|{_TARGET_URI.pattern}"))]
"""Whom a call may be put through to, as a `tel:` or `sip:` address."""


class Sip(Section):
    """What holds for calls that come by SIP."""

    silent_s: Annotated[int, whole_from(30, 7_200)] = 600
    """A call of which nothing is heard for so long is ended, in s."""
    longest_s: Annotated[int, whole_from(60, 86_400)] = 7_200
    """A call that has lasted so long is ended, in s."""
