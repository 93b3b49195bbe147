"""
From a folder of files to the lines that are served.

Every file is read, whatever is wrong with the others, and everything that is wrong is said at once:
an operator edits once, not once per mistake. Lines are either all good or none is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.lines.file_text import read_text
from gateway.lines.model import ANY_NUMBER, Line
from gateway.lines.problems import LinesError, Problem
from gateway.lines.wording import describe
from gateway.lines.yaml_source import KeyPath, Source, dotted, read_source

_TAG_ERRORS = {"union_tag_not_found", "union_tag_invalid"}


class Lines:
    """All lines of this gateway, by the numbers they answer."""

    __slots__ = ("_by_number", "_lines")

    def __init__(self, lines: Iterable[Line]) -> None:
        """Take *lines* whose ids and numbers are known to differ."""
        self._lines = tuple(lines)
        self._by_number = {number: line for line in self._lines for number in line.numbers}

    def find(self, number: str) -> Line | None:
        """Return the line that answers *number*: the one that names it, else the one for any number."""
        return self._by_number.get(number) or self._by_number.get(ANY_NUMBER)

    def __iter__(self) -> Iterator[Line]:
        """Go through the lines in the order of their file names."""
        return iter(self._lines)

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._lines)


def load_lines(directory: Path) -> Lines:
    """Read every `lines/*.yaml` below the configuration *directory*."""
    folder = directory / "lines"
    problems: list[Problem] = []
    loaded: list[tuple[Line, Source]] = []
    for file in _files_in(folder):
        try:
            loaded.append(_load(file))
        except LinesError as error:
            problems += error.problems
    problems += _claimed_twice(loaded)
    if problems:
        raise LinesError(problems)
    return Lines(line for line, _ in loaded)


def _files_in(folder: Path) -> list[Path]:
    try:
        found = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    except OSError as error:
        message = f"cannot be listed: {error.strerror}; make the folder, or point GATEWAY_CONFIG elsewhere"
        raise LinesError([Problem(folder, message)]) from error
    files = [file for file in found if file.suffix in {".yaml", ".yml"}]
    if not files:
        raise LinesError([Problem(folder, "no *.yaml file found; write one file for each line")])
    return files


def _load(file: Path) -> tuple[Line, Source]:
    if file.suffix == ".yml":
        raise LinesError([Problem(file, "has a name that is not read; rename it to end in .yaml")])
    source = read_source(file, read_text(file))
    try:
        return Line.model_validate(source.tree, context=file), source
    except ValidationError as error:
        details = error.errors(include_url=False)
        found = (_problem(detail, source) for detail in details)
        raise LinesError(sorted(found, key=lambda problem: problem.position or source.values[()])) from error


def _problem(error: ErrorDetails, source: Source) -> Problem:
    path, wanted = source.known_part(error["loc"]), _wanted_key(error)
    key = (*path, wanted) if wanted else path
    places = source.keys if error["type"] == "extra_forbidden" else source.values
    position = places.get(key) or source.values[path]
    return Problem(source.file, describe(error, Line), key=dotted(key), position=position)


def _wanted_key(error: ErrorDetails) -> str | None:
    """Return the key that the error is about but does not name a value of."""
    if error["type"] == "missing":
        return str(error["loc"][-1])
    return "type" if error["type"] in _TAG_ERRORS and isinstance(error["input"], dict) else None


def _claimed_twice(loaded: Iterable[tuple[Line, Source]]) -> Iterator[Problem]:
    """Find ids and numbers that more than one line has, or one line has twice."""
    first: dict[str, str] = {}
    for line, source in loaded:
        for path, claim in _claims(line):
            at = source.values[source.known_part(path)]
            if claim in first:
                message = f"`{claim}` is taken already, at {first[claim]}; keep one of the two"
                yield Problem(source.file, message, key=dotted(source.known_part(path)), position=at)
            first.setdefault(claim, f"{source.file}:{at.line}")


def _claims(line: Line) -> Iterator[tuple[KeyPath, str]]:
    yield ("line",), line.line
    for index, number in enumerate(line.numbers):
        yield ("numbers", index), number
