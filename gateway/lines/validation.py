"""A sound file into a section, or every mistake in it with its place."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.lines.problems import LinesError, Problem
from gateway.lines.section import Section
from gateway.lines.wording import describe
from gateway.lines.yaml_source import Source, dotted

S = TypeVar("S", bound=Section)

_TAG_ERRORS = {"union_tag_not_found", "union_tag_invalid"}


def validated(root: type[S], source: Source) -> S:
    """
    Make a *root* of what *source* says; the section is told its file.

    Raises `LinesError` with all problems, in the order of the file.
    """
    try:
        return root.model_validate(source.tree, context=source.file)
    except ValidationError as error:
        details = error.errors(include_url=False)
        found = (_problem(detail, source, root) for detail in details)
        raise LinesError(sorted(found, key=lambda problem: problem.position or source.values[()])) from error


def _problem(error: ErrorDetails, source: Source, root: type[Section]) -> Problem:
    path, wanted = source.known_part(error["loc"]), _wanted_key(error)
    key = (*path, wanted) if wanted else path
    places = source.keys if error["type"] == "extra_forbidden" else source.values
    position = places.get(key) or source.values[path]
    return Problem(source.file, describe(error, root), key=dotted(key), position=position)


def _wanted_key(error: ErrorDetails) -> str | None:
    """Return the key that the error is about but does not name a value of."""
    if error["type"] == "missing":
        return str(error["loc"][-1])
    return "type" if error["type"] in _TAG_ERRORS and isinstance(error["input"], dict) else None
