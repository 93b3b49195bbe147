"""Agents in Python that lines name."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from gateway.errors import ConfigError
from gateway.lines import Line
from gateway.lines.places import Place
from gateway.lines.problems import LinesError, Problem
from gateway.realtime.agent import RealtimeAgent
from gateway.tools.imports import imported, look_in

Agents = Mapping[str, RealtimeAgent[Any]]
"""Agents in Python, by the ids of their lines."""


def load_agents(lines: Iterable[Line], folder: Path) -> Agents:
    """
    Import every agent that lines name; *folder* is where their modules are looked for first.

    Raises `LinesError` for all that are not there, or are something else.
    """
    named = [line for line in lines if line.agent and line.shared_agent is None]
    if named:
        look_in(folder)
    found: dict[str, RealtimeAgent[Any]] = {}
    problems: list[Problem] = []
    for line in named:
        try:
            found[line.line] = imported(line.agent or "", thing="RealtimeAgent", fits=_is_agent)
        except ConfigError as error:
            problems.append(Place(line.line, line.source, ("agent",)).problem(str(error)))
    if problems:
        raise LinesError(problems)
    return found


def _is_agent(found: object) -> TypeGuard[RealtimeAgent[Any]]:
    return isinstance(found, RealtimeAgent)
