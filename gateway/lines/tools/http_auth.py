"""How a service is told who asks; and headers, which may hold secrets as well."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from gateway.lines.scalars import shown
from gateway.lines.secret_refs import Secret, SecretRef, refuse_secrets, secret_ref
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.templates import Template, read_template
from gateway.lines.texts import Text

IDEMPOTENCY_KEY = "Idempotency-Key"
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_OURS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_SECRETIVE = re.compile(r"authorization|cookie|api[-_]?key|token|secret|passw", re.IGNORECASE)


def _check_header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError(f"{shown(name)} cannot name a header")
    if name.lower() in _OURS:
        raise ValueError(f"{name} is set by the gateway; remove it")
    return name


HeaderName = Annotated[str, AfterValidator(_check_header)]


class BasicAuth(Section):
    """A user and a password."""

    user: Text
    """Name of the user."""
    password: Secret
    """Where the password is."""


class HeaderAuth(Section):
    """A secret in a header of the service's own."""

    name: HeaderName
    """Name of the header."""
    value: Secret
    """Where what it holds is."""


class Auth(Section):
    """How a service is told who asks: one of these."""

    bearer: Secret | None = None
    """A token, sent as `Authorization: Bearer`."""
    basic: BasicAuth | None = None
    """A user and a password."""
    header: HeaderAuth | None = None
    """A secret in a header of the service's own."""

    @property
    def header_name(self) -> str:
        """The header that it is sent in."""
        return self.header.name if self.header else "Authorization"

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if len(given := [way for way in (self.bearer, self.basic, self.header) if way]) != 1:
            raise ValueError(f"has {len(given) or 'no'} ways to say who asks; write one of bearer, basic and header")
        return self


SecretOrTemplate = SecretRef | Template


def _read_value(value: object) -> object:
    if isinstance(value, SecretRef):
        return value
    found = secret_ref(value) if isinstance(value, str) else None
    return found or read_template(refuse_secrets(value) if isinstance(value, str) else value)


Fields = dict[str, Annotated[SecretOrTemplate, BeforeValidator(_read_value), WithJsonSchema({"type": "string"})]]
"""Names and what they hold: secrets that are elsewhere, or text with gaps."""


def _check_written(fields: Fields) -> Fields:
    """Have what by its name is a secret be elsewhere; text with a gap in it is none."""
    written = [
        name
        for name, value in fields.items()
        if isinstance(value, Template) and not value.names and _SECRETIVE.search(name)
    ]
    if written:
        message = "holds a secret by its name; write ${NAME} for a variable of the environment, or file:/path"
        raise faulty("fields", [Fault((name,), "", message) for name in written])
    return fields


def _check_headers(fields: Fields) -> Fields:
    faults = []
    for name in fields:
        try:
            _check_header(name)
        except ValueError as error:
            faults.append(Fault((name,), "", str(error)))
    if len({name.lower() for name in fields}) < len(fields):
        raise ValueError("names a header twice; keep one of the two")
    if faults:
        raise faulty("headers", faults)
    return fields


Headers = Annotated[Fields, AfterValidator(_check_written), AfterValidator(_check_headers)]
Query = Annotated[Fields, AfterValidator(_check_written)]
