"""
Regular expressions that cannot take long.

Python's own engine tries everything before it gives up, and nothing else runs meanwhile. So how much there can be to
try is added up before an expression is taken: a repetition can end in as many ways as its bounds are apart, what
follows it is tried for each of them, and what is repeated itself multiplies that. What cannot be added up is refused:
backward references, conditions, and looking around. What is left tries so little, in a text that is looked at window by
window, that it is over in a few milliseconds at worst.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import cache
from re import _constants as ops  # type: ignore[attr-defined]  # where the parser of `re` is, since 3.11
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Annotated, Any

from pydantic import AfterValidator

from gateway.lines.described import Described

LONGEST_PATTERN = 500
WINDOW_CHARACTERS = 600
"""As much of a text is looked at in one go."""
MOST_WAYS = 1_200
"""From one place in a text."""

_SINGLE = {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN, ops.AT}
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT}


def found_in(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere; one that matches more than half a window may not be."""
    expression = compiled(pattern)
    starts = range(0, max(1, len(text) - WINDOW_CHARACTERS // 2), WINDOW_CHARACTERS // 2)
    return any(expression.search(text, start, start + WINDOW_CHARACTERS) for start in starts)


@cache
def compiled(text: str) -> re.Pattern[str]:
    """Compile *text*, which looks at upper and lower case alike; raises `ValueError` for one that might take long."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"has {len(text)} characters; write {LONGEST_PATTERN} at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python will read in another way one day
            found = re.compile(text, re.IGNORECASE)
            ways = _ways(parser.parse(text))
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if ways > MOST_WAYS:
        raise ValueError("could take too long in a text made for that; bound what it repeats, like \\d{1,20} for \\d+")
    return found


def _ways(nodes: Iterable[tuple[Any, Any]]) -> int:
    """
    In how many ways it can be tried to find them one after the other.

    >>> [_ways(parser.parse(text)) for text in ("gold", "a{2,5}", "a{2,5}b?", "(an|b)c", "(a{1,2}){2}")]
    [1, 4, 8, 2, 4]
    """
    ways = 1
    for kind, detail in nodes:
        ways *= _ways_of(kind, detail)
        if ways > MOST_WAYS:
            return ways
    return ways


def _ways_of(kind: Any, detail: Any) -> int:
    if kind in _SINGLE:
        return 1
    if kind is ops.BRANCH:
        return sum(map(_ways, detail[1]))
    if kind is ops.SUBPATTERN:
        return _ways(detail[3])
    if kind in _REPEATS:
        return _repeated(detail[0], min(detail[1], WINDOW_CHARACTERS), _ways(detail[2]))
    raise ValueError("looks around or back, which cannot be bounded; write what it matches, and nothing else")


def _repeated(least: int, most: int, ways: int) -> int:
    """Every count of repetitions is a way of its own, times the ways of each repetition."""
    total = 0
    for count in range(least, max(least, most) + 1):
        total += ways ** min(count, MOST_WAYS)
        if total > MOST_WAYS:
            break
    return total


def _check(text: str) -> str:
    compiled(text)
    return text


Pattern = Annotated[str, Described(AfterValidator(_check), {"type": "string", "format": "regex"})]
"""One that cannot take long."""
