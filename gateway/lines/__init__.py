"""Who answers which number: one YAML file per line, read once and refused whole or taken whole."""

from gateway.lines.load import Lines, load_lines
from gateway.lines.model import Line, SemanticVad, ServerVad, TurnDetection
from gateway.lines.problems import LinesError, Position, Problem
from gateway.lines.segments import BargeInMode, Goodbye, Greeting, MustHear

__all__ = [
    "BargeInMode",
    "Goodbye",
    "Greeting",
    "Line",
    "Lines",
    "LinesError",
    "MustHear",
    "Position",
    "Problem",
    "SemanticVad",
    "ServerVad",
    "TurnDetection",
    "load_lines",
]
