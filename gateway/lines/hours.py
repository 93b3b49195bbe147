"""
Times of the week at which somebody is there, and days on which that is otherwise.

Times are those that a clock on the wall shows in the zone. So an hour that summer time leaves out never comes, and one
that winter time repeats comes twice. A span that ends earlier than it begins goes on over midnight, and belongs to the
day on which it began, holidays included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, model_validator

from gateway.lines.described import Described, text_like
from gateway.lines.scalars import shown
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.zones import Zone, zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED = "closed"
DAY_MINUTES = 24 * 60

_TIME = "([01][0-9]|2[0-3]):([0-5][0-9])"
_SPAN = re.compile(rf"{_TIME} ?- ?(?:{_TIME}|24:00)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SPAN_ADVICE = "write like 09:00-17:30"


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of the day up to another, which is no part of it."""

    from_minute: int
    to_minute: int
    """Behind the last of the day where the span goes on over midnight."""

    def holds(self, minute: int) -> bool:
        """Whether a time is in it, counted from the midnight at which its day began."""
        return self.from_minute <= minute < self.to_minute

    def __str__(self) -> str:
        """
        As it is written.

        >>> str(Span(22 * 60, 30 * 60)), str(Span(0, 24 * 60))
        ('22:00-06:00', '00:00-24:00')
        """
        return f"{_clock(self.from_minute)}-{_clock(self.to_minute)}"


def _clock(minute: int) -> str:
    minute = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{minute // 60:02}:{minute % 60:02}"


def _read_span(value: object) -> object:
    if isinstance(value, Span):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)} is no span of time; {_SPAN_ADVICE}")
    from_minute = int(found[1]) * 60 + int(found[2])
    to_minute = int(found[3]) * 60 + int(found[4]) if found[3] else DAY_MINUTES
    if from_minute == to_minute:
        raise ValueError(f"{shown(value)} is empty; {_SPAN_ADVICE}, or 00:00-24:00 for the whole day")
    return Span(from_minute, to_minute if from_minute < to_minute else to_minute + DAY_MINUTES)


def _read_day(value: object) -> object:
    if value == CLOSED:
        return ()
    return [value] if isinstance(value, str) else value


def _read_date(value: object) -> object:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) and _DATE.fullmatch(value) else "")
    except ValueError:
        raise ValueError(f"{shown(value)} is no date; write it like 2026-12-24") from None


def _check_some(dates: tuple[date, ...]) -> tuple[date, ...]:
    if not dates:
        raise ValueError("is an empty list; write dates like 2026-12-24, or leave the key out")
    return dates


_SPAN_SCHEMA = text_like(_SPAN.pattern)
_DAY_SCHEMA = {"anyOf": [{"const": CLOSED}, _SPAN_SCHEMA, {"type": "array", "items": _SPAN_SCHEMA}]}

OpenSpan = Annotated[Span, BeforeValidator(_read_span)]
Day = Annotated[tuple[OpenSpan, ...], Described(BeforeValidator(_read_day), _DAY_SCHEMA)]
"""`closed`, a span, or a list of spans."""
Date = Annotated[date, Described(BeforeValidator(_read_date), text_like(_DATE.pattern))]
Dates = Annotated[tuple[Date, ...], AfterValidator(_check_some)]


def days_of(key: str) -> tuple[str, ...]:
    """
    The days that a key stands for; none if it is no such key.

    >>> days_of("fri-mon"), days_of("sat"), days_of("someday")
    (('fri', 'sat', 'sun', 'mon'), ('sat',), ())
    """
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        return ()
    begin = DAYS.index(first)
    length = (DAYS.index(last) - begin) % len(DAYS) + 1 if dash else 1
    return tuple(DAYS[(begin + offset) % len(DAYS)] for offset in range(length))


class Hours(Section):
    """When somebody is there: keys are days, like `sat`, or days from one to another, like `mon-fri`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Day]

    zone: Zone | None = None
    """Where the clock hangs; null is the zone of the line."""
    holidays: Day | None = None
    """What holds on the line's `holidays`, whatever day they are; null is what holds on that day of the week."""

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        if faults := list(self._faults()):
            raise faulty("Hours", faults)
        if not self.days and self.holidays is None:
            raise ValueError("names no day; write like mon-fri: 09:00-17:30")
        return self

    def _faults(self) -> Iterator[Fault]:
        seen: dict[str, str] = {}
        for key, spans in self.days.items():
            if not days_of(key):
                yield Fault((key,), spans, f"{shown(key)} is no day; write mon, or mon-fri for days in a row")
            for day in days_of(key):
                if day in seen:
                    yield Fault((key,), spans, f"{day} is in {seen[day]} too; have each day in one of them")
                    break
                seen[day] = key

    @property
    def days(self) -> dict[str, tuple[Span, ...]]:
        """Spans by the keys of their days."""
        return self.__pydantic_extra__

    def spans_on(self, day: date, holidays: Iterable[date]) -> tuple[Span, ...]:
        """What holds on a day."""
        if self.holidays is not None and day in holidays:
            return self.holidays
        name = DAYS[day.weekday()]
        return next((spans for key, spans in self.days.items() if name in days_of(key)), ())

    def hold(self, local: datetime, holidays: Iterable[date]) -> bool:
        """Whether somebody is there at that time on the wall."""
        minute, today = local.hour * 60 + local.minute, local.date()
        yesterday = today - timedelta(days=1)
        return any(span.holds(minute) for span in self.spans_on(today, holidays)) or any(
            span.holds(minute + DAY_MINUTES) for span in self.spans_on(yesterday, holidays)
        )


def wall_clock(at: datetime, zone_name: str) -> datetime:
    """What a clock in the zone shows at a moment."""
    return at.astimezone(zone(zone_name))
