"""What gaps in texts may stand for: what is known of every call, and what a line adds to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from gateway.lines.scalars import shown
from gateway.lines.section import Fault, faulty
from gateway.lines.templates import CALL_VARIABLES

LANGUAGE = "language"
"""Known where a line says it."""
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")


def known_variables(variables: Mapping[str, str], language: str | None) -> frozenset[str]:
    """The names of all values on a line."""
    return CALL_VARIABLES | ({LANGUAGE} if language else set()) | variables.keys()


def _check_names(variables: dict[str, str]) -> dict[str, str]:
    if faults := [Fault((name,), name, why) for name in variables if (why := _unfit(name))]:
        raise faulty("variables", faults)
    return variables


def _unfit(name: str) -> str | None:
    if name in CALL_VARIABLES or name == LANGUAGE:
        return f"{shown(name)} is known of the call already; choose another name"
    if not _NAME.fullmatch(name):
        return f"{shown(name)} cannot name a variable; use up to 64 of a-z, 0-9 and _, and no digit first"
    return None


_SCHEMA = {
    "type": "object",
    "propertyNames": {"pattern": f"^{_NAME.pattern}$", "not": {"enum": sorted({*CALL_VARIABLES, LANGUAGE})}},
    "additionalProperties": {"type": "string"},
}
Variables = Annotated[dict[str, str], AfterValidator(_check_names), WithJsonSchema(_SCHEMA)]
"""Values by name."""
