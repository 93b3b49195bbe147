"""
Validators that editors are told of.

What a validator of ours accepts no JSON schema can know by itself. So those that are worth it say so: a value that is
checked by the gateway when it starts is then underlined by an editor while it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """A validator, and the JSON schema of what it accepts."""

    validator: AfterValidator | BeforeValidator
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate."""
        return self.validator.__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        """Describe."""
        return dict(self.schema)

    def __hash__(self) -> int:
        """By what it does."""
        return hash(self.validator)


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A validator that takes another form beside the one that is described already."""

    validator: BeforeValidator
    schema: Mapping[str, Any] | None = None
    """Of the other form; None for one entry of a list that stands for the list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate."""
        return self.validator.__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        """Describe both forms."""
        described = handler(schema)
        return {"anyOf": [dict(described["items"] if self.schema is None else self.schema), described]}

    def __hash__(self) -> int:
        """By what it does."""
        return hash(self.validator)


def text_like(pattern: str) -> Json:
    """Text of a certain form."""
    return {"type": "string", "pattern": f"^({pattern})$"}


def number_like(pattern: str) -> Json:
    """Text that editors may take for a number, since it looks like one."""
    return {"anyOf": [text_like(pattern), {"type": "integer"}]}
