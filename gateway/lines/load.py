"""
From a folder of files to the lines that are served.

Every file is read, whatever is wrong with the others, and everything that is wrong is said at once:
an operator edits once, not once per mistake. Lines are either all good or none is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from gateway.lines.agents import SharedAgent
from gateway.lines.files import ConfigFiles
from gateway.lines.model import Line
from gateway.lines.problems import LinesError, Problem
from gateway.lines.resolving import Resolver, Shared, instructed
from gateway.lines.routing import Lines
from gateway.lines.section import Section
from gateway.lines.texts import ID
from gateway.lines.validation import validated
from gateway.lines.yaml_source import KeyPath, Source, dotted, read_source

AGENTS = "agents"
S = TypeVar("S", bound=Section)


def load_lines(directory: Path, files: ConfigFiles | None = None) -> Lines:
    """Read every `lines/*.yaml` below the configuration *directory*, and what they name, with *files*."""
    return _Loader(files or ConfigFiles(directory)).load()


class _Loader:
    """Reads everything, and collects what is wrong."""

    def __init__(self, files: ConfigFiles) -> None:
        self._files = files
        self._problems: list[Problem] = []

    def load(self) -> Lines:
        """All lines; raises `LinesError` with everything that is wrong."""
        resolver = Resolver(self._files, dict(self._shared()))
        loaded = [(line, source) for file in self._line_files() for line, source in self._line(file, resolver)]
        self._problems += _claimed_twice(loaded)
        if self._problems:
            raise LinesError(dict.fromkeys(self._problems))
        return Lines(line for line, _ in loaded)

    def _line_files(self) -> list[Path]:
        files = self._files.listed("lines")
        if not files:
            folder = self._files.folder / "lines"
            raise LinesError([Problem(folder, "no *.yaml file found; write one file for each line")])
        return files

    def _line(self, file: Path, resolver: Resolver) -> Iterator[tuple[Line, Source]]:
        try:
            line, source = self._read(file, Line, "`line` and `numbers`")
            yield resolver.line(line, source), source
        except LinesError as error:
            self._problems += error.problems

    def _shared(self) -> Iterator[tuple[str, Shared]]:
        """The agents that have files of their own, by the names of these."""
        for file in self._files.listed(AGENTS) if (self._files.folder / AGENTS).is_dir() else ():
            try:
                yield file.stem, self._agent(file)
            except LinesError as error:
                self._problems += error.problems

    def _agent(self, file: Path) -> Shared:
        if not ID.fullmatch(file.stem):
            message = "has a name that no line can use; rename it with 1 to 64 of a-z, 0-9 and -"
            raise LinesError([Problem(file, message)])
        spec, source = self._read(file, SharedAgent, "`instructions`")
        changes = instructed(spec, source, (), self._files, self._problems)
        return Shared(spec.model_copy(update=changes), source)

    def _read(self, file: Path, root: type[S], least: str) -> tuple[S, Source]:
        if file.suffix == ".yml":
            raise LinesError([Problem(file, "has a name that is not read; rename it to end in .yaml")])
        source = read_source(file, self._files.read(file), least=least)
        return validated(root, source), source


def _claimed_twice(loaded: Iterable[tuple[Line, Source]]) -> Iterator[Problem]:
    """Find ids and numbers that more than one line has, or one line has twice."""
    first: dict[str, str] = {}
    for line, source in loaded:
        for path, claim, what in _claims(line):
            at = source.values[source.known_part(path)]
            if claim in first:
                message = f"`{what}` is taken already, at {first[claim]}; {_advice(path)}"
                yield Problem(source.file, message, key=dotted(source.known_part(path)), position=at)
            first.setdefault(claim, f"{source.file}:{at.line}")


def _advice(path: KeyPath) -> str:
    return "keep one of the two" if path == ("line",) else "keep one of the two, or give one of them a `when`"


def _claims(line: Line) -> Iterator[tuple[KeyPath, str, str]]:
    """What a line has for itself; a number that it answers at times it shares with others, but has it once."""
    yield ("line",), line.line, line.line
    for index, number in enumerate(line.numbers):
        yield ("numbers", index), f"{number} of {line.line}" if line.is_conditional else number, number
