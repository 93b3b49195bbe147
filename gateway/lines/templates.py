"""
Text with gaps: `Good day {{caller}}, you have reached {{line}}.`

A gap names a value, or with `{{name.key}}` something within one; there are no filters, no logic and no loops. A text is
read once, when the file is, and filled as often as needed. What is filled in is never read again, so that no value can
bring gaps of its own. Where it goes decides how it is written, and whoever fills a template says that once for all its
gaps: an address takes every value percent-encoded, a body by its kind. So nothing is left for the author to remember.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import to_json

from gateway.errors import GatewayError
from gateway.lines.file_text import position_after
from gateway.lines.scalars import shown
from gateway.lines.wording import did_you_mean

CALL_VARIABLES = frozenset({"call_sid", "called", "caller", "line", "now"})
"""What is known of every call."""

_STEP = r"[A-Za-z_][A-Za-z0-9_-]*"
_NAME = re.compile(rf"{_STEP}(\.({_STEP}|[0-9]{{1,4}}))*")
_GAP = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OPENING = "{{"

Values: TypeAlias = Mapping[str, object]
"""What gaps can be filled with, by name."""
Write: TypeAlias = Callable[[object], str]
"""How a value is written where it goes."""


class MissingValueError(GatewayError):
    """A gap has no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no {name}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that a value goes to."""

    name: str
    """With the keys behind it, if there are any."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text, cut at its gaps."""

    parts: tuple[str | Gap, ...]

    @classmethod
    def read(cls, text: str) -> Template:
        """
        Find the gaps in *text*.

        Raises `ValueError` for one that is broken, and says where it is.
        """
        parts: list[str | Gap] = []
        at = 0
        for found in _GAP.finditer(text):
            parts += [text[at : found.start()], Gap(_name(found, text))]
            at = found.end()
        if (unclosed := text.find(_OPENING, at)) >= 0:
            raise ValueError(f"{{{{ {_place(text, unclosed)} is never closed; write {{{{name}}}}")
        return cls(tuple(part for part in (*parts, text[at:]) if part))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all gaps, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Gap)))

    @property
    def gap(self) -> Gap | None:
        """The gap that is the whole text, if one is."""
        alone = self.parts[0] if len(self.parts) == 1 else None
        return alone if isinstance(alone, Gap) else None

    def render(self, values: Values, quote: Write | None = None) -> str:
        """
        The text with *values* in its gaps, each written by *quote*, or as it is.

        Raises `MissingValueError` when there is none for a gap.
        """
        write = quote or as_text
        return "".join(write(look_up(values, part.name)) if isinstance(part, Gap) else part for part in self.parts)

    def sample(self, written: str) -> str:
        """The text with the same in every gap, to see whether it makes sense."""
        return "".join(written if isinstance(part, Gap) else part for part in self.parts)

    def value(self, values: Values) -> object:
        """What the only gap stands for, whatever its type; text if there is more than that gap."""
        return look_up(values, self.gap.name) if self.gap else self.render(values)

    def encoded(self, encode: Callable[[str], str]) -> Template:
        """The template with its own text changed, and its gaps as they are."""
        return replace(self, parts=tuple(encode(part) if isinstance(part, str) else part for part in self.parts))

    def unknown(self, known: Collection[str]) -> str | None:
        """Say what is wrong with the first gap whose name is not among those *known*."""
        name = next((name for name in self.names if name not in known), None)
        return None if name is None else f"{{{{{name}}}}} has no value here; {did_you_mean(name, sorted(known))}"

    def __str__(self) -> str:
        """The text that it was read from."""
        return "".join(f"{{{{{part.name}}}}}" if isinstance(part, Gap) else part for part in self.parts)


def as_text(value: object) -> str:
    """
    Text as it is, nothing for None, all else as JSON.

    >>> as_text("a b"), as_text(None), as_text(True), as_text([1.5])
    ('a b', '', 'true', '[1.5]')
    """
    match value:
        case None:
            return ""
        case str():
            return str(value)
        case _:
            return to_json(value, fallback=str).decode()


def look_up(values: object, name: str) -> object:
    """
    Follow the steps of *name* down into *values*.

    >>> look_up({"rooms": [{"price": 80}]}, "rooms.0.price")
    80
    """
    found = values
    for step in name.split("."):
        match found:
            case Mapping() if step in found:
                found = found[step]
            case list() | tuple() if step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            case _:
                raise MissingValueError(name)
    return found


def template_of(known: Collection[str] | None = None) -> BeforeValidator:
    """Accept text with gaps; when it is said which names are *known*, with no others."""
    return BeforeValidator(partial(_read, known=known))


def read_template(value: object) -> Template:
    """
    Find the gaps in what a file has where text belongs.

    Raises `ValueError` when it is something else, or has a broken gap.
    """
    match value:
        case Template():
            return value
        case str():
            return Template.read(value)
        case _:
            raise ValueError(f"{shown(value)} was found where text belongs; put it in quotes if it is text")


def _read(value: object, *, known: Collection[str] | None) -> Template:
    template = read_template(value)
    if known is not None and (fault := template.unknown(known)):
        raise ValueError(fault)
    return template


TemplateText = Annotated[Template, template_of(), WithJsonSchema({"type": "string"})]
"""Text with gaps, whose names are looked at by whoever knows which there are."""


def _name(found: re.Match[str], text: str) -> str:
    name = found[1].strip()
    if not _NAME.fullmatch(name):
        what = f"{shown(found[0])} {_place(text, found.start())}"
        raise ValueError(f"{what} is no gap; write a name and nothing else, like {{{{caller}}}}")
    return name


def _place(text: str, at: int) -> str:
    """Where in a text something is; a short one has no lines."""
    place = position_after(text[:at])
    return f"in line {place.line}, column {place.column}," if "\n" in text else f"in column {place.column}"
