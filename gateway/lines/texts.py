"""Text that keys want: some words, an id."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated

from pydantic import AfterValidator

from gateway.lines.described import Described, text_like
from gateway.lines.scalars import shown

ID = re.compile(r"[a-z0-9-]{1,64}")


def id_of(thing: str) -> Described:
    """Accept what can name a *thing* in logs, metrics and records."""
    return Described(AfterValidator(partial(_check_id, thing=thing)), text_like(ID.pattern))


def _check_id(text: str, *, thing: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a {thing} id; use 1 to 64 of a-z, 0-9 and -")
    return text


def _check_not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write a value or leave the key out")
    return text


Text = Annotated[str, Described(AfterValidator(_check_not_blank), {"type": "string", "pattern": r"\S"})]
"""At least one character that can be seen."""
