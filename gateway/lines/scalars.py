"""
Scalars whose type is decided by the key they belong to.

YAML 1.1 guesses a type from the looks of a value: `NO` becomes false, `0456` becomes 302 and
`+15550199` loses its plus. Here a file yields only text. Text written without quotes is `Plain`, and
a key that wants a switch or a number reads it from there by the rules of YAML 1.2; a key that wants
text gets what was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator

from gateway.lines.described import Described

_SHOWN_CHARACTERS = 60


class Plain(str):
    """A scalar written without quotes."""

    __slots__ = ()


def unquoted(value: object) -> object:
    """Take text from where quotes do not exist, such as the environment, as `Plain`."""
    return Plain(value) if isinstance(value, str) else value


def shown(value: object) -> str:
    r"""
    Quote *value* for a message, short and on one line.

    >>> print(shown("two\nlines"), shown(["a"]), shown(1.5))
    `two\nlines` a list 1.5
    """
    match value:
        case str():
            text = repr(str(value))[1:-1]
            return f"`{text[:_SHOWN_CHARACTERS]}…`" if len(text) > _SHOWN_CHARACTERS else f"`{text}`"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return str(value)


def either(names: Sequence[str]) -> str:
    """
    Write a choice out.

    >>> either(["low", "medium", "high"])
    'low, medium or high'
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _read_switch(value: object) -> object:
    match value:
        case bool():
            return value
        case Plain() if value in {"true", "false"}:
            return value == "true"
        case _:
            raise ValueError(f"{shown(value)} is not a switch; write true or false, without quotes")


Switch = Annotated[bool, BeforeValidator(_read_switch)]
"""true or false, and no other spelling."""


@dataclass(frozen=True, slots=True)
class _NumberType:
    name: str
    pattern: re.Pattern[str]
    make: Callable[[str], float]


_WHOLE = _NumberType("a whole number", re.compile(r"[-+]?[0-9]{1,18}"), int)
_REAL = _NumberType("a number", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float)


def whole_from(low: int, high: int) -> Described:
    """Accept a whole number from *low* to *high*."""
    read = BeforeValidator(partial(_read_number, wanted=_WHOLE, low=low, high=high))
    return Described(read, {"type": "integer", "minimum": low, "maximum": high})


def number_from(low: float, high: float) -> Described:
    """Accept a number from *low* to *high*."""
    read = BeforeValidator(partial(_read_number, wanted=_REAL, low=low, high=high))
    return Described(read, {"type": "number", "minimum": low, "maximum": high})


def _read_number(value: object, *, wanted: _NumberType, low: float, high: float) -> object:
    advice = f"give {wanted.name} from {low} to {high}"
    number = _number(value, wanted, advice)
    if number < low:
        raise ValueError(f"{value} is less than {low}; {advice}")
    if number > high:
        raise ValueError(f"{value} is more than {high}; {advice}")
    return number


def _number(value: object, wanted: _NumberType, advice: str) -> float:
    match value:
        case bool():
            raise ValueError(f"{value} is a switch; {advice}")
        case int() | float():
            return value
        case Plain() if wanted.pattern.fullmatch(value):
            return wanted.make(value)
        case str() if wanted.pattern.fullmatch(value):
            raise ValueError(f"{shown(value)} is in quotes, which makes it text; {advice}, without quotes")
        case _:
            raise ValueError(f"{shown(value)} is not {wanted.name}; {advice}")
