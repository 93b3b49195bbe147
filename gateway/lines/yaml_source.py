"""
A line file as its author wrote it: plain data, and where in the file each piece stands.

The parser's events are read one by one instead of having PyYAML build objects. That leaves out what
makes YAML dangerous: nothing is multiplied (no aliases, no merge keys), nothing is constructed (no
tags), nothing is guessed (see `scalars`), and the depth is known before anything recurses into it.
Whatever is refused is noted and reading goes on, so that one look at the file finds it all; only a
syntax error, and depth, end it. If there is a secret in the file, that is all that is said about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from gateway.lines.problems import LinesError, Position, Problem
from gateway.lines.scalars import Plain
from gateway.lines.secret_literals import kind_of_secret, names_account
from gateway.lines.yaml_syntax import explain_syntax, position_of

DEPTH_LIMIT = 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = {"", "~", "null", "Null", "NULL"}

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the top of a file down to a value."""
Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | None"
"""What a file says, with every scalar still as it was written."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is sound YAML; whether it makes sense is not known yet."""

    file: Path
    tree: Tree
    values: Mapping[KeyPath, Position]
    keys: Mapping[KeyPath, Position]

    def known_part(self, path: KeyPath) -> KeyPath:
        """Drop from *path* the steps that the file does not have, such as the kind of a section."""
        known: KeyPath = ()
        for step in path:
            known = (*known, step) if (*known, step) in self.values else known
        return known


def dotted(path: KeyPath) -> str:
    """
    Write *path* as the messages do.

    >>> dotted(("tools", 0, "url"))
    'tools[0].url'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def read_source(file: Path, text: str, *, least: str = "`line` and `numbers`") -> Source:
    """Parse the *text* of *file*, which has *least* in it."""
    reader = _Reader(file, yaml.parse(text, Loader=_LOADER), least)
    tree: Tree = None
    try:
        tree = reader.read()
    except yaml.YAMLError as error:
        reader.note((), *explain_syntax(error, text))
    except _StoppedError as error:
        reader.note((), error.at, str(error))
    if problems := reader.problems():
        raise LinesError(problems)
    return Source(file, tree, reader.values, reader.keys)


class _StoppedError(Exception):
    """Reading stops here, though the parser could go on."""

    def __init__(self, at: Position, message: str) -> None:
        super().__init__(message)
        self.at = at


class _Reader:
    """Follows the events of one file down into its tree."""

    def __init__(self, file: Path, events: Iterator[yaml.Event], least: str) -> None:
        self.values: dict[KeyPath, Position] = {}
        self.keys: dict[KeyPath, Position] = {}
        self._file = file
        self._events = events
        self._least = least
        self._problems: list[Problem] = []
        self._texts: list[tuple[KeyPath, Position, str]] = []

    def read(self) -> Tree:
        """Read the one document of the file."""
        tree: Tree = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._check_first_document(event)
                tree = self._node(next(self._events), ())
        if tree is None:
            raise _StoppedError(Position(1, 1), f"the file is empty; give at least {self._least}")
        return tree

    def note(self, path: KeyPath, at: Position, message: str) -> None:
        """Remember a problem and go on."""
        self._problems.append(Problem(self._file, message, key=dotted(path), position=at))

    def problems(self) -> list[Problem]:
        """Return what was refused so far; nothing is said that could repeat a secret."""
        return self._secrets() or self._problems

    def _node(self, event: yaml.Event, path: KeyPath) -> Tree:
        self.values[path] = position_of(event.start_mark)
        self._check_decoration(event, path)
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, path)
            case yaml.SequenceStartEvent():
                return self._sequence(event, path)
            case yaml.MappingStartEvent():
                return self._mapping(event, path)
            case _:
                return None

    def _scalar(self, event: yaml.ScalarEvent, path: KeyPath) -> str | None:
        text = self._text(event, path)
        if event.style:
            return text
        return None if text in _NULLS else Plain(text)

    def _sequence(self, event: yaml.Event, path: KeyPath) -> list[Tree]:
        self._check_depth(event, path)
        items: list[Tree] = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(item, (*path, len(items))))
        return items

    def _mapping(self, event: yaml.Event, path: KeyPath) -> dict[str, Tree]:
        self._check_depth(event, path)
        mapping: dict[str, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            mapping[key] = self._node(next(self._events), (*path, key))
        return mapping

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        at = position_of(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, (*path, "?"))
            self.note(path, at, "a key must be a word; put text that begins with [ or { in quotes")
            return "?"
        self._check_decoration(event, path)
        key = self._text(event, path)
        if key == "<<":
            self.note(path, at, "merge keys (<<) are not used here; write the keys out")
        if first := self.keys.get((*path, key)):
            self.note((*path, key), at, f"is given twice, first on line {first.line}; remove one")
        self.keys[(*path, key)] = at
        return key

    def _text(self, event: yaml.ScalarEvent, path: KeyPath) -> str:
        text = str(event.value)
        self._texts.append((path, position_of(event.start_mark), text))
        return text

    def _check_first_document(self, event: yaml.Event) -> None:
        if () in self.values:
            message = "a second document begins here; give each line a file of its own"
            raise _StoppedError(position_of(event.start_mark), message)

    def _check_depth(self, event: yaml.Event, path: KeyPath) -> None:
        if len(path) >= DEPTH_LIMIT:
            message = f"this is more than {DEPTH_LIMIT} levels deep; flatten it"
            raise _StoppedError(position_of(event.start_mark), message)

    def _check_decoration(self, event: yaml.Event, path: KeyPath) -> None:
        at = position_of(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self.note(path, at, "aliases (*name) are not used here; repeat the value, or quote the text")
        elif getattr(event, "anchor", None) is not None:
            self.note(path, at, "anchors (&name) are not used here; remove it, or quote the text")
        if getattr(event, "tag", None) is not None:
            self.note(path, at, "tags (!name) are not used here; remove it, or quote the text")

    def _secrets(self) -> list[Problem]:
        beside = names_account(text for _, _, text in self._texts)
        return [
            Problem(self._file, f"{kind} was found; keep secrets in the environment", _harmless(path), at)
            for path, at, text in self._texts
            if (kind := kind_of_secret(text, beside_account_sid=beside))
        ]


def _harmless(path: KeyPath) -> str:
    """Name *path* unless one of its keys is a secret itself."""
    return "" if any(kind_of_secret(str(step), beside_account_sid=True) for step in path) else dotted(path)
