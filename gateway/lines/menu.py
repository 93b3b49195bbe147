"""
What single keys do at any time of a call, without the model: say something, hand over, or pass the call on.

    menu:
      keys:
        1: {handoff: german}
        2: {say: We open at nine.}
        0: {transfer: kitchen}
      invalid: This key does nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from gateway.lines.scalars import shown
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text
from gateway.lines.wording import did_you_mean

_KEY = re.compile(r"[0-9*#]")


class MenuKey(Section):
    """What one key does: one of these."""

    say: Text | None = None
    """The caller is told this."""
    handoff: Text | None = None
    """An agent that the agent of the line may hand over to; it speaks at once."""
    transfer: Text | None = None
    """One of the destinations in the line's `transfer`."""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if len(given := [way for way in (self.say, self.handoff, self.transfer) if way]) != 1:
            raise ValueError(f"does {len(given) or 'no'} things; write one of say, handoff and transfer")
        return self


def _check_keys(keys: dict[str, MenuKey]) -> dict[str, MenuKey]:
    if wrong := [key for key in keys if not _KEY.fullmatch(key)]:
        message = "is no key of a telephone; write one of 0 to 9, or '*' or '#' in quotes"
        raise faulty("keys", [Fault((key,), key, f"{shown(key)} {message}") for key in wrong])
    if not keys:
        raise ValueError("is empty; write what keys do, like 1: {say: Hello.}")
    return keys


class Menu(Section):
    """What keys do when the agent has not asked for any."""

    keys: Annotated[dict[str, MenuKey], AfterValidator(_check_keys)]
    """By key."""
    invalid: Text | None = None
    """Said when any other key is pressed; null ignores it."""

    def faults(self, handoffs: Collection[str], destinations: Collection[str]) -> Iterator[Fault]:
        """What it names and is not there, with paths from the menu."""
        for key, does in self.keys.items():
            for kind, name, known in (("handoff", does.handoff, handoffs), ("transfer", does.transfer, destinations)):
                if name and name not in known:
                    hint = did_you_mean(name, known) if known else "the line has none"
                    yield Fault(("keys", key, kind), name, f"{shown(name)} is not there; {hint}")
