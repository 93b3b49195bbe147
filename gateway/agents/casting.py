"""
The agents of one line, as each call has them.

What they are made of is made once; each call has agents of its own, since the tools of a call count for that call, and
those of a server may have changed since the last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.agents.context import CallContext, values_of
from gateway.agents.workshop import ForACall, Workshop
from gateway.lines import Line
from gateway.lines.places import Place
from gateway.lines.problems import LinesError, Problem
from gateway.lines.roster import Member, roster
from gateway.lines.templates import Template
from gateway.lines.tools.kinds import Tool
from gateway.lines.tools.mcp import McpServer
from gateway.lines.variables import known_variables
from gateway.realtime.agent import Instructions, RealtimeAgent
from gateway.realtime.guardrails import OutputGuardrail
from gateway.realtime.run_context import RunContextWrapper
from gateway.tools.mcp import McpServers
from gateway.tools.variables import Variables


@dataclass(frozen=True, slots=True)
class Part:
    """One agent of a line."""

    member: Member
    tools: tuple[ForACall, ...]

    def agent(self) -> RealtimeAgent[Any]:
        """The agent as a call has it, but for whom it may hand over to."""
        return RealtimeAgent(
            name=self.member.name,
            instructions=instructions_of(self.member.spec.instructions),
            tools=[tool for tools in self.tools for tool in tools()],
            handoff_description=self.member.description,
        )


@dataclass(frozen=True, slots=True)
class Cast:
    """All agents of a line, the one that answers first."""

    parts: tuple[Part, ...]
    guardrails: tuple[OutputGuardrail, ...] = ()
    """What none of them must say."""

    def agent(self) -> RealtimeAgent[Any]:
        """Who answers a call, and behind it all that it may hand over to."""
        agents = {part.member.name: part.agent() for part in self.parts}
        for part in self.parts:
            agents[part.member.name].handoffs = [agents[name] for name in part.member.spec.handoffs]
        return agents[self.parts[0].member.name]


def instructions_of(text: str) -> Instructions:
    """Text as it is, or what fills its gaps when an agent begins."""
    template = Template.read(text)
    if not template.names:
        return str(template)

    def filled(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> str:
        known = context.context
        return template.render(known.spoken_values() if isinstance(known, CallContext) else values_of(known))

    return filled


def servers_wanted(lines: Iterable[Line]) -> dict[Place, McpServer]:
    """The MCP servers that lines name, and where."""
    return {
        place: spec
        for line in lines
        for member in roster(line)
        for place, spec in _tools(line, member)
        if isinstance(spec, McpServer)
    }


def cast(line: Line, workshop: Workshop, servers: McpServers) -> Cast:
    """
    Make everything that the agents of *line* need.

    Raises `LinesError` for all that cannot be made.
    """
    variables = Variables(known_variables(line.variables, line.language), values_of)
    problems: list[Problem] = []
    parts: list[Part] = []
    for member in roster(line):
        tools: list[ForACall] = []
        for place, spec in _tools(line, member):
            try:
                tools.append(workshop.make(spec, place, variables, servers))
            except LinesError as error:
                problems += error.problems
        parts.append(Part(member, tuple(tools)))
    guardrails: list[OutputGuardrail] = []
    for index, check in enumerate(line.guardrails):
        place = Place(line.line, line.source, ("guardrails", index))
        try:
            guardrails.append(workshop.guardrail(check, place, variables))
        except LinesError as error:
            problems += error.problems
    if problems:
        raise LinesError(problems)
    return Cast(tuple(parts), tuple(guardrails))


def _tools(line: Line, member: Member) -> Iterator[tuple[Place, Tool]]:
    for index, spec in enumerate(member.spec.tools):
        yield Place(line.line, member.source, (*member.path, "tools", index)), spec
