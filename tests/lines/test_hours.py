"""Laws of time: what a clock on the wall shows, over midnight, on holidays, and when clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lines import Line, Lines, Ring, route
from gateway.lines.hours import DAYS, Hours, days_of
from tests.lines.folder import HEAD, read_one, written

BERLIN = """\
zone: Europe/Berlin
holidays: [2026-12-25]
when:
  hours:
    mon-thu: 09:00-17:30
    fri: [09:00-12:00, 13:00-24:00]
    sat: 22:00-06:00
    holidays: closed
"""


def holds(line: Line, at: datetime) -> bool:
    """Whether the line answers at a moment."""
    return route(Lines([line]), Ring(("+15550199",), "+15550100", at)).line is not None


def local(text: str, zone: str = "Europe/Berlin") -> datetime:
    """A time on a wall."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


VECTORS = {
    "first minute": ("2026-11-16T09:00", True),
    "before": ("2026-11-16T08:59:59", False),
    "last minute": ("2026-11-16T17:29:59", True),
    "the end is outside": ("2026-11-16T17:30", False),
    "a break": ("2026-11-20T12:30", False),
    "after the break": ("2026-11-20T13:00", True),
    "to midnight": ("2026-11-20T23:59", True),
    "and not further": ("2026-11-21T00:00", False),
    "over midnight": ("2026-11-21T22:00", True),
    "until the next morning": ("2026-11-22T05:59", True),
    "which ends": ("2026-11-22T06:00", False),
    "a day that is not there": ("2026-11-22T12:00", False),
    "a holiday": ("2026-12-25T10:00", False),
    "the day after it": ("2026-12-28T10:00", True),
}


@pytest.mark.parametrize(("at", "expected"), VECTORS.values(), ids=VECTORS)
def test_hours_are_those_of_the_wall(tmp_path: Path, at: str, expected: bool) -> None:
    """
    In the zone of the line, whatever zone the moment is told in.
    """
    line = read_one(tmp_path, HEAD + BERLIN)
    assert holds(line, local(at)) is expected
    assert holds(line, local(at).astimezone(UTC)) is expected


NEW_YORK = "zone: America/New_York\nwhen:\n  hours: {sun: 01:00-03:00}\n"
CHANGES = {
    "an hour before clocks go forward": ("2026-03-08T05:59Z", False),
    "the last hour of winter": ("2026-03-08T06:30Z", True),
    "half past two never comes": ("2026-03-08T07:00Z", False),
    "before they go back": ("2026-11-01T05:30Z", True),
    "the same hour again": ("2026-11-01T06:30Z", True),
    "two o'clock": ("2026-11-01T07:59Z", True),
    "three o'clock": ("2026-11-01T08:00Z", False),
}


@pytest.mark.parametrize(("at", "expected"), CHANGES.values(), ids=CHANGES)
def test_clocks_are_changed(tmp_path: Path, at: str, expected: bool) -> None:
    """
    The hour that is left out never comes, and the one that is repeated comes twice.
    """
    assert holds(read_one(tmp_path, HEAD + NEW_YORK), datetime.fromisoformat(at)) is expected


def test_a_night_over_a_change_of_clocks_ends_by_the_wall(tmp_path: Path) -> None:
    """
    Eight hours on the wall are seven when clocks go forward, and nine when they go back.
    """
    night = "zone: Europe/Berlin\nwhen:\n  hours: {sat: 22:00-06:00}\n"
    line = read_one(tmp_path, HEAD + night)
    for begins, hours in (("2026-03-28T22:00", 7), ("2026-10-24T22:00", 9), ("2026-11-21T22:00", 8)):
        began = local(begins).astimezone(UTC)
        length = sum(holds(line, began + timedelta(minutes=minute)) for minute in range(12 * 60))
        assert length == hours * 60


def test_a_holiday_decides_over_its_own_night(tmp_path: Path) -> None:
    """
    A span belongs to the day on which it began: the eve of a holiday goes on, the holiday's own night does not begin.
    """
    keys = "zone: UTC\nholidays: [2026-12-25]\nwhen: {hours: {mon-sun: 22:00-02:00, holidays: [10:00-11:00]}}\n"
    line = read_one(tmp_path, HEAD + keys)
    expected = {
        "2026-12-25T01:00": True,
        "2026-12-25T10:30": True,
        "2026-12-25T23:00": False,
        "2026-12-26T01:00": False,
    }
    assert {at: holds(line, local(at, "UTC")) for at in expected} == expected


def test_holidays_may_have_a_file(tmp_path: Path) -> None:
    """
    Which adds to those of the line.
    """
    when = "when: {hours: {mon-sun: 00:00-24:00, holidays: closed}}\n"
    keys = f"zone: UTC\nholidays: [2026-12-25]\nholidays_file: days/berlin.yaml\n{when}"
    written(tmp_path, {"days/berlin.yaml": "dates:\n  - 2026-10-03\n"})
    line = read_one(tmp_path, HEAD + keys)
    assert [holds(line, local(f"2026-{day}T12:00", "UTC")) for day in ("12-25", "10-03", "10-04")] == [
        False,
        False,
        True,
    ]


def test_dates_are_days_in_the_zone(tmp_path: Path) -> None:
    """
    They begin at midnight there.
    """
    line = read_one(tmp_path, HEAD + "zone: Asia/Tokyo\nwhen: {dates: [2026-12-24]}\n")
    moments = ("2026-12-23T14:59Z", "2026-12-23T15:00Z", "2026-12-24T14:59Z", "2026-12-24T15:00Z")
    assert [holds(line, datetime.fromisoformat(at)) for at in moments] == [False, True, True, False]


def test_a_clock_may_hang_elsewhere(tmp_path: Path) -> None:
    """
    The zone of hours goes before that of the line.
    """
    keys = "zone: UTC\nwhen:\n- hours: {zone: Asia/Tokyo, mon-sun: 09:00-10:00}\n"
    assert holds(read_one(tmp_path, HEAD + keys), datetime(2026, 11, 20, 0, 30, tzinfo=UTC))


@given(first=st.sampled_from(DAYS), last=st.sampled_from(DAYS))
def test_days_run_from_one_to_another(first: str, last: str) -> None:
    """
    Over the end of the week too, and never around it.
    """
    days = days_of(f"{first}-{last}")
    assert (days[0], days[-1]) == (first, last)
    assert len(set(days)) == len(days) <= 7
    assert all(DAYS[(DAYS.index(day) + 1) % 7] == after for day, after in pairwise(days))


MINUTES = st.integers(0, 24 * 60 - 1)


@given(begin=MINUTES, end=MINUTES, offset=st.integers(0, 7 * 24 * 60 - 1))
def test_a_span_of_every_day_is_open_as_long_each_day(begin: int, end: int, offset: int) -> None:
    """
    Whatever day it is, whether someone is there depends on the minute alone.
    """
    if begin == end:
        return
    span = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    hours = Hours.model_validate({"zone": "UTC", "mon-sun": span})
    at = datetime(2026, 11, 16, tzinfo=UTC) + timedelta(minutes=offset)
    minute = offset % (24 * 60)
    inside = begin <= minute < end if begin < end else minute >= begin or minute < end
    assert hours.hold(at, ()) is inside
