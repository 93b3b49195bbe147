"""
Where a request goes, read so strictly that nobody can read it differently.

Attacks on whoever sends requests for others live on two readers that disagree about an address. Here one reader takes
it apart; what is sent is put together again from the parts, never from the text. A host is a name in small ASCII
letters or an IP address in its one canonical spelling: numbers that some resolvers take for addresses (`2130706433`,
`0x7f.1`, `127.1`, `0177.0.0.1`), names in other scripts, and whatever stands in front of an `@` are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from urllib.parse import urljoin

Scheme = Literal["http", "https"]
DEFAULT_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:@]*)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME = 253
_HALF = re.compile(r"///|[a-z][a-z0-9+.-]*:(?!//[^/])", re.IGNORECASE)
"""Browsers and libraries disagree about `http:host/path` and `///host`."""
_UNSAFE = re.compile(r"[^\x21-\x7e]|\\")


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an address."""

    scheme: Scheme
    host: str
    """A name, or an IP address without brackets."""
    port: int
    path: str
    """Begins with a slash; percent-encoded, as is the query."""
    query: str

    @property
    def authority(self) -> str:
        """Host and port, as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Whom a request goes to; unlike the rest of an address this may be shown."""
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class HostRule:
    """A host that requests may go to."""

    host: str
    """A name, an IP address, or `*.` and a name for all that is below it."""
    port: int | None = None
    """None for the ports of `http` and `https`."""

    def allows(self, target: Target) -> bool:
        """Whether a request may go there."""
        right_port = target.port == self.port if self.port else target.port in DEFAULT_PORTS.values()
        if self.host.startswith("*."):
            return right_port and target.host.endswith(self.host[1:])
        return right_port and target.host == self.host


def read_target(url: str) -> Target:
    """
    Take *url* apart.

    Raises `ValueError`, which does not repeat what may be a secret, for one that could be read in two ways.

    >>> read_target("https://API.example.com./rooms?day=1").origin
    'https://api.example.com'
    """
    if unsafe := _UNSAFE.search(url):
        raise ValueError(f"has the character U+{ord(unsafe[0]):04X} in it; write it percent-encoded")
    found = _URL.fullmatch(url)
    if not found:
        raise ValueError("does not begin with https:// or http://")
    scheme: Scheme = "https" if found[1].lower() == "https" else "http"
    host, port = read_authority(found[2])
    return Target(scheme, host, DEFAULT_PORTS[scheme] if port is None else port, found[3] or "/", found[4] or "")


def redirected(target: Target, location: str) -> Target:
    """
    Where *location* leads, seen from *target*.

    Raises `ValueError` when that could be read in two ways.
    """
    if _UNSAFE.search(location):
        raise ValueError("has characters in it that no address has")
    if _HALF.match(location):
        raise ValueError("begins in a way that is read as a host by some, and as a path by others")
    return read_target(urljoin(f"{target.origin}{target.path}{target.query}", location))


def read_authority(text: str) -> tuple[str, int | None]:
    """
    Take a host and perhaps a port apart.

    >>> read_authority("example.com:8443"), read_authority("[2001:DB8::1]")
    (('example.com', 8443), ('2001:db8::1', None))
    """
    if "@" in text:
        raise ValueError("carries a user name or password")
    found = _AUTHORITY.fullmatch(text)
    if not found:
        raise ValueError("names no host that could be understood")
    port = int(found[2]) if found[2] else None
    if port is not None and not 0 < port < 65_536:
        raise ValueError(f"names port {port}, which nobody can listen on")
    return read_host(found[1]), port


def read_host(text: str) -> str:
    """
    A host in the one spelling that is used here.

    >>> read_host("Example.COM."), read_host("[2001:DB8:0::1]")
    ('example.com', '2001:db8::1')
    """
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if not text.isascii():
        raise ValueError("has a host in other letters than a to z; write it as DNS has it, beginning with xn--")
    labels = text.lower().removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(".".join(labels))
    if not all(map(_LABEL.fullmatch, labels)) or len(text) > _LONGEST_NAME:
        raise ValueError("names no host that could be understood")
    return ".".join(labels)


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("has a host that is a number; write an IP address as four numbers from 0 to 255") from None


def _ipv6(text: str) -> str:
    try:
        return IPv6Address(text if "%" not in text else "").compressed
    except ValueError:
        raise ValueError("has brackets with no IPv6 address in them") from None
