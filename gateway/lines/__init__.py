"""Who answers which number: one YAML file per line, read once and refused whole or taken whole."""

from gateway.lines.agents import AgentSpec, SharedAgent
from gateway.lines.instead import Instead
from gateway.lines.load import load_lines
from gateway.lines.model import Line
from gateway.lines.problems import LinesError, Position, Problem
from gateway.lines.routing import Lines, Routed, Step, route
from gateway.lines.segments import BargeInMode, Goodbye, Greeting, MustHear
from gateway.lines.sip import Sip
from gateway.lines.transfers import Destination
from gateway.lines.turns import SemanticVad, ServerVad, TurnDetection
from gateway.lines.when import Ring, When

__all__ = [
    "AgentSpec",
    "BargeInMode",
    "Destination",
    "Goodbye",
    "Greeting",
    "Instead",
    "Line",
    "Lines",
    "LinesError",
    "MustHear",
    "Position",
    "Problem",
    "Ring",
    "Routed",
    "SemanticVad",
    "ServerVad",
    "SharedAgent",
    "Sip",
    "Step",
    "TurnDetection",
    "When",
    "load_lines",
    "route",
]
