"""The agents of a line, where each is written, and whether they can find each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.lines.agents import AgentKeys, AgentSpec, SharedAgent
from gateway.lines.model import Line
from gateway.lines.section import Fault
from gateway.lines.wording import did_you_mean
from gateway.lines.yaml_source import KeyPath


@dataclass(frozen=True, slots=True)
class Member:
    """One agent of a line."""

    name: str
    spec: AgentKeys
    source: Path | None
    """The file that it is written in."""
    path: KeyPath
    """The way to it in that file."""

    @property
    def description(self) -> str | None:
        """What it is good for, to others."""
        return self.spec.handoff_description if isinstance(self.spec, AgentSpec) else None


def roster(line: Line) -> tuple[Member, ...]:
    """All agents of a line that was read, the one that answers first."""
    return (_first(line), *(_member(line, name, spec) for name, spec in line.agents.items()))


def _first(line: Line) -> Member:
    if line.shared_agent:
        return Member(line.line, line.shared_agent, line.shared_agent.source, ())
    return Member(line.line, line, line.source, ())


def _member(line: Line, name: str, spec: AgentSpec | str) -> Member:
    assert isinstance(spec, AgentSpec), "names of files were looked up when the line was read"
    if isinstance(spec, SharedAgent):
        return Member(name, spec, spec.source, ())
    return Member(name, spec, line.source, ("agents", name))


def roster_faults(line: Line) -> Iterator[Fault]:
    """Agents that cannot be found, and some that nobody finds; with paths from the line."""
    members = roster(line)
    names = [member.name for member in members]
    if line.line in line.agents:
        yield Fault(("agents", line.line), line.line, "is what the agent of the line is called; choose another name")
        return
    for member in members:
        for index, name in enumerate(member.spec.handoffs):
            if name not in names or name == member.name:
                yield _lost(line, member, index, names)
    met = _met(members)
    for name in names:
        if name not in met:
            yield Fault(("agents", name), name, "is handed over to by nobody; name it in `handoffs`, or remove it")


def _lost(line: Line, member: Member, index: int, names: list[str]) -> Fault:
    """A handoff that leads nowhere."""
    name = member.spec.handoffs[index]
    others = [other for other in names if other != member.name]
    hint = did_you_mean(name, others) if others and name != member.name else "remove it"
    what = "is itself" if name == member.name else "is no agent of this line"
    if member.source == line.source:
        return Fault((*member.path, "handoffs", index), name, f"`{name}` {what}; {hint}")
    path: KeyPath = ("agents", member.name) if member.name in line.agents else ("agent",)
    return Fault(path, name, f"hands over to `{name}`, which {what}; {hint}")


def _met(members: tuple[Member, ...]) -> set[str]:
    """Whom a caller can come to."""
    handoffs = {member.name: member.spec.handoffs for member in members}
    met: set[str] = set()
    coming = [members[0].name]
    while coming:
        name = coming.pop()
        if name not in met:
            met.add(name)
            coming += handoffs.get(name, ())
    return met
