"""Where something stands in a line's file, for problems that come to light after the file was read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.lines.file_text import read_text
from gateway.lines.problems import LinesError, Position, Problem
from gateway.lines.yaml_source import KeyPath, dotted, read_source


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a line."""

    line: str
    """Id of the line."""
    source: Path | None
    """The line's file; None for a line made in code."""
    path: KeyPath
    """The way to the value."""

    def where(self, *steps: str | int) -> str:
        """The place, or what *steps* lead to from there, as problems begin."""
        return str(self.problem("", *steps)).removesuffix(": ")

    def problem(self, message: str, *steps: str | int) -> Problem:
        """What is wrong with the value, or with what *steps* lead to from there."""
        path = (*self.path, *steps)
        return Problem(self.source or Path(self.line), message, key=dotted(path), position=self._position(path))

    def _position(self, path: KeyPath) -> Position | None:
        """The file is read anew, since a line that is right has forgotten it; by now it may be another."""
        if self.source is None:
            return None
        try:
            source = read_source(self.source, read_text(self.source))
        except LinesError:
            return None
        return source.values.get(source.known_part(path))
