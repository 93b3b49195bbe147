"""What is wrong with a line file, said so that an editor can jump there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file, counted from 1 as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """
    One thing to fix: where it is, what was found, what was expected and what to do.

    >>> print(Problem(Path("config/lines/a.yaml"), "voice is misspelt", key="vioce", position=Position(3, 1)))
    config/lines/a.yaml:3:1: vioce: voice is misspelt
    """

    file: Path
    message: str
    key: str = ""
    """The dotted key, empty when the problem is the file itself."""
    position: Position | None = None
    """Where to look; None when the file could not be opened at all."""

    def __str__(self) -> str:
        """Write the problem as compilers do: `file:line:column: key: message`."""
        at = f":{self.position.line}:{self.position.column}" if self.position else ""
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}{at}: {key}{self.message}"


class LinesError(ConfigError):
    """The line files cannot be used; carries every problem of every file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep *problems* in the order in which they will be shown, one per text line."""
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
