"""
Under which conditions a line answers, and why it does or does not.

The conditions of one mapping must all hold, and of several mappings one. Whoever reads a reason wants to know what was
found and what was wanted; so each condition says both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator

from gateway.lines.described import Shorthand
from gateway.lines.hours import DAYS, Dates, Hours, wall_clock
from gateway.lines.numbers import Caller, first_fit, is_anonymous
from gateway.lines.scalars import either
from gateway.lines.section import Section
from gateway.lines.texts import Text

Attestation: TypeAlias = Literal["A", "B", "C"]
"""How far a carrier vouches for a caller's number by STIR/SHAKEN: A wholly, B for the customer, C for the way alone."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A call that rings."""

    called: tuple[str, ...]
    """Numbers and users that a line may be found by, the likeliest first."""
    caller: str
    """A number, a user or a word such as `anonymous`: never proof of who calls."""
    at: datetime
    """With a time zone."""
    provider: str | None = None
    """Who brings it; None where that is not asked."""
    stir: Attestation | None = None
    """How far the caller's number was vouched for; None when it was not."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of its INVITE, as far as they are known; whoever calls may have written them."""

    def header(self, name: str) -> list[str]:
        """Every value of a header, in whatever spelling its name came."""
        return [value for found, value in self.headers if found.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a line knows of time."""

    zone: str | None
    holidays: frozenset[date]


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a condition holds, and why."""

    holds: bool
    why: str


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _check_some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("is an empty list; write at least one, or leave the key out")
    return values


Callers = Annotated[
    tuple[Caller, ...],
    AfterValidator(_check_some),
    Shorthand(BeforeValidator(_as_list)),
]
HeaderValues = Annotated[tuple[Text, ...], AfterValidator(_check_some), Shorthand(BeforeValidator(_as_list))]


class When(Section):
    """Conditions that must all hold."""

    caller: Callers | None = None
    """One or a list: numbers, `+49*` for all that begin so, `sip:user`, `anonymous`."""
    not_caller: Callers | None = None
    """The same, for those who are not answered."""
    stir: Attestation | None = None
    """How far the caller's number must at least be vouched for: `A`, `B` or `C`."""
    headers: dict[Text, HeaderValues] | None = None
    """What headers of the call must say, by name: a value, one that ends in `*` for all that begin so, or a list."""
    hours: Hours | None = None
    """At which times of the week."""
    dates: Dates | None = None
    """On which days, like `2026-12-24`."""

    @model_validator(mode="after")
    def _check_some(self) -> Self:
        if all(getattr(self, key) is None for key in type(self).model_fields):
            raise ValueError("has no condition; write one, or leave `when` out")
        return self

    @property
    def needs_zone(self) -> bool:
        """Whether it speaks of time without saying where."""
        return bool(self.hours or self.dates) and not (self.hours and self.hours.zone)

    def findings(self, ring: Ring, calendar: Calendar) -> Iterator[Finding]:
        """What becomes of each condition."""
        if self.caller:
            yield _among(ring.caller, self.caller)
        if self.not_caller:
            among = _among(ring.caller, self.not_caller)
            yield Finding(not among.holds, among.why)
        if self.stir:
            yield _vouched(ring.stir, self.stir)
        for name, values in (self.headers or {}).items():
            yield _header(name, ring.header(name), values)
        zone = (self.hours and self.hours.zone) or calendar.zone or "UTC"
        if self.hours:
            yield _at_hours(self.hours, wall_clock(ring.at, zone), calendar.holidays)
        if self.dates:
            yield _on_dates(wall_clock(ring.at, zone).date(), self.dates)


def judged(conditions: Iterable[When], ring: Ring, calendar: Calendar) -> Finding:
    """Whether one of *conditions* holds; of those that do not, what fails first."""
    failures: list[str] = []
    for when in conditions:
        findings = list(when.findings(ring, calendar))
        failed = next((finding for finding in findings if not finding.holds), None)
        if failed is None:
            return Finding(True, "; ".join(finding.why for finding in findings))
        failures.append(failed.why)
    return Finding(False, "; and ".join(failures))


def _among(caller: str, patterns: tuple[str, ...]) -> Finding:
    shown = "the caller shows no number" if is_anonymous(caller) else f"the caller is {caller}"
    found = first_fit(patterns, caller)
    return Finding(found is not None, f"{shown}, {f'which {found} is' if found else f'and not {either(patterns)}'}")


def _vouched(found: Attestation | None, wanted: Attestation) -> Finding:
    holds = found is not None and found <= wanted
    shown = f"vouched for with {found}" if found else "not vouched for"
    return Finding(holds, f"the caller's number is {shown}{'' if holds else f', and {wanted} or better is wanted'}")


def _header(name: str, found: list[str], wanted: tuple[str, ...]) -> Finding:
    holds = any(_says(value, pattern) for value in found for pattern in wanted)
    shown = f"{name} is {', '.join(found)}" if found else f"there is no {name}"
    return Finding(holds, shown if holds else f"{shown}, and not {either(wanted)}")


def _says(value: str, pattern: str) -> bool:
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _at_hours(hours: Hours, local: datetime, holidays: frozenset[date]) -> Finding:
    today = local.date()
    spans = hours.spans_on(today, holidays)
    day = "a holiday" if hours.holidays is not None and today in holidays else f"a {DAYS[today.weekday()]}"
    then = ", ".join(map(str, spans)) or "closed"
    holds = hours.hold(local, holidays)
    return Finding(holds, f"it is {local:%Y-%m-%d %H:%M %Z}, {day}: {then}{'' if holds else ', and not now'}")


def _on_dates(today: date, dates: tuple[date, ...]) -> Finding:
    holds = today in dates
    return Finding(holds, f"today is {today}{'' if holds else ', none of the dates'}")


def _one_alone(value: object) -> object:
    return [value] if isinstance(value, Mapping | When) else value


def _check_any(conditions: tuple[When, ...]) -> tuple[When, ...]:
    if not conditions:
        raise ValueError("is an empty list; write conditions, or leave the key out")
    return conditions


Conditions = Annotated[
    tuple[When, ...],
    AfterValidator(_check_any),
    Shorthand(BeforeValidator(_one_alone)),
]
"""A mapping, or a list of which one has to hold."""
