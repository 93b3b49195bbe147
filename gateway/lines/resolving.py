"""
What a line says together with the files that it names, and whether all of it fits together.

What is wrong is said where it is written: in the line, in the file of a shared agent, or in the text of instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.lines.agents import AgentKeys, AgentSpec, SharedAgent
from gateway.lines.file_text import position_after
from gateway.lines.files import ConfigFiles
from gateway.lines.hours import Dates
from gateway.lines.model import Line
from gateway.lines.problems import LinesError, Problem
from gateway.lines.roster import Member, roster, roster_faults
from gateway.lines.section import Section
from gateway.lines.templates import Template
from gateway.lines.tools.http import HttpTool
from gateway.lines.tools.kinds import Tool
from gateway.lines.tools.mcp import McpServer
from gateway.lines.validation import validated
from gateway.lines.variables import known_variables
from gateway.lines.wording import did_you_mean
from gateway.lines.yaml_source import KeyPath, Source, dotted, read_source

_UNFIT = re.compile("[^a-z0-9]+")


class Holidays(Section):
    """A file of dates."""

    dates: Dates
    """Dates like `2026-12-25`."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A shared agent that was read."""

    spec: SharedAgent
    source: Source


class Resolver:
    """Puts the lines of one configuration together."""

    def __init__(self, files: ConfigFiles, shared: Mapping[str, Shared]) -> None:
        self._files = files
        self._shared = shared

    def line(self, line: Line, source: Source) -> Line:
        """
        The line with everything in it that it names.

        Raises `LinesError` for what is missing or does not fit.
        """
        problems: list[Problem] = []
        changes = {
            **self._holidays(line, source, problems),
            **instructed(line, source, (), self._files, problems),
            "agents": {name: self._agent(name, spec, source, problems) for name, spec in line.agents.items()},
        }
        whole = line.put_together(changes, self._first(line, source, problems))
        if not problems:
            problems += self._misfits(whole, source)
        if problems:
            raise LinesError(dict.fromkeys(problems))
        return whole

    def _holidays(self, line: Line, source: Source, problems: list[Problem]) -> dict[str, Any]:
        if line.holidays_file is None:
            return {}
        try:
            file = self._files.named(line.holidays_file)
            read = validated(Holidays, read_source(file, self._files.read(file), least="`dates`"))
        except ValueError as error:
            problems.append(problem_at(source, ("holidays_file",), str(error)))
        except LinesError as error:
            problems += error.problems
        else:
            return {"holidays": (*line.holidays, *read.dates)}
        return {}

    def _agent(self, name: str, spec: AgentSpec | str, source: Source, problems: list[Problem]) -> AgentSpec | str:
        if isinstance(spec, AgentSpec):
            changes = instructed(spec, source, ("agents", name), self._files, problems)
            return spec.model_copy(update=changes)
        if spec not in self._shared:
            problems.append(problem_at(source, ("agents", name), self._no_file(spec)))
            return AgentSpec()
        return self._shared[spec].spec

    def _first(self, line: Line, source: Source, problems: list[Problem]) -> SharedAgent | None:
        """The shared agent that answers, if one does."""
        if line.agent is None or ":" in line.agent:
            return None
        if line.agent not in self._shared:
            hint = f"{self._no_file(line.agent)}; or write module:name, like bakery:front_desk, for one in Python"
            problems.append(problem_at(source, ("agent",), hint))
            return None
        return self._shared[line.agent].spec

    def _no_file(self, name: str) -> str:
        hint = did_you_mean(name, self._shared) if self._shared else "add it"
        return f"there is no file agents/{name}.yaml; {hint}"

    def _misfits(self, line: Line, source: Source) -> Iterator[Problem]:
        faults = list(roster_faults(line))
        for fault in faults:
            yield problem_at(source, fault.path, fault.message)
        known = known_variables(line.variables, line.language)
        for member in () if faults else roster(line):
            yield from self._member_misfits(member, known, source)

    def _member_misfits(self, member: Member, known: frozenset[str], source: Source) -> Iterator[Problem]:
        where = source
        if isinstance(member.spec, SharedAgent):
            where = next(shared.source for shared in self._shared.values() if shared.spec is member.spec)
        yield from self._gap_problems(member, known, where)
        for index, tool in enumerate(member.spec.tools):
            for fault in tool.faults(known):
                yield problem_at(where, (*member.path, "tools", index, *fault.path), fault.message)
        yield from _namesakes(member, where)

    def _gap_problems(self, member: Member, known: frozenset[str], where: Source) -> Iterator[Problem]:
        """What is wrong with the gaps in instructions; in a file of their own each is pointed at."""
        text, path = member.spec.instructions, (*member.path, "instructions")
        try:
            template = Template.read(text)
        except ValueError as error:
            unknown: Sequence[tuple[str, str]] = [("{{", str(error))]
        else:
            names = (name for name in template.names if name not in known)
            hint = "has no value here"
            unknown = [(name, f"{{{{{name}}}}} {hint}; {did_you_mean(name, sorted(known))}") for name in names]
        for name, message in unknown:
            if member.spec.instructions_file:
                file = self._files.named(member.spec.instructions_file)
                yield Problem(file, message, position=position_after(text[: _gap_at(text, name)]))
            else:
                yield problem_at(where, path, message)


def instructed(
    spec: AgentKeys, source: Source, path: KeyPath, files: ConfigFiles, problems: list[Problem]
) -> dict[str, Any]:
    """The instructions of an agent whose instructions are in a file."""
    if spec.instructions_file is None:
        return {}
    key = (*path, "instructions_file")
    try:
        return {"instructions": files.read(files.named(spec.instructions_file))}
    except ValueError as error:
        problems.append(problem_at(source, key, str(error)))
    except LinesError as error:
        problems += error.problems
    return {}


def _gap_at(text: str, name: str) -> int:
    """Where the gap of that name begins, or the one that is broken."""
    found = re.search(r"\{\{\s*" + re.escape(name.removeprefix("{{")), text)
    return found.start() if found else 0


def problem_at(source: Source, path: KeyPath, message: str) -> Problem:
    """A problem with what *path* leads to in a file."""
    known = source.known_part(path)
    return Problem(source.file, message, key=dotted(known), position=source.values[known])


def tool_names(tool: Tool) -> tuple[str, ...]:
    """What a model calls a tool, or all tools of a server, as far as the file says."""
    match tool:
        case HttpTool():
            return (tool.name,)
        case McpServer():
            return tuple(tool.names.values())
        case _:
            return (tool.name or tool.function.partition(":")[2],)


BUILT_IN = ("hang_up", "transfer", "collect_digits", "send_dtmf")
"""Tools that a line gives all its agents."""


def _namesakes(member: Member, where: Source) -> Iterator[Problem]:
    """Tools that a model could not tell apart."""
    taken = dict.fromkeys(BUILT_IN, "a tool of the call itself")
    taken |= {f"transfer_to_{_UNFIT.sub('_', name)}": f"the handoff to {name}" for name in member.spec.handoffs}
    for index, tool in enumerate(member.spec.tools):
        for name in tool_names(tool):
            if name in taken:
                message = f"`{name}` is the name of {taken[name]} too; give one of the two another"
                yield problem_at(where, (*member.path, "tools", index, "name"), message)
            taken.setdefault(name, "another tool")
