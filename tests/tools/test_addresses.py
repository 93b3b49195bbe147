"""Which addresses a tool may reach."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.tools.addresses import refusal
from tests.tools.inside import METADATA

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("address", METADATA)
def test_credentials_of_clouds_are_out_of_reach_for_everybody(address: str) -> None:
    """
    No network that is allowed contains them, not even all there are.
    """
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert refusal(ip_address(address), everything) == "is where a cloud hands out credentials"


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_can_be_reached(address: str) -> None:
    """
    The rules leave the rest of the world.
    """
    assert refusal(ip_address(address)) is None


V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 2**125 - 1).map(lambda n: IPv6Address(n | 1 << 125))


@given(V4 | V6)
def test_what_can_be_reached_is_global_unicast(address: IPv4Address | IPv6Address) -> None:
    """
    Nothing is allowed that Python's own tables, or any of their properties, speak against.
    """
    if refusal(address) is None:
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert not address.is_private


def six(address: IPv4Address) -> Iterator[IPv6Address]:
    """Every way to write an IPv4 address as an IPv6 one."""
    number = int(address)
    for prefix in ("::ffff:0:0", "::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        yield IPv6Address(int(IPv6Address(prefix)) | number)
    yield IPv6Address(0x2002 << 112 | number << 80)
    yield IPv6Address(0x20010000 << 96 | number << 64)
    yield IPv6Address(0x20010000 << 96 | number ^ 0xFFFF_FFFF)


@given(V4)
@example(IPv4Address("127.0.0.1"))
def test_no_address_hides_in_another(address: IPv4Address) -> None:
    """
    An IPv4 address that is written as an IPv6 one can never be reached; nor when only the writing is allowed, unless
    the address itself may be.
    """
    for hidden in six(address):
        assert refusal(hidden) is not None
        network = ip_network(f"{hidden}/128")
        if refusal(hidden, [network]) is None:
            assert int(hidden) == 1 or refusal(address) is None
