"""
Where the tools of lines are made: one case for each kind.

What takes long or can fail is done once, when a configuration is read: secrets are found, functions imported, addresses
checked. For each call the tools are taken from there, with a count of their own for the call; those of an MCP server as
the server has them at that moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from gateway.errors import ConfigError
from gateway.lines.guardrails import Guardrail
from gateway.lines.places import Place
from gateway.lines.problems import LinesError
from gateway.lines.tools.http import HttpTool
from gateway.lines.tools.kinds import Tool
from gateway.lines.tools.mcp import McpServer
from gateway.lines.tools.python import PythonTool
from gateway.lines.yaml_source import KeyPath
from gateway.realtime.guardrails import OutputGuardrail
from gateway.realtime.tools import FunctionTool
from gateway.tools.bounds import Bounds
from gateway.tools.guardrails import guardrail
from gateway.tools.http import http_tool
from gateway.tools.http_client import HttpClient
from gateway.tools.imports import look_in
from gateway.tools.mcp import McpServers
from gateway.tools.python import python_tool
from gateway.tools.secrets import Secrets
from gateway.tools.variables import Variables

ForACall: TypeAlias = Callable[[], list[FunctionTool]]
"""The tools that one entry of a file gives a call."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What tools are made with."""

    client: HttpClient
    """Asks services."""
    environment: Mapping[str, str]
    """Where secrets are."""
    folder: Path
    """Of the configuration."""
    bounds: dict[tuple[Path | None, KeyPath, str], Bounds] = field(default_factory=dict)
    """How often tools may be called, by where they are written and what they are called."""

    @property
    def secrets(self) -> Secrets:
        """Those of the environment."""
        return Secrets(self.environment)

    def servers(self, wanted: Mapping[Place, McpServer]) -> McpServers:
        """All MCP servers of one configuration; raises `ConfigError` for a secret that is missing."""
        return McpServers(wanted, self.secrets, self.folder)

    def make(self, spec: Tool, place: Place, variables: Variables, servers: McpServers) -> ForACall:
        """
        Make what *spec*, which stands at *place*, describes.

        Raises `LinesError` when that cannot be done.
        """
        match spec:
            case McpServer():
                return lambda: [self._bounded(tool, spec, place) for tool in servers.tools(spec)]
            case HttpTool():
                tool = _placed(place, partial(http_tool, spec, self.client, self.secrets, variables))
            case PythonTool():
                look_in(self.folder)
                tool = python_tool(spec, place)
        return lambda: [self._bounded(tool, spec, place)]

    def guardrail(self, spec: Guardrail, place: Place, variables: Variables) -> OutputGuardrail:
        """Make a check of what the agents of a line say; raises `LinesError` when that cannot be done."""
        look_in(self.folder)
        return guardrail(spec, place, self.client, self.secrets, variables)

    def _bounded(self, tool: FunctionTool, spec: Tool, place: Place) -> FunctionTool:
        """With what tools of every kind have; lines that share an agent share the counts of its tools."""
        key = (place.source, place.path, tool.name)
        bounds = Bounds(max_per_call=spec.max_per_call, max_per_minute=spec.max_per_minute)
        return replace(self.bounds.setdefault(key, bounds).for_a_call(tool), filler=spec.say)


def _placed(place: Place, make: Callable[[], FunctionTool]) -> FunctionTool:
    """Have a problem say where it stands."""
    try:
        return make()
    except ConfigError as error:
        raise LinesError([place.problem(str(error))]) from error
