"""
A tool that asks a service over HTTP.

    - type: http
      name: book_table
      description: Book a table.
      parameters: {day: string, guests: integer}
      method: POST
      url: https://booking.example.com/tables/{{day}}
      auth: {bearer: "${BOOKING_KEY}"}
      body: {guests: "{{guests}}", phone: "{{caller}}"}
      idempotency_key: true
      retries: 2
      response: {template: "Booked, the number is {{booking.id}}."}

What the model says fills gaps, and so does what is known of the call; a parameter cannot take the name of the latter,
so that nothing a caller makes the model say can pass for who called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.lines.scalars import Switch, shown, whole_from
from gateway.lines.secret_refs import SecretRef
from gateway.lines.section import Fault, faulty
from gateway.lines.targets import HostRule
from gateway.lines.templates import Template
from gateway.lines.texts import Text
from gateway.lines.tools.base import ToolBase, ToolName
from gateway.lines.tools.http_answer import Response
from gateway.lines.tools.http_auth import IDEMPOTENCY_KEY, Auth, Headers, Query
from gateway.lines.tools.http_body import FORM_TYPE, JSON_TYPE, BodyOf, BodyText, Format, format_of
from gateway.lines.tools.http_reach import HostRules, Networks
from gateway.lines.tools.http_url import Url
from gateway.lines.tools.parameters import Parameters
from gateway.lines.wording import did_you_mean

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that a service may be asked with twice; RFC 9110, 9.2.2."""


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class HttpTool(ToolBase):
    """A service that is asked over HTTP."""

    type: Literal["http"] = "http"
    """Selects this kind."""
    name: ToolName
    """What the model calls it."""
    description: Text
    """Told to the model: what it does, and when to use it."""
    parameters: Parameters = Field(default_factory=dict)
    """What the model has to say."""
    method: Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], BeforeValidator(_upper)] = "GET"
    """How the service is asked."""
    url: Url
    """Where it is."""
    headers: Headers = Field(default_factory=dict)
    """Sent along."""
    query: Query = Field(default_factory=dict)
    """Put behind the address; what has no value is left out."""
    body: BodyOf | None = None
    """What is sent: keys, as JSON or as a form, or text."""
    auth: Auth | None = None
    """How the service is told who asks."""
    retries: Annotated[int, whole_from(0, 5)] = 0
    """How often it is asked again when it is not there, or too busy."""
    idempotency_key: Switch = False
    """Whether each call of the tool has a key by which the service knows a request that comes again."""
    response: Response | None = None
    """What of the answer the model is told; null is all of it."""
    allow_hosts: HostRules = ()
    """Hosts that it may be led to, besides the one in `url`; `*.example.com` is all below it."""
    allow_private: Networks = ()
    """Networks that are not public and that it may reach."""

    @property
    def hosts(self) -> tuple[HostRule, ...]:
        """All hosts that a request may go to."""
        fixed = self.url.fixed
        return self.allow_hosts if fixed is None else (HostRule(fixed.host, fixed.port), *self.allow_hosts)

    @property
    def content_type(self) -> str:
        """What the body is said to be; empty when there is none."""
        written = next((str(value) for name, value in self.headers.items() if name.lower() == "content-type"), "")
        return written or ("" if self.body is None else JSON_TYPE)

    @property
    def body_format(self) -> Format:
        """How values are written in the body."""
        return format_of(self.content_type)

    @property
    def may_repeat(self) -> bool:
        """Whether a request that came to nothing may be sent again."""
        return self.method in REPEATABLE or self.idempotency_key

    def faults(self, variables: Collection[str]) -> Iterator[Fault]:
        """What is wrong with it on a line whose templates may use these *variables*, with paths from the tool."""
        for name in self.parameters:
            if name in variables:
                message = f"{shown(name)} is known of every call, and not for the model to say; choose another name"
                yield Fault(("parameters", name), name, message)
        known = {*variables, *self.parameters}
        for path, names in self._gaps():
            for unknown in (name for name in names if name not in known):
                message = f"{{{{{unknown}}}}} has no value here; {did_you_mean(unknown, sorted(known))}"
                yield Fault(path, unknown, message)

    def _gaps(self) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """Where there are gaps, and what they name."""
        yield ("url",), self.url.names
        for key, fields in (("headers", self.headers), ("query", self.query)):
            for name, value in fields.items():
                yield (key, name), value.names if isinstance(value, Template) else ()
        if self.body is not None:
            yield ("body",), self.body.names

    @model_validator(mode="after")
    def _check(self) -> Self:
        if faults := [*self._own_faults()]:
            raise faulty("HttpTool", faults)
        return self

    def _own_faults(self) -> Iterator[Fault]:
        """What is wrong with it on any line."""
        if self.retries and not self.may_repeat:
            message = (
                f"would {self.method} twice; set idempotency_key: true if the service knows such keys, or remove it"
            )
            yield Fault(("retries",), self.retries, message)
        if self.url.fixed is None and not self.allow_hosts:
            yield Fault(("url",), "", "leaves the host open; name the hosts it may be in `allow_hosts`")
        for name in self.url.names_needed:
            if name in self.parameters and self.parameters[name].optional:
                message = "is needed for the address; remove it, or use the parameter elsewhere"
                yield Fault(("parameters", name, "optional"), name, message)
        yield from self._header_faults()
        yield from self._body_faults()

    def _header_faults(self) -> Iterator[Fault]:
        named = {name.lower(): name for name in self.headers}
        if self.auth and (twice := named.get(self.auth.header_name.lower())):
            yield Fault(("headers", twice), "", "is what `auth` sends; keep one of the two")
        if self.idempotency_key and (twice := named.get(IDEMPOTENCY_KEY.lower())):
            yield Fault(("headers", twice), "", "is what `idempotency_key` sends; keep one of the two")
        kind = named.get("content-type")
        if kind and (isinstance(self.headers[kind], SecretRef) or "{{" in self.content_type):
            yield Fault(("headers", kind), "", "decides how the body is written; write it out")
        secrets = self.auth or any(
            isinstance(value, SecretRef) for value in (*self.headers.values(), *self.query.values())
        )
        if secrets and self.url.scheme == "http://" and not self.allow_private:
            yield Fault(("url",), "", "would carry secrets that everybody on the way can read; begin it with https://")

    def _body_faults(self) -> Iterator[Fault]:
        if self.body is None:
            return
        if self.method in {"GET", "HEAD"}:
            yield Fault(("body",), "", f"does not go with {self.method}; set another `method`, or remove it")
        elif isinstance(self.body, BodyText) and not any(name.lower() == "content-type" for name in self.headers):
            message = f"is text; say what it is in `headers`, like Content-Type: text/plain, {JSON_TYPE} or {FORM_TYPE}"
            yield Fault(("body",), "", message)
        elif fault := self.body.fault(self.body_format):
            yield Fault(("body",), "", fault)
