"""Arguments of the tools that a call runs by itself: JSON by the model, which may be anything."""

import json
from collections.abc import Mapping

from gateway.agent import ToolCall


class BadArgumentsError(ValueError):
    """The model calls a tool in a way that makes no sense; told to it."""


def arguments_of(call: ToolCall) -> Mapping[str, object]:
    """What the model says; raises `BadArgumentsError` when it is no object."""
    try:
        found = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError) as error:
        raise BadArgumentsError("the arguments are not JSON") from error
    if not isinstance(found, dict):
        raise BadArgumentsError("the arguments are no object")
    return found


def number_in(arguments: Mapping[str, object], name: str, default: float, *, most: float) -> float:
    """A number above 0 that is *most* at most; raises `BadArgumentsError` for anything else."""
    value = arguments.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise BadArgumentsError(f"{name} is {str(value)[:20]!r}; expected a number above 0, {most:g} at most")
    return value
