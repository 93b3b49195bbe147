"""
Everything that one gateway is configured with: read as a whole, refused as a whole, and exchanged as a whole.

A configuration never changes. A call keeps the one with which it began, however often the gateway is given another, and
its hash says which that was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gateway.agents.casting import Cast, cast, servers_wanted
from gateway.agents.python import Agents, load_agents
from gateway.agents.workshop import Workshop
from gateway.errors import ConfigError
from gateway.lines import Line, Lines, load_lines
from gateway.lines.files import ConfigFiles
from gateway.lines.places import Place
from gateway.lines.problems import LinesError, Problem
from gateway.prices import PriceTable, load_prices
from gateway.prices.load import FILE_NAME
from gateway.realtime.agent import RealtimeAgent
from gateway.tools.http_client import HttpClient
from gateway.tools.mcp import McpServers

SHORT_SHA = 12


@dataclass(frozen=True, slots=True, eq=False)
class Configuration:
    """Lines, their agents, and what models cost."""

    lines: Lines
    casts: Mapping[str, Cast]
    """The agents of lines, by the ids of these."""
    agents: Agents = field(default_factory=dict)
    """The agents in Python that lines name."""
    servers: McpServers | None = None
    prices: PriceTable | None = None
    """What models cost; without it no cost is known."""
    sha256: str = ""
    """Of all files that were read."""

    @property
    def sha(self) -> str:
        """As much of the hash as people compare."""
        return self.sha256[:SHORT_SHA]

    def agent_of(self, line: Line) -> RealtimeAgent[Any]:
        """Who answers a call on *line*."""
        return self.agents.get(line.line) or self.casts[line.line].agent()

    async def open(self) -> None:
        """
        Connect to the servers that tools are on.

        Raises `LinesError` when one of them does not have what a line wants of it.
        """
        if self.servers:
            await self.servers.open()

    async def close(self) -> None:
        """Let go of them."""
        if self.servers:
            await self.servers.close()


def load_configuration(
    files: ConfigFiles,
    client: HttpClient,
    environment: Mapping[str, str],
    check: Callable[[Iterable[Line]], None] = lambda _: None,
) -> Configuration:
    """
    Read everything with *files*, and make what can be made of it; *check* may refuse lines too.

    Raises `ConfigError` with all that is wrong, as far as it can be told before the rest is right.
    """
    folder = files.folder
    lines: list[Lines] = []
    prices: list[PriceTable | None] = []
    problems = [
        *complaints(lambda: lines.append(load_lines(folder, files))),
        *complaints(lambda: prices.append(load_prices(folder, files))),
        *(complaint for found in lines for complaint in complaints(partial(check, found))),
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return assembled(lines[0], Workshop(client, environment, folder), prices=prices[0], sha256=files.sha256)


def complaints(examine: Callable[[], object]) -> list[str]:
    """What is said against something, if anything is."""
    try:
        examine()
    except ConfigError as error:
        return [str(error)]
    return []


def assembled(
    lines: Lines,
    workshop: Workshop,
    *,
    prices: PriceTable | None = None,
    agents: Agents | None = None,
    sha256: str = "",
) -> Configuration:
    """
    A configuration of lines that were read or made in code; *agents* are those in Python, if they are known.

    Raises `ConfigError` for everything that cannot be made.
    """
    problems: list[Problem] = []
    casts: dict[str, Cast] = {}
    servers = workshop.servers(servers_wanted(lines))
    for line in lines:
        try:
            casts[line.line] = cast(line, workshop, servers)
        except LinesError as error:
            problems += error.problems
    try:
        agents = load_agents(lines, workshop.folder) if agents is None else agents
    except LinesError as error:
        problems += error.problems
    problems += _caps_in_vain(lines, prices, workshop.folder)
    if problems:
        raise LinesError(dict.fromkeys(problems))
    return Configuration(lines, casts, agents or {}, servers, prices, sha256)


def _caps_in_vain(lines: Iterable[Line], prices: PriceTable | None, folder: Path) -> Iterable[Problem]:
    """Costs that are bounded, and that nobody could know."""
    for line in lines:
        if line.max_cost is not None and (prices is None or prices.find(line.model) is None):
            message = f"bounds what cannot be known: {folder / FILE_NAME} has no price of {line.model}; add it"
            yield Place(line.line, line.source, ("max_cost",)).problem(message)
