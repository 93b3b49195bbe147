"""Every kind of tool that there is: the one list of them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from gateway.lines.tools.http import HttpTool
from gateway.lines.tools.mcp import McpServer
from gateway.lines.tools.python import PythonTool

Tool: TypeAlias = Annotated[HttpTool | PythonTool | McpServer, Field(discriminator="type")]
"""Told apart by `type`."""
Tools: TypeAlias = tuple[Tool, ...]
