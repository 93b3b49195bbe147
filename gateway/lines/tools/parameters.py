"""
What a model may say when it calls a tool, as a line file lists it.

    guests: integer
    day: {type: string, description: The day as YYYY-MM-DD.}
    seat: {type: string, enum: [inside, outside], optional: true}

The model is shown a JSON schema with all of it and nothing beside it, and what it says is held against the same. A
parameter that is optional and left out, or null, has no value: a gap for it stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, Self, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator, with_config
from typing_extensions import TypedDict

from gateway.lines.scalars import Switch, shown
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text

Json: TypeAlias = dict[str, Any]
Kind = Literal["string", "integer", "number", "boolean"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FiniteNumber = int | Annotated[float, Field(allow_inf_nan=False)]
_HINTS: dict[Kind, Any] = {"string": str, "integer": int, "number": _FiniteNumber, "boolean": bool}


def _check_choices(choices: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if choices is not None and not choices:
        raise ValueError("is an empty list; give the values there are, or leave the key out")
    return choices


class Parameter(Section):
    """One thing that a tool wants to know."""

    type: Kind
    """`string`, `integer`, `number` or `boolean`."""
    description: Text | None = None
    """Told to the model: what to say here."""
    enum: Annotated[tuple[str, ...] | None, AfterValidator(_check_choices)] = None
    """The only strings there are; null allows all."""
    optional: Switch = False
    """Whether the model may leave it out."""

    @classmethod
    def kind(cls) -> str | None:
        """There is one kind of parameter; `type` is that of its values."""
        return None

    def json_schema(self) -> Json:
        """How a model is shown it."""
        shown_as: Json = {"type": self.type}
        if self.description:
            shown_as["description"] = self.description.strip()
        if self.enum:
            shown_as["enum"] = [*self.enum]
        return shown_as

    def hint(self) -> Any:
        """What its values are in Python."""
        hint = Literal[self.enum] if self.enum else _HINTS[self.type]
        return NotRequired[hint | None] if self.optional else hint

    @model_validator(mode="after")
    def _check_type_of_choices(self) -> Self:
        if self.enum and self.type != "string":
            message = f"lists strings, and the type is {self.type}; set type: string, or remove it"
            raise faulty("Parameter", [Fault(("enum",), self.enum, message)])
        return self


def _type_alone(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _check_names(parameters: dict[str, Parameter]) -> dict[str, Parameter]:
    wrong = [name for name in parameters if not _NAME.fullmatch(name)]
    if wrong:
        message = "cannot name a parameter; use up to 64 letters a to z, digits and _, and begin with a letter"
        raise faulty("parameters", [Fault((name,), name, f"{shown(name)} {message}") for name in wrong])
    return parameters


Parameters = Annotated[
    dict[str, Annotated[Parameter, BeforeValidator(_type_alone, json_schema_input_type=Kind | Parameter)]],
    AfterValidator(_check_names),
]
"""By name; one may be its type alone."""


def parameters_schema(parameters: Mapping[str, Parameter]) -> Json:
    """All of them, as a model is shown them."""
    return {
        "type": "object",
        "properties": {name: parameter.json_schema() for name, parameter in parameters.items()},
        "required": [name for name, parameter in parameters.items() if not parameter.optional],
        "additionalProperties": False,
    }


def arguments_adapter(parameters: Mapping[str, Parameter]) -> TypeAdapter[Json]:
    """What reads a model's arguments, and refuses whatever the schema does not allow."""
    fields = {name: parameter.hint() for name, parameter in parameters.items()}
    shape = with_config(ConfigDict(extra="forbid"))(cast("Any", TypedDict)("Arguments", fields))
    return TypeAdapter(cast("type[Json]", shape))
