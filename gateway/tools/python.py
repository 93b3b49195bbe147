"""
Functions in Python that line files name, as tools.

One that is a tool already keeps what the file does not change; no file can do away with an approval that it asks for.
"""

from dataclasses import replace
from typing import TypeGuard

from gateway.errors import ConfigError, UserError
from gateway.lines.places import Place
from gateway.lines.problems import LinesError
from gateway.lines.tools.python import PythonTool
from gateway.realtime.function_schema import Function
from gateway.realtime.tools import FunctionTool, function_tool
from gateway.tools.imports import imported


def python_tool(spec: PythonTool, place: Place) -> FunctionTool:
    """
    Import the function that *spec*, which stands at *place*, names.

    Raises `LinesError` when it is not there, or cannot be described to a model.
    """
    try:
        found = imported(spec.function, thing="function", fits=_is_function)
        tool = found if isinstance(found, FunctionTool) else function_tool(found)
    except (ConfigError, UserError) as error:
        raise LinesError([place.problem(str(error), "function")]) from error
    own_limit_s = None if "timeout_s" in spec.model_fields_set else tool.timeout_seconds
    return replace(
        tool,
        name=spec.name or tool.name,
        description=spec.description or tool.description,
        needs_approval=spec.approve == "always" or tool.needs_approval,
        timeout_seconds=own_limit_s or spec.timeout_s,
    )


def _is_function(found: object) -> TypeGuard[FunctionTool | Function]:
    return isinstance(found, FunctionTool) or (callable(found) and not isinstance(found, type))
