"""Which calls a line is for, and whether it answers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from gateway.lines.described import Shorthand
from gateway.lines.hours import Date
from gateway.lines.numbers import Called
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text, id_of
from gateway.lines.when import Calendar, Conditions, When
from gateway.lines.zones import Zone


def _check_some(numbers: tuple[str, ...]) -> tuple[str, ...]:
    if not numbers:
        raise ValueError('is an empty list; give at least one number, or "*" for any number')
    return numbers


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


LineId = Annotated[str, id_of("line")]
Numbers = Annotated[
    tuple[Called, ...],
    AfterValidator(_check_some),
    Shorthand(BeforeValidator(_as_list)),
]
Tags = Annotated[tuple[Annotated[str, id_of("tag")], ...], Shorthand(BeforeValidator(_as_list))]
Provider = Literal["twilio", "sip"]
"""Who brings a call: Twilio, or the realtime service itself by SIP."""


class Claims(Section):
    """Which calls a line is for."""

    line: LineId
    """Id of the line, in logs and metrics too: 1 to 64 of `a-z`, `0-9` and `-`."""
    numbers: Numbers
    """One or a list: numbers like `+15550199`, `+49*` for all that begin so, `sip:user`, `sip:*`, or `"*"` for all."""
    provider: Provider | None = None
    """Only calls that come this way: `twilio` or `sip`; null is either."""
    tags: Tags = ()
    """Words to find the line by; they mean nothing else."""
    when: Conditions | None = None
    """Conditions under which the line answers, or a list of which one must hold; null is always."""
    zone: Zone | None = None
    """The time zone of the line, like `Europe/Berlin`; null is none, and `{{now}}` is UTC."""
    holidays: tuple[Date, ...] = ()
    """Dates like `2026-12-25`, for the `hours` that say what holds then."""
    holidays_file: Text | None = None
    """A file with more of them in the folder of the configuration: `dates:` and a list."""

    @property
    def calendar(self) -> Calendar:
        """What the line knows of time."""
        return Calendar(self.zone, frozenset(self.holidays))

    @property
    def is_conditional(self) -> bool:
        """Whether there are calls to its numbers that it is not for."""
        return self.when is not None or self.provider is not None

    @model_validator(mode="after")
    def _check_time(self) -> Self:
        faults = [fault for index, when in enumerate(self.when or ()) for fault in self._time_faults(index, when)]
        if faults:
            raise faulty("Claims", faults)
        return self

    def _time_faults(self, index: int, when: When) -> Iterator[Fault]:
        key = "hours" if when.hours else "dates"
        if when.needs_zone and self.zone is None:
            message = "needs a time zone; add `zone: Europe/Berlin`, or yours, to the line"
            yield Fault(("when", index, key), when, message)
        if when.hours and when.hours.holidays is not None and not (self.holidays or self.holidays_file):
            message = "needs to know which days they are; add `holidays` or `holidays_file` to the line"
            yield Fault(("when", index, "hours", "holidays"), when, message)
