"""What tools of every kind have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator

from gateway.lines.scalars import number_from, shown, whole_from
from gateway.lines.section import Fault, Section
from gateway.lines.texts import Text

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} cannot name a tool; use 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return text


ToolName = Annotated[str, AfterValidator(_check_name)]
"""What the model calls a tool."""
Approval = Literal["always", "never"]
"""Whether somebody has to agree to a call of a tool."""


class ToolBase(Section):
    """A tool of any kind."""

    approve: Approval = "never"
    """`always` has each call wait for an operator."""
    say: Text | None = None
    """Said to a caller who hears nothing for 1.5 s because the tool runs; null leaves them in silence."""
    timeout_s: Annotated[float, number_from(0.1, 120)] = 10
    """How long the model waits for an answer, in s."""
    max_per_call: Annotated[int, whole_from(1, 10_000)] | None = None
    """How often it may be called in one phone call; null is as often as the model likes."""
    max_per_minute: Annotated[int, whole_from(1, 100_000)] | None = None
    """How often it may be called in a minute, by all phone calls together."""

    def faults(self, variables: Collection[str]) -> Iterable[Fault]:
        """What is wrong with it on a line whose templates may use these *variables*, with paths from the tool."""
        return ()
