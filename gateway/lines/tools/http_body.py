"""
Bodies with gaps. The `Content-Type` says how values are written, so that none can be more than a value.

Keys in the file become JSON, or a form if that is what the `Content-Type` says. A value that is one gap and nothing
else keeps the type that it has, and its key is left out when there is no value: `guests: "{{guests}}"` is
`{"guests": 4}`.

Text is sent as it is. In JSON every gap is filled with a whole JSON value, quotes included, which is why a gap that is
put between quotes is refused; in XML and in forms what would end a value is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlencode

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import from_json, to_json

from gateway.lines.scalars import Plain, shown
from gateway.lines.secret_refs import refuse_secrets
from gateway.lines.templates import Template, Values, Write, as_text
from gateway.lines.tools.http_url import in_query

Format = Literal["json", "form", "xml", "text"]
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_SCALAR = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,3})?|true|false")


def format_of(content_type: str) -> Format:
    """
    What a `Content-Type` promises.

    >>> format_of("application/json; charset=utf-8"), format_of("application/soap+xml"), format_of("text/plain")
    ('json', 'xml', 'text')
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == FORM_TYPE:
        return "form"
    named: dict[str, Format] = {"json": "json", "xml": "xml", "html": "xml"}
    return named.get(re.split(r"[/+]", kind)[-1], "text")


def _in_json(value: object) -> str:
    return to_json(value, fallback=str).decode()


def _in_xml(value: object) -> str:
    return html.escape(as_text(value))


_WRITES: dict[Format, Write] = {"json": _in_json, "form": in_query, "xml": _in_xml, "text": as_text}


@dataclass(frozen=True, slots=True)
class BodyTree:
    """Keys and values, with templates where there are gaps."""

    root: object

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all gaps."""
        return tuple(name for _, leaf in _leaves(self.root) if isinstance(leaf, Template) for name in leaf.names)

    def fault(self, kind: Format) -> str | None:
        """Why it cannot be written so, if it cannot."""
        if kind in {"xml", "text"}:
            return "has keys, which only JSON and forms have; write text, or set another Content-Type"
        if kind == "form" and (isinstance(self.root, list) or any(depth != 1 for depth, _ in _leaves(self.root))):
            return "has lists or keys within keys, which no form has; flatten it"
        return None

    def render(self, values: Values, kind: Format) -> bytes:
        """Fill the gaps."""
        filled = _filled(self.root, values)
        if kind == "form" and isinstance(filled, dict):
            return urlencode({key: as_text(value) for key, value in filled.items()}).encode()
        return _in_json(filled).encode()


@dataclass(frozen=True, slots=True)
class BodyText:
    """Text with gaps."""

    template: Template

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all gaps."""
        return self.template.names

    def fault(self, kind: Format) -> str | None:
        """Why it cannot be written so, if it cannot."""
        if kind != "json":
            return None
        try:
            from_json(self.template.sample('""'), allow_inf_nan=False)
        except ValueError as error:
            return f"is not JSON: {error}; write gaps without quotes around them, they bring their own"
        return None

    def render(self, values: Values, kind: Format) -> bytes:
        """Fill the gaps."""
        return self.template.render(values, _WRITES[kind]).encode()


Body: TypeAlias = BodyTree | BodyText


def _read(value: object) -> object:
    match value:
        case dict() | list():
            return BodyTree(_compiled(value))
        case str():
            return BodyText(Template.read(refuse_secrets(value)))
        case BodyTree() | BodyText():
            return value
        case _:
            raise ValueError(f"{shown(value)} was found where keys or text belong; write `key: value`, or text")


def _compiled(node: object) -> object:
    match node:
        case dict():
            return {_key(key): _compiled(value) for key, value in node.items()}
        case list():
            return [_compiled(value) for value in node]
        case Plain() if _JSON_SCALAR.fullmatch(node):
            return from_json(node)
        case str():
            template = Template.read(refuse_secrets(node))
            return template if template.names else str(node)
        case _:
            return node


def _key(key: object) -> str:
    if not isinstance(key, str) or "{{" in key:
        raise ValueError(f"{shown(key)} is a key with a gap; only values have gaps")
    return str(key)


def _leaves(node: object, depth: int = 0) -> Iterator[tuple[int, object]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    if children is None:
        yield depth, node
    else:
        for child in children:
            yield from _leaves(child, depth + 1)


def _filled(node: object, values: Values) -> object:
    match node:
        case dict():
            return {key: _filled(value, values) for key, value in node.items() if not _left_out(value, values)}
        case list():
            return [_filled(value, values) for value in node if not _left_out(value, values)]
        case Template():
            return node.value(values)
        case _:
            return node


def _left_out(node: object, values: Values) -> bool:
    return isinstance(node, Template) and node.gap is not None and node.value(values) is None


BodyOf = Annotated[Body, BeforeValidator(_read), WithJsonSchema({"type": ["object", "array", "string"]})]
"""What is sent, as keys or as text."""
