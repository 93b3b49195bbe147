"""The official client library's word on what a realtime server takes and tells."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from openai import BaseModel
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic_core import PydanticUndefined


def _by_type(union: object) -> dict[str, type[BaseModel]]:
    models: tuple[type[BaseModel], ...] = get_args(get_args(union)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


CLIENT_EVENTS = _by_type(RealtimeClientEvent)
SERVER_EVENTS = _by_type(RealtimeServerEvent)


def undeclared(value: object, path: str = "") -> Iterator[str]:
    """The fields in *value*, however deep, that its class does not declare."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from undeclared(element, f"{path}[{index}]")
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name in type(value).model_fields:
            yield from undeclared(getattr(value, name), f"{path}.{name}")


def minimal(model: type[BaseModel]) -> dict[str, Any]:
    """The least that *model* may hold: what is required, and identifiers, which servers always give."""
    return {
        name: _least(field.annotation)
        for name, field in model.model_fields.items()
        if field.is_required() or (name == "id" and field.default is not PydanticUndefined)
    }


def _least(annotation: Any) -> Any:
    """The least value of a type."""
    if get_origin(annotation) is Annotated:
        return _least(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return _least(next(option for option in get_args(annotation) if option is not type(None)))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return minimal(annotation)
    return {str: "", int: 0, float: 0.0, bool: False, object: None}.get(annotation, [])
