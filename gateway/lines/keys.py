"""The keys of a telephone: those that the caller presses for the agent, and those that the agent presses."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from gateway.lines.scalars import Switch, number_from, shown, whole_from
from gateway.lines.section import Section

_KEY = re.compile(r"[0-9*#]")


def _check_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(f"{shown(text)} is no key of a telephone; write one of 0 to 9, or '*' or '#' in quotes")
    return text


Key = Annotated[str, AfterValidator(_check_key), WithJsonSchema({"type": "string", "pattern": f"^{_KEY.pattern}$"})]
"""One that every telephone has."""


class CollectDigits(Section):
    """What the agent may ask for when it has the caller press keys."""

    most: Annotated[int, whole_from(1, 64)] = 16
    """Keys at most, in one go."""
    terminator: Key | None = "#"
    """The key that ends the input, unless the agent wants another; null is none."""
    timeout_s: Annotated[float, number_from(1, 60)] = 10
    """How long the next key is waited for, unless the agent wants it sooner, in s."""
    cuts: Switch = True
    """Whether the first key cuts what the agent is saying."""


class Keys(Section):
    """What a line does with keys."""

    collect_digits: CollectDigits | None = None
    """With it the agent can ask the caller for keys; null leaves keys unheard."""
    send_dtmf: Switch = False
    """Whether the agent can press keys, which are heard as tones."""
