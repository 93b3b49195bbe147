"""
Which line answers a call, and why.

A line claims numbers. Claims are looked at from the narrowest to the widest: the very number, then patterns, the
longest first, then `*`. Of the lines with the same claim those with conditions come first, in the order of their files,
then the one without. The first line whose conditions hold answers; where none does, the next claim is looked at. Where
a call may be found by several numbers, the first of them goes before the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.lines.model import Line
from gateway.lines.numbers import ANY_NUMBER, fits, is_pattern
from gateway.lines.when import Finding, Ring, judged


class Lines:
    """All lines of this gateway, by what they claim."""

    __slots__ = ("_by_claim", "_lines", "_patterns")

    def __init__(self, lines: Iterable[Line]) -> None:
        """Take *lines* whose ids differ, and of which no two claim the same number without conditions."""
        self._lines = tuple(lines)
        in_turn = sorted(self._lines, key=lambda line: not line.is_conditional)
        claims = dict.fromkeys(claim for line in in_turn for claim in line.numbers)
        self._by_claim = {claim: tuple(line for line in in_turn if claim in line.numbers) for claim in claims}
        self._patterns = sorted((claim for claim in claims if is_pattern(claim)), key=len, reverse=True)

    def claiming(self, called: Iterable[str]) -> Iterator[tuple[str, Line]]:
        """Every claim on these numbers, in the order in which it is looked at, with the line that makes it."""
        names = list(called)
        exact = [spelling for name in names for spelling in (name, f"sip:{name}")]
        wider = [claim for name in names for claim in self._patterns if claim != ANY_NUMBER and fits(claim, name)]
        for claim in dict.fromkeys([*exact, *wider, ANY_NUMBER]):
            for line in self._by_claim.get(claim, ()):
                yield claim, line

    def __iter__(self) -> Iterator[Line]:
        """Go through the lines in the order of their file names."""
        return iter(self._lines)

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._lines)


@dataclass(frozen=True, slots=True)
class Step:
    """One line that was looked at."""

    claim: str
    """What it claims, of all that fits the call."""
    line: str
    """Its id."""
    holds: bool
    """Whether it answers."""
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """Who answers, if anybody does, and how that was found."""

    line: Line | None
    steps: tuple[Step, ...]


def route(lines: Lines, ring: Ring) -> Routed:
    """Find the line that answers a call."""
    steps: list[Step] = []
    for claim, line in lines.claiming(ring.called):
        found = _judged(line, ring)
        steps.append(Step(claim, line.line, found.holds, found.why))
        if found.holds:
            return Routed(line, tuple(steps))
    return Routed(None, tuple(steps))


def _judged(line: Line, ring: Ring) -> Finding:
    if line.provider and ring.provider and line.provider != ring.provider:
        return Finding(False, f"it is for calls by {line.provider}, and this one comes by {ring.provider}")
    if line.when:
        return judged(line.when, ring, line.calendar)
    return Finding(True, f"the call comes by {line.provider}" if line.provider else "it has no conditions")
