"""A function in Python as a tool."""

from __future__ import annotations

from typing import Literal

from gateway.lines.python_names import PythonName
from gateway.lines.texts import Text
from gateway.lines.tools.base import ToolBase, ToolName


class PythonTool(ToolBase):
    """A function, described to the model by its hints and its docstring."""

    type: Literal["python"] = "python"
    """Selects this kind."""
    function: PythonName
    """The function, as `module:name`; modules in the folder of the configuration are found first."""
    name: ToolName | None = None
    """What the model calls it; null is the function's own name."""
    description: Text | None = None
    """What the model is told of it; null is what the docstring says."""
