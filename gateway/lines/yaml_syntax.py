"""What the YAML parser tripped over, said to someone who did not ask for a grammar lesson."""

from __future__ import annotations

from typing import Protocol

import yaml

from gateway.lines.problems import Position

_START = Position(1, 1)


class _Mark(Protocol):
    """A place as the parser counts it, be it the one in C or the one in Python."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def position_of(mark: _Mark | None) -> Position:
    """Count as editors do; the parser counts from 0."""
    return Position(mark.line + 1, mark.column + 1) if mark else _START


def explain_syntax(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    """Say where *text* stops being YAML, and what to do there."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _START, "this is not YAML; begin with `line: ` and the id of the line"
    at, began = position_of(error.problem_mark or error.context_mark), position_of(error.context_mark)
    problem, context = error.problem or "", error.context or ""
    character = _character_at(text, at)
    if character == "\t":
        return at, "a tab cannot be used here; indent with spaces"
    if "alias" in context:
        return began, 'a * without quotes begins an alias; write "*"'
    if "quoted scalar" in context and "end of stream" in problem:
        return began, "this quote is never closed; add the closing quote"
    if problem.startswith("mapping values"):
        return at, "a colon is not expected here; align the keys, and put text that has a colon in quotes"
    if "start any token" in problem:
        return at, f"text cannot begin with {character}; put it in quotes"
    return at, f"this is not valid YAML ({problem}); check quotes, brackets and indentation"


def _character_at(text: str, at: Position) -> str:
    lines = text.splitlines()
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    return line[at.column - 1 : at.column]
