"""
How a function is called by a model: its parameters as a JSON schema, and JSON as its arguments.

Types come from the function's hints, words from its docstring or from `Annotated`; pydantic makes the schema of them
and checks what the model says. What the model leaves out, the function's own defaults fill in.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict

from gateway.errors import ToolError, UserError
from gateway.realtime.docstrings import read_docstring
from gateway.realtime.run_context import RunContextWrapper

Json = dict[str, Any]
Function = Callable[..., Any]

_POSITIONAL = inspect.Parameter.POSITIONAL_ONLY
_COLLECTING = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
COMPLAINTS_SHOWN = 5


class _Untitled(GenerateJsonSchema):
    """Titles say nothing that names do not, and every call of the model pays for them."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class FunctionSchema:
    """A function, and what a model must know to call it."""

    name: str
    description: str
    params_json_schema: Json
    takes_context: bool
    """Whether it wants the context in front of its other arguments."""
    _adapter: TypeAdapter[Json]
    _positional: tuple[str, ...]

    def read(self, arguments: str) -> tuple[list[Any], Json]:
        """
        Positional and named arguments, out of a model's JSON.

        Raises `ToolError`, which tells the model what is wrong with them.
        """
        named = read_json(self._adapter, arguments)
        return [named.pop(name) for name in self._positional if name in named], named


def read_json(adapter: TypeAdapter[Any], arguments: str) -> Any:
    """
    What a model's JSON says, in the shape that is expected of it.

    Raises `ToolError`, which tells the model what is wrong with it.
    """
    try:
        return adapter.validate_json(arguments.strip() or "{}")
    except ValidationError as error:
        complaints = [_complaint(found) for found in error.errors(include_url=False, include_input=False)]
        raise ToolError(f"malformed arguments: {'; '.join(complaints[:COMPLAINTS_SHOWN])}") from error


def json_schema(adapter: TypeAdapter[Any]) -> Json:
    """The schema of what is expected."""
    schema = adapter.json_schema(schema_generator=_Untitled)
    schema.pop("title", None)
    return schema


def function_schema(function: Function, *, strict: bool = True) -> FunctionSchema:
    """
    What a model must know of *function*; *strict* allows no argument that it has no parameter for.

    Raises `UserError` for one that cannot be described.
    """
    name = getattr(function, "__name__", type(function).__name__)
    parameters, hints = _signature(function, name)
    takes_context = bool(parameters) and _is_context(hints.get(parameters[0].name))
    if takes_context:
        del parameters[0]
    description, said = read_docstring(function.__doc__)
    fields = {one.name: _field(one, hints.get(one.name, Any), said.get(one.name)) for one in parameters}
    adapter = _adapter(name, fields, strict=strict)
    positional = tuple(one.name for one in parameters if one.kind is _POSITIONAL)
    return FunctionSchema(name, description, json_schema(adapter), takes_context, adapter, positional)


def _signature(function: Function, name: str) -> tuple[list[inspect.Parameter], Json]:
    try:
        hints = get_type_hints(function, include_extras=True)
        parameters = [*inspect.signature(function).parameters.values()]
    except (NameError, TypeError, ValueError) as error:
        raise UserError(f"the hints of {name} cannot be read: {error}") from error
    if collecting := [one for one in parameters if one.kind in _COLLECTING]:
        raise UserError(f"{name} takes {collecting[0]}; a tool has to name its parameters")
    return parameters, hints


def _is_context(hint: object) -> bool:
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, RunContextWrapper)


def _field(parameter: inspect.Parameter, hint: Any, said: str | None) -> Any:
    """The hint of a parameter, with all that is known of it."""
    default = parameter.default
    if isinstance(default, FieldInfo):
        if not default.is_required():
            raise UserError(f"{parameter.name} has a default in Field; expected it behind Annotated[…, Field(…)]")
        return Annotated[hint, Field(description=said), default]
    known: Json = {"description": next(_described(hint), said)}
    if isinstance(default, str | int | float):
        known["json_schema_extra"] = {"default": default}
    described = Annotated[hint, Field(**known)]
    return described if default is inspect.Parameter.empty else NotRequired[described]


def _described(hint: object) -> Iterator[str]:
    """What is said of a parameter in its hint."""
    for note in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        if isinstance(note, str):
            yield note
        elif isinstance(note, FieldInfo) and note.description:
            yield note.description


def _adapter(name: str, fields: Json, *, strict: bool) -> TypeAdapter[Json]:
    config = ConfigDict(extra="forbid" if strict else "ignore")
    try:
        shape = with_config(config)(cast("Any", TypedDict)(name, fields))
        return TypeAdapter(cast("type[Json]", shape))
    except PydanticUserError as error:
        raise UserError(f"the parameters of {name} cannot be described to a model: {error.message}") from error


def _complaint(found: Any) -> str:
    where = ".".join(map(str, found["loc"]))
    return f"{where}: {found['msg']}" if where else str(found["msg"])
