"""What an agent can do besides talking, as a line file says it: one kind of tool per file."""

from gateway.lines.tools.base import Approval, ToolBase, ToolName

__all__ = ["Approval", "ToolBase", "ToolName"]
