"""What must not be reached, in all its spellings, and what stands for the open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.lines.targets import HostRule
from tests.tools.services import Answering, Service, saying, serving

OPEN_HOST = "127.0.0.2"
OPEN = "127.0.0.2/32"
"""Stands for what is public here; the rest of this machine is what must not be reached."""


@asynccontextmanager
async def victim() -> AsyncIterator[Service]:
    """What must not be reached; in the end nobody has."""
    async with serving(saying("the crown jewels")) as service:
        yield service
        assert service.asked == []


def everywhere(port: int) -> tuple[HostRule, ...]:
    """So many hosts allowed that only the address can be in the way."""
    hosts = ["localhost", "127.0.0.1", "::1", "::ffff:7f00:1", "::ffff:127.0.0.1", "0.0.0.0", "*.example", "a.example"]
    return tuple(HostRule(host, port) for host in hosts)


SPELLINGS = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
    "http://localhost.localdomain:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0x7f000001:{port}/",
    "http://0X7F.0.0.1:{port}/",
    "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0127.0.0.1:{port}/",
    "http://00000127.0.0.1:{port}/",
    "http://127.0.0.0x1:{port}/",
    "http://127.0.0.1%00.a.example:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://ⓛocalhost:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::FFFF:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
    "http://[2001::80ff:fffe]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fe80::1%lo]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[127.0.0.1]:{port}/",
    "http://good.example@127.0.0.1:{port}/",
    "http://good.example:80@127.0.0.1:{port}/",
    "http://good.example%40127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@good.example/",
    "http://good.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@good.example/",
    "http://good.example:80:{port}@127.0.0.1/",
    "http://127.0.0.1\t:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http://127.0.0.1:0{port}/",
    "http://inner.example:{port}/",
    "http://xn--inner-.example:{port}/",
    "//127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "unix:///var/run/docker.sock",
    "http+unix://127.0.0.1:{port}/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:65536/",
    "http://:{port}/",
]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
]
PRIVATE = [
    *METADATA,
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "169.254.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "100:0:0:1::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@asynccontextmanager
async def opened(answer: Answering) -> AsyncIterator[tuple[Service, str]]:
    """A service in the open, and a tool that asks it by name."""
    async with serving(answer, host=OPEN_HOST) as service:
        yield service, f"url: http://a.example:{service.port}/\nallow_private: {OPEN}\n"
