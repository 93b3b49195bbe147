"""Which hosts and networks a tool may reach, besides what its address names and what is public."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from gateway.lines.scalars import shown
from gateway.lines.targets import HostRule, read_authority

LEAST_PREFIX = 7
"""The unique local addresses of IPv6 are a /7; nothing that one operator runs is larger."""


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _read_host_rule(value: object) -> object:
    if isinstance(value, HostRule):
        return value
    text = value if isinstance(value, str) else ""
    below = text.startswith("*.")
    try:
        host, port = read_authority(text.removeprefix("*."))
    except ValueError as error:
        raise ValueError(f"{error}; write a host like api.example.com, or *.example.com") from error
    return HostRule(f"*.{host}" if below else host, port)


def _read_network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(f"{shown(value)} is no network; write one like 10.1.0.0/16 or fd12::/16") from error
    if network.prefixlen < LEAST_PREFIX:
        raise ValueError(f"{shown(value)} is more than a network; write those that the service is in")
    return network


_SOME = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
HostRules = Annotated[
    tuple[Annotated[HostRule, BeforeValidator(_read_host_rule)], ...], BeforeValidator(_as_list), _SOME
]
"""One or a list of them, each like `api.example.com`, `api.example.com:8443` or `*.example.com`."""
Networks = Annotated[
    tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_read_network)], ...], BeforeValidator(_as_list), _SOME
]
"""One or a list of them, each like `10.1.0.0/16`."""
