"""
Addresses with gaps: `https://booking.example.com/days/{{day}}/tables?guests={{guests}}`

Every value is percent-encoded, so that it ends where its gap does. That alone does not hold it in its place, for
servers decode what they get, some of them twice, before they look for `..` and slashes. So in a path a value must have
none, in whatever encoding, and must leave no segment empty: `DELETE /bookings/{{id}}` must never become
`DELETE /bookings/`. In a host it is one label, and where the request goes then is looked at once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, WithJsonSchema

from gateway.errors import ToolError
from gateway.lines.scalars import shown
from gateway.lines.secret_refs import refuse_secrets
from gateway.lines.targets import Target, read_authority, read_target
from gateway.lines.templates import Template, Values, as_text

LONGEST_PART = 512
"""Characters that a value in a path may have."""

_PARTS = re.compile(r"(https?://)([^/?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_OUT_OF_PLACE = re.compile(r"[/\\\x00-\x1f\x7f]")
_UPWARD = re.compile(r"\.\.?(;.*)?", re.DOTALL)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """An address, cut where values are written in different ways."""

    text: str
    """As it was written."""
    scheme: str
    """With its colon and slashes."""
    authority: Template
    segments: tuple[Template, ...]
    """What the slashes of the path divide; the first is empty."""
    query: Template
    """With its question mark, if there is one."""

    @classmethod
    def read(cls, text: str) -> UrlTemplate:
        """
        Find the gaps in *text*.

        Raises `ValueError` for an address that cannot be used, whatever is filled in.
        """
        parts = _PARTS.fullmatch(str(Template.read(text)))
        if not parts:
            raise ValueError("is not an address that can be used here; write https://host/path, without a # part")
        scheme, authority, path, query = parts.groups(default="")
        read_authority(Template.read(authority).sample("x"))
        whole = Template.read(f"{scheme}{authority}{_encoded(path)}{_encoded(query)}")
        if any(map(_leads_up, read_target(whole.sample("x")).path.split("/"))):
            raise ValueError("has . or .. in its path; write the path that is meant")
        segments = tuple(map(Template.read, _encoded(path).split("/")))
        return cls(text, scheme.lower(), Template.read(authority), segments, Template.read(_encoded(query)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all gaps."""
        return (*self.names_needed, *self.query.names)

    @property
    def names_needed(self) -> tuple[str, ...]:
        """The names of gaps that cannot stay empty."""
        return (*self.authority.names, *(name for segment in self.segments for name in segment.names))

    @property
    def fixed(self) -> Target | None:
        """Whom it leads to, when no value can change that; the path is left out."""
        return None if self.authority.names else read_target(f"{self.scheme}{self.authority}")

    def target(self, values: Values) -> Target:
        """
        Fill the gaps.

        Raises `ToolError` for a value that cannot stand in its gap, `ValueError` for an address that makes no sense.
        """
        authority = self.authority.render(values, _in_host)
        path = "/".join(_segments(self.segments, values))
        return read_target(f"{self.scheme}{authority}{path}{self.query.render(values, in_query)}")


def in_query(value: object) -> str:
    """Write a value so that it ends nothing; in a form as well."""
    return quote(as_text(value), safe="")


def _segments(segments: tuple[Template, ...], values: Values) -> Iterator[str]:
    for segment in segments:
        rendered = segment.render(values, _in_path)
        if segment.names and not rendered:
            raise ToolError(f"{segment.names[0]} must not be empty")
        if _leads_up(rendered):
            raise ToolError(f"{shown(_decoded(rendered))} cannot stand in an address")
        yield rendered


def _leads_up(segment: str) -> bool:
    return bool(_UPWARD.fullmatch(_decoded(segment)))


def _in_path(value: object) -> str:
    text = as_text(value)
    if len(text) > LONGEST_PART:
        raise ToolError(f"{shown(text)} is too long for an address")
    if _OUT_OF_PLACE.search(_decoded(text)):
        raise ToolError(f"{shown(text)} cannot stand in an address: it has a slash or a control character in it")
    return quote(text, safe="")


def _in_host(value: object) -> str:
    text = as_text(value)
    if not _LABEL.fullmatch(text):
        raise ToolError(f"{shown(text)} cannot stand in the name of a host")
    return text


def _decoded(text: str) -> str:
    """What is left when everybody on the way has decoded it."""
    while (decoded := unquote(text)) != text:
        text = decoded
    return text


def _encoded(text: str) -> str:
    return _NOT_ASCII.sub(lambda found: quote(found[0]), text)


def _read(value: object) -> object:
    match value:
        case UrlTemplate():
            return value
        case str():
            return UrlTemplate.read(refuse_secrets(value))
        case _:
            raise ValueError(f"{shown(value)} was found where an address belongs; write https://host/path")


Url = Annotated[UrlTemplate, BeforeValidator(_read), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
"""An address that values are filled into."""
