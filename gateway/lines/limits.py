"""How many calls a line takes, how long they may last, and what they may cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, WithJsonSchema, model_validator

from gateway.lines.durations import duration_from
from gateway.lines.instead import TURNED_AWAY_AS_BUSY, Busy
from gateway.lines.money import Amount
from gateway.lines.scalars import whole_from
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.sip import Target
from gateway.lines.texts import Text


def _check_more_than_nothing(amount: Decimal) -> Decimal:
    if not amount:
        raise ValueError("is nothing, and every call costs more; write like 0.50, in the currency of prices.yaml")
    return amount


def _check_some(prompts: tuple[str, ...]) -> tuple[str, ...]:
    if not prompts:
        raise ValueError("is an empty list; write what the agent says, or leave the key out")
    return prompts


class NoInput(Section):
    """What happens when the caller says nothing."""

    after: Annotated[timedelta, duration_from("1s", "10m")]
    """How long nothing is heard before the first prompt, and between prompts."""
    prompts: Annotated[tuple[Text, ...], AfterValidator(_check_some)] = ("Are you still there?",)
    """What the agent says, one after the other; when the last was in vain `then` follows."""
    then: Literal["hang_up", "transfer"] = "hang_up"
    """`hang_up`, or `transfer` to the line's `fallback_number`."""


class Limits(Section):
    """What bounds the calls of a line."""

    max_calls: Annotated[int, whole_from(1, 100_000)] | None = None
    """Most calls at a time; null is as many as come."""
    busy: Busy = TURNED_AWAY_AS_BUSY
    """What becomes of a call that is one too many: `reject`, or one of `message`, `forward` and `reject` below it."""
    max_duration: Annotated[timedelta, duration_from("10s", "24h")] | None = None
    """A call that has lasted so long is ended, like `30m`; null is as long as it lasts."""
    no_input: NoInput | None = None
    """What happens when the caller says nothing; null is nothing."""
    fallback_number: Target | None = None
    """Where callers are put through when the agent cannot go on."""
    max_cost: (
        Annotated[
            Amount,
            AfterValidator(_check_more_than_nothing),
            WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
        ]
        | None
    ) = None
    """What one call may cost, in the currency of `prices.yaml`; null is what it costs."""
    limit_text: Text | None = None
    """Said before a call ends that has lasted, or has cost, as much as it may; null is what `goodbye` says."""

    @model_validator(mode="after")
    def _check_way_out(self) -> Self:
        if self.no_input and self.no_input.then == "transfer" and self.fallback_number is None:
            message = "needs `fallback_number`, where callers are put through; add it to the line"
            raise faulty("Limits", [Fault(("no_input", "then"), "transfer", message)])
        return self
