"""
Which IP addresses a request on somebody's behalf may go to.

Only what the registries of IANA call globally reachable unicast. In IPv6 all of that lies in 2000::/3; what is outside,
among it every way to write an IPv4 address as an IPv6 one, is refused, and so are the tunnels inside (6to4, Teredo).
The tables are spelled out here, because those in `ipaddress` change from one Python to the next.

A tool may be allowed networks that are not public. An IPv6 address that stands for an IPv4 one then needs both allowed.
Where clouds hand out credentials to whoever asks is never allowed; one of these addresses is public.

- https://www.iana.org/assignments/iana-ipv4-special-registry
- https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # nearly everybody
            "169.254.170.2",  # AWS, containers
            "169.254.170.23",  # AWS, pods
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS, pods
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
        ),
    )
)
_NOT_PUBLIC_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind a carrier's NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_LOOPBACK_V6 = IPv6Address("::1")
_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols, among them Teredo
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_LAST_32_BITS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""Where an IPv4 address is at the end: compatible, mapped, translated, and NAT64."""


def refusal(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """
    Why nothing may be sent to *address*; None when it may.

    >>> refusal(ip_address("93.184.216.34")), refusal(ip_address("10.0.0.1"))
    (None, 'is not a public address')
    >>> refusal(ip_address("10.0.0.1"), [IPv4Network("10.0.0.0/8")])
    """
    allowed = tuple(allowed)
    if address in _METADATA:
        return "is where a cloud hands out credentials"
    if not _is_public(address) and not any(address in network for network in allowed):
        return "is not a public address"
    inner = _embedded(address)
    return None if inner is None else refusal(inner, allowed)


def as_address(host: str) -> Address | None:
    """The address that *host* is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _NOT_PUBLIC_V6)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv4Address) or address == _LOOPBACK_V6:
        return None
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if any(address in network for network in _LAST_32_BITS):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
