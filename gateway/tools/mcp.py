"""
MCP servers that line files name, and their tools.

There is one connection to a server, whichever lines and calls use it. What the model gets of a server is what its line
allows and the server has; as long as a server has never been reached that is nothing, since only it can describe its
tools. The library behind this is an extra, which is imported once a line names a server.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gateway.errors import ToolError
from gateway.lines.places import Place
from gateway.lines.problems import LinesError, Problem
from gateway.lines.secret_refs import SecretRef
from gateway.lines.tools.mcp import McpServer
from gateway.lines.wording import did_you_mean
from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool
from gateway.tools.secrets import Secrets

if TYPE_CHECKING:
    from gateway.tools.mcp_connection import McpConnection, Opens

logger = logging.getLogger(__name__)

NOT_INSTALLED = "needs a library that is not installed; run: pip install 'telephony-gateway[mcp]'"


class McpServers:
    """All servers of this process."""

    def __init__(self, wanted: Mapping[Place, McpServer], secrets: Secrets, folder: Path) -> None:
        """
        Take what lines want of servers; *folder* is that of the configuration.

        Raises `ConfigError` when the library or a secret is not there.
        """
        if wanted and find_spec("mcp") is None:
            raise LinesError(place.problem(NOT_INSTALLED, "type") for place in wanted)
        self._wanted = wanted
        self._connections: dict[str, McpConnection] = {}
        for server in dict.fromkeys(map(_server, wanted.values())):
            sharing = {place: spec for place, spec in wanted.items() if _server(spec) == server}
            self._connections[server] = _connection(sharing, secrets, folder)

    async def open(self) -> None:
        """
        Connect to all of them, and go on trying where that fails.

        Raises `LinesError` when a server does not have what a line wants of it.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.close)
            await asyncio.gather(*(connection.open() for connection in self._connections.values()))
            if problems := [*self._problems()]:
                raise LinesError(problems)
            stack.pop_all()

    async def close(self) -> None:
        """Leave all of them for good."""
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    def tools(self, spec: McpServer) -> list[FunctionTool]:
        """What the model has of a server now."""
        connection = self._connections[_server(spec)]
        return [_function_tool(spec, name, connection) for name in spec.allow if name in connection.tools]

    def _problems(self) -> Iterator[Problem]:
        for place, spec in self._wanted.items():
            connection = self._connections[_server(spec)]
            if not connection.is_open:
                logger.warning("%s: the line is without %s as yet", place.where(), ", ".join(spec.names.values()))
                continue
            for index, name in enumerate(spec.allow):
                if name not in connection.tools:
                    hint = did_you_mean(name, sorted(connection.offered)) if connection.offered else "it has none"
                    yield place.problem(f"`{name}` is no tool of the server; {hint}", "allow", index)


def _server(spec: McpServer) -> str:
    """Tells servers apart."""
    return spec.model_dump_json(include={"command", "env", "cwd", "url", "headers"})


def _connection(sharing: Mapping[Place, McpServer], secrets: Secrets, folder: Path) -> "McpConnection":
    """A connection to the server that all of these name."""
    from gateway.tools.mcp_connection import McpConnection

    place, spec = next(iter(sharing.items()))
    return McpConnection(
        _name(spec),
        _opens(place, spec, secrets, folder),
        tools={name for sharer in sharing.values() for name in sharer.allow},
        open_within_s=max(sharer.start_within_s for sharer in sharing.values()),
    )


def _name(spec: McpServer) -> str:
    """What logs call a server; an address is told without its query."""
    if spec.url is None:
        return " ".join(spec.command or ())
    parts = urlsplit(spec.url)
    return f"{parts.netloc}{parts.path}"


def _opens(place: Place, spec: McpServer, secrets: Secrets, folder: Path) -> "Opens":
    """How the server is connected to, with its secrets."""
    from gateway.tools.mcp_http import http_client
    from gateway.tools.mcp_process import process_client

    def found(part: str | SecretRef, *key: str) -> str:
        return part if isinstance(part, str) else secrets.find(part, where=place.where(*key)).get_secret_value()

    if spec.command is None:
        url = spec.url or ""
        headers = {
            name: "".join(found(part, "headers", name) for part in value.parts) for name, value in spec.headers.items()
        }
        return lambda handler: http_client(handler, url=url, headers=headers)
    command = spec.command
    env = {name: found(ref, "env", name) for name, ref in spec.env.items()}
    return lambda handler: process_client(handler, command=command, env=env, cwd=folder / spec.cwd)


def _function_tool(spec: McpServer, name: str, connection: "McpConnection") -> FunctionTool:
    async def invoke(context: ToolContext[Any], arguments: str) -> Any:
        return await connection.call(name, _read(arguments))

    tool = connection.tools[name]
    return FunctionTool(
        name=spec.names[name],
        description=tool.description or tool.title or "",
        params_json_schema={"properties": {}} | tool.input_schema,  # without any, models are refused the tool
        on_invoke_tool=invoke,
        strict_json_schema=False,
        needs_approval=spec.approval(name) == "always",
        timeout_seconds=spec.timeout_s,
    )


def _read(arguments: str) -> dict[str, Any]:
    """The model's arguments; whether they are right the server finds out."""
    try:
        read = json.loads(arguments.strip() or "{}")
    except ValueError as error:
        raise ToolError(f"malformed arguments: {error}") from error
    if not isinstance(read, dict):
        raise ToolError("malformed arguments: expected an object")
    return read
