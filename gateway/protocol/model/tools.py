"""Tools and handoffs, as the realtime API describes them to the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.errors import UserError

Json = dict[str, Any]


def tool_objects(tools: Iterable[object], handoffs: Iterable[object]) -> list[Json]:
    """What a session's `tools` are; a name may be taken once."""
    described = [*map(_tool, tools), *map(_handoff, handoffs)]
    names = [tool["name"] for tool in described if "name" in tool]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"more than one tool or handoff is called {', '.join(twice)}: the model could not tell them apart"
        )
    return described


def tool_choice_object(choice: object) -> object:
    """
    A session's `tool_choice`, a tool by its name included.

    >>> tool_choice_object("auto"), tool_choice_object("lookup")
    ('auto', {'type': 'function', 'name': 'lookup'})
    """
    if isinstance(choice, str) and choice not in {"auto", "none", "required"}:
        return {"type": "function", "name": choice}
    return choice


def _tool(tool: object) -> Json:
    if isinstance(tool, Mapping):
        return dict(tool)
    return _function(tool, "tool", "name", "description", "params_json_schema")


def _handoff(handoff: object) -> Json:
    if isinstance(handoff, Mapping):
        return dict(handoff)
    return _function(handoff, "handoff", "tool_name", "tool_description", "input_json_schema")


def _function(given: object, kind: str, *attributes: str) -> Json:
    try:
        name, description, parameters = (getattr(given, attribute) for attribute in attributes)
    except AttributeError as error:
        raise UserError(f"a {kind} is a mapping or has {', '.join(attributes)}; found {given!r}") from error
    return {"type": "function", "name": name, "description": description, "parameters": parameters}
