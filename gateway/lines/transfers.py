"""
Where the agent may pass a call on to: a list of who is allowed, by names that the model is told.

The model names a destination and never a number, so no caller can talk it into calling one.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from gateway.lines.scalars import shown, whole_from
from gateway.lines.section import Section
from gateway.lines.sip import Target
from gateway.lines.texts import Text, id_of

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def _check_number(text: str) -> str:
    if not _E164.fullmatch(text):
        raise ValueError(f"{shown(text)} is no number that can be shown; write + and 2 to 15 digits, like +15550199")
    return text


Number = Annotated[
    str, AfterValidator(_check_number), WithJsonSchema({"type": "string", "pattern": f"^{_E164.pattern}$"})
]


class Destination(Section):
    """Somebody whom callers may be put through to."""

    to: Target
    """A number like `+15550155`, or an address like `sip:user@host`."""
    when: Text | None = None
    """Told to the model: who is there, and when to pass a caller on to them."""
    say: Text | None = None
    """Said to the caller first; null leaves the words to the agent."""
    timeout_s: Annotated[int, whole_from(5, 600)] = 25
    """How long it may ring, in s; by SIP that is up to whoever is called."""
    caller_id: Number | None = None
    """The number that is shown to whoever is called, one of the account's; null shows the caller's."""


def _to_alone(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


Transfers = dict[
    Annotated[str, id_of("destination")],
    Annotated[Destination, BeforeValidator(_to_alone, json_schema_input_type=Target | Destination)],
]
"""Destinations by name; a number or an address alone is one too."""
