"""
Where a secret is to be found; a line file never holds one.

`${NAME}` is a variable of the environment, `file:/path` a file that holds nothing else. Whatever else is written where
a secret belongs may be the secret itself, so no message repeats it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE = re.compile(r"file:(/[^\x00-\x1f\x7f]+)")
_WANTED = "write ${NAME} for a variable of the environment, or file:/path"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret that is kept elsewhere."""

    kind: Literal["variable", "file"]
    name: str
    """Of the variable, or the path of the file."""

    def __str__(self) -> str:
        """Write it as line files do."""
        return f"${{{self.name}}}" if self.kind == "variable" else f"file:{self.name}"


def secret_ref(text: str) -> SecretRef | None:
    """
    Read *text* as the place of a secret, if it is one.

    >>> secret_ref("${BOOKING_KEY}"), secret_ref("hello")
    (SecretRef(kind='variable', name='BOOKING_KEY'), None)
    """
    if found := _VARIABLE.fullmatch(text):
        return SecretRef("variable", found[1])
    if found := _FILE.fullmatch(text):
        return SecretRef("file", found[1])
    return None


def refuse_secrets(text: str) -> str:
    """Return *text*, in which `${NAME}` would be sent as it is written: it has to be elsewhere."""
    if _VARIABLE.search(text):
        raise ValueError("has ${NAME} where no secret goes; put it in `auth`, or alone in a header or a query value")
    return text


def _read(value: object) -> object:
    if value is None or isinstance(value, SecretRef):
        return value
    found = secret_ref(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"says no place to find a secret at; {_WANTED}, and keep the secret itself out of here")
    return found


_SCHEMA = {"type": "string", "pattern": f"^({_VARIABLE.pattern}|file:/.+)$"}
Secret = Annotated[SecretRef, BeforeValidator(_read), WithJsonSchema(_SCHEMA)]
"""A value that is never written down where it is used."""
