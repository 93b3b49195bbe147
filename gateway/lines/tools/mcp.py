"""
A server of tools that speaks the Model Context Protocol (MCP), and which of its tools the agent has.

It is either run by the gateway (`command`) or listens somewhere (`url`). Of what it offers the agent gets what `allow`
names and nothing else, also after the server has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from gateway.lines.scalars import either, number_from, shown
from gateway.lines.secret_refs import Secret, SecretRef, secret_ref
from gateway.lines.section import Fault, faulty
from gateway.lines.texts import Text
from gateway.lines.tools.base import Approval, ToolBase
from gateway.lines.urls import split_url
from gateway.lines.wording import did_you_mean

LONGEST_NAME = 64
"""Of a tool, as the model may call it."""

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TELLING = re.compile(r"authorization|cookie|key|password|secret|token", re.IGNORECASE)
_REF = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})")


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """What a header says, with the places of the secrets in it."""

    parts: tuple[str | SecretRef, ...]

    @classmethod
    def read(cls, text: str) -> HeaderValue:
        """
        Find the secrets: `${NAME}` anywhere in *text*, or a file that is all of it.

        >>> HeaderValue.read("Bearer ${CRM_KEY}").parts
        ('Bearer ', SecretRef(kind='variable', name='CRM_KEY'))
        """
        pieces = [text] if secret_ref(text) else _REF.split(text)
        return cls(tuple(secret_ref(piece) or piece for piece in pieces if piece))

    @property
    def has_secret(self) -> bool:
        """Whether some of it is kept elsewhere."""
        return any(isinstance(part, SecretRef) for part in self.parts)


def _read_header(value: object) -> object:
    match value:
        case str():
            return HeaderValue.read(value)
        case None | HeaderValue():
            return value
        case _:
            raise ValueError(f"{shown(value)} was found where text belongs; put it in quotes if it is text")


HeaderText = Annotated[HeaderValue, BeforeValidator(_read_header), WithJsonSchema({"type": "string"})]
"""What a header says, as a file writes it."""


def _check_headers(headers: Mapping[str, HeaderValue]) -> Mapping[str, HeaderValue]:
    faults = [Fault((name,), name, message) for name, value in headers.items() if (message := _about(name, value))]
    if faults:
        raise faulty("headers", faults)
    return headers


def _about(name: str, value: HeaderValue) -> str | None:
    """What is wrong with a header."""
    if not _HEADER.fullmatch(name):
        return f"{shown(name)} is no name of a header"
    if _TELLING.search(name) and not value.has_secret:
        return "may be a secret; write ${NAME} for a variable of the environment, or file:/path"
    return None


def _check_env(env: Mapping[str, SecretRef]) -> Mapping[str, SecretRef]:
    unfit = [name for name in env if not _VARIABLE.fullmatch(name)]
    if unfit:
        raise faulty("env", [Fault((name,), name, f"{shown(name)} is no name of a variable") for name in unfit])
    return env


def _check_url(text: str) -> str:
    if split_url(text, "https", "http").fragment:
        raise ValueError("has a # part, which no server sees; remove it")
    return text


def _check_prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError(f"{shown(text)} cannot begin the name of a tool; use 1 to 32 of A-Z, a-z, 0-9, _ and -")
    return text


def _check_command(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command:
        raise ValueError("is an empty list; give the program, and what it is called with")
    return command


def _check_allow(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("is an empty list; name the tools that the agent has")
    if "*" in names:
        message = "there is no way to allow all tools, which may change; name those that the agent has"
        raise faulty("allow", [Fault((names.index("*"),), "*", message)])
    return names


def _read_approve(value: object) -> object:
    known = get_args(Approval)
    for said in value.values() if isinstance(value, Mapping) else [value]:
        if said not in known:
            raise ValueError(f"{shown(said)} is not known here; write {either(known)}, or one of them for each tool")
    return value


ToolApprovals = Annotated[Approval | Mapping[str, Approval], BeforeValidator(_read_approve)]
"""The same for all tools, or for each."""


class McpServer(ToolBase):
    """An MCP server, each of whose tools is one of the agent's."""

    type: Literal["mcp"] = "mcp"
    """Selects this kind."""
    command: Annotated[tuple[Text, ...], AfterValidator(_check_command)] | None = None
    """A program to run, and what it is called with; it is spoken to over its standard input and output."""
    env: Annotated[Mapping[str, Secret], AfterValidator(_check_env)] = {}
    """Variables for the program, each as `${NAME}` or `file:/path`; of ours it gets PATH, HOME and LANG alone."""
    cwd: Path = Path()
    """Folder that the program runs in, as seen from the folder of the configuration."""
    url: Annotated[str, AfterValidator(_check_url)] | None = None
    """Where a server listens that is spoken to over streamable HTTP."""
    headers: Annotated[Mapping[str, HeaderText], AfterValidator(_check_headers)] = {}
    """Sent with each request; a secret is written `${NAME}` or `file:/path`, like `Bearer ${CRM_KEY}`."""
    allow: Annotated[tuple[Text, ...], AfterValidator(_check_allow)]
    """Names of the tools that the agent has, as the server says them."""
    prefix: Annotated[str, AfterValidator(_check_prefix)] | None = None
    """Put in front of the names that the model is told, so that they differ from others."""
    approve: ToolApprovals = "never"  # type: ignore[assignment]  # may differ from tool to tool
    """`always` has each call wait for an operator; for some tools alone it is written `{cancel_order: always}`."""
    start_within_s: Annotated[float, number_from(1, 120)] = 15
    """How long the server may take until its tools are known, in s."""

    @property
    def names(self) -> Mapping[str, str]:
        """What the model calls the tools, by the names that the server has for them."""
        return {name: _UNFIT.sub("_", f"{self.prefix or ''}{name}")[:LONGEST_NAME] for name in self.allow}

    def approval(self, name: str) -> Approval:
        """Whether somebody has to agree to a call of a tool, by the server's name for it."""
        return self.approve if isinstance(self.approve, str) else self.approve.get(name, "never")

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        if faults := [*self._about_address(), *self._about_names()]:
            raise faulty("McpServer", faults)
        return self

    def _about_address(self) -> Iterator[Fault]:
        if self.command is None and self.url is None:
            yield Fault((), self.type, "says of no server; give `command` to run one, or the `url` of one")
        elif self.command is not None and self.url is not None:
            yield Fault(("url",), self.url, "does not go with `command`, which runs a server; keep one of the two")
        else:
            yield from self._about_keys(("headers",) if self.url is None else ("env", "cwd"))

    def _about_keys(self, unfit: Iterable[str]) -> Iterator[Fault]:
        given = "command" if self.url is None else "url"
        for key in self.model_fields_set.intersection(unfit):
            yield Fault((key,), getattr(self, key), f"does not go with `{given}`; remove it")

    def _about_names(self) -> Iterator[Fault]:
        taken: set[str] = set()
        for index, name in enumerate(self.allow):
            if (called := self.names[name]) in taken:
                yield Fault(("allow", index), name, f"`{called}`, as the model calls it, is there already; remove one")
            taken.add(called)
        for name in self.approve if isinstance(self.approve, Mapping) else ():
            if name not in self.allow:
                yield Fault(("approve", name), name, f"is no tool in `allow`; {did_you_mean(name, self.allow)}")
