"""
The tool by which an agent remembers things of a call: the line's own variables.

What it sets stands in every gap from then on: in the instructions of agents that take over, and in what tools send.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, with_config
from typing_extensions import TypedDict

from gateway.errors import ToolError
from gateway.lines.tools.parameters import Json
from gateway.realtime.function_schema import read_json
from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool

SET = "set"
LONGEST_VALUE = 1_000


@with_config({"extra": "forbid"})
class _Arguments(TypedDict):
    name: str
    value: str


_ARGUMENTS = TypeAdapter(_Arguments)


def set_tool(names: Sequence[str], variables: dict[str, object]) -> FunctionTool:
    """A tool that sets those of one call's *variables* that have these *names*."""

    async def invoke(context: ToolContext[Any], arguments: str) -> Json:
        wanted = read_json(_ARGUMENTS, arguments)
        if wanted["name"] not in names:
            raise ToolError(f"there is no such variable; expected one of {', '.join(names)}")
        if len(wanted["value"]) > LONGEST_VALUE:
            raise ToolError(f"the value is too long; {LONGEST_VALUE} characters are the most")
        variables[wanted["name"]] = wanted["value"]
        return {"status": "set", **wanted}

    return FunctionTool(
        name=SET,
        description="Remember something of this call, for whoever has it next and for the tools that need it.",
        params_json_schema={
            "type": "object",
            "properties": {"name": {"type": "string", "enum": [*names]}, "value": {"type": "string"}},
            "required": ["name", "value"],
            "additionalProperties": False,
        },
        on_invoke_tool=invoke,
    )
