"""
The base of everything that a line file can contain, and the way from a key to its section.

Messages need to know which keys would have been right, also in a sibling: `threshold` is no key of
`semantic_vad` but is one of `server_vad`. The models say so themselves; nothing is listed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError


class Section(BaseModel):
    """A mapping in a line file; one that comes in several kinds tells them apart by `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    retired: ClassVar[Mapping[str, str]] = {}
    """Keys that people know from elsewhere and that are none here, and what to say of them."""

    @classmethod
    def kind(cls) -> str | None:
        """Return the value of `type` that selects this section."""
        field = cls.model_fields.get("type")
        return str(field.default) if field else None

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe it to editors; what selects it has to be written."""
        schema = handler.resolve_ref_schema(described := handler(core_schema))
        if cls.kind() is not None:
            schema["required"] = ["type", *schema.get("required", ())]
        return described


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that is fine by itself and at odds with another."""

    path: tuple[str | int, ...]
    """The way to it from where it is noticed."""
    found: object
    message: str


def faulty(title: str, faults: Iterable[Fault]) -> ValidationError:
    """Blame each value by itself, where a `ValueError` would blame the whole that has been looked at."""
    return ValidationError.from_exception_data(title, [_details(fault) for fault in faults])


def _details(fault: Fault) -> InitErrorDetails:
    kind = PydanticCustomError("value_error", "{error}", {"error": fault.message})
    return InitErrorDetails(type=kind, loc=fault.path, input=fault.found)


@dataclass(frozen=True, slots=True)
class Place:
    """A section that was reached, and the kinds that could have stood in its place."""

    section: type[Section]
    kinds: tuple[type[Section], ...]

    def kinds_knowing(self, key: str) -> list[str]:
        """Other kinds that have *key*."""
        others = (kind for kind in self.kinds if kind is not self.section)
        return [str(other.kind()) for other in others if key in other.model_fields]


def place_at(root: type[Section], path: tuple[str | int, ...]) -> Place:
    """Follow *path* as pydantic reports it, where the kind of a section is a step of its own."""
    place = Place(root, (root,))
    for step in path:
        place = _step(place, step)
    return place


def _step(place: Place, step: str | int) -> Place:
    chosen = next((kind for kind in place.kinds if kind.kind() == step), None)
    if chosen:
        return Place(chosen, place.kinds)
    field = place.section.model_fields.get(str(step))
    kinds = tuple(_sections_in(field.annotation)) if field else ()
    return Place(kinds[0], kinds) if kinds else place


def _sections_in(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)
