"""What pydantic found, in the words of whoever writes the file."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from gateway.lines.scalars import either, shown
from gateway.lines.section import Section, place_at

_SHAPES = {
    "string_type": "text belongs; put it in quotes if it is text",
    "path_type": "a path belongs; write one",
    "tuple_type": "a list belongs; write [one, two], or begin each entry with `- `",
    "model_type": "keys belong; write `key: value`, each on a line of its own",
    "union_tag_not_found": "keys belong; write `key: value`, each on a line of its own",
}


def describe(error: ErrorDetails, root: type[Section] | None = None) -> str:
    """Say what was found, what was expected and what to do."""
    kind, found = error["type"], error["input"]
    if found is None:
        return "is empty; write a value or leave the key out"
    match kind:
        case "value_error":
            return str(error["ctx"]["error"])
        case "missing":
            return "is missing; add it"
        case "extra_forbidden" if root:
            return _unknown_key(root, error["loc"])
        case "union_tag_not_found" if isinstance(found, dict):
            return "is missing; add it, the other keys depend on it"
        case "union_tag_invalid":
            return _not_among(error["ctx"]["tag"], error["ctx"]["expected_tags"])
        case "literal_error":
            return _not_among(found, error["ctx"]["expected"])
        case _ if kind in _SHAPES:
            return f"{shown(found)} was found where {_SHAPES[kind]}"
        case _:
            return f"{shown(found)} cannot be used: {error['msg']}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """
    Suggest what *word* was meant to be, or list what it could have been.

    >>> did_you_mean("greting", ["greeting", "voice"])
    'did you mean `greeting`?'
    >>> did_you_mean("x", ["greeting", "voice"])
    'known are greeting, voice'
    """
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, n=1)
    return f"did you mean `{names[close[0]]}`?" if close else f"known are {', '.join(names.values())}"


def _unknown_key(root: type[Section], path: tuple[str | int, ...]) -> str:
    *parents, key = path
    place = place_at(root, tuple(parents))
    if known := place.section.retired.get(str(key)):
        return known
    owners = place.kinds_knowing(str(key))
    if owners:
        return f"is a key of {owners[0]}, not of {place.section.kind()}; remove it, or set type: {owners[0]}"
    return f"is an unknown key; {did_you_mean(str(key), place.section.model_fields)}"


def _not_among(found: object, quoted: str) -> str:
    expected = quoted.replace("'", "")
    names = expected.replace(" or ", ", ").split(", ")
    close = get_close_matches(str(found).lower(), names, n=1)
    hint = f"; did you mean `{close[0]}`?" if close else ""
    return f"{shown(found)} is not known here; write {either(names)}{hint}"
