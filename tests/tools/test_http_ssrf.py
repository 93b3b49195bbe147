"""Nothing makes a tool reach what is not public: no spelling, no name, and no second answer of a name server."""

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError, PeerError
from gateway.lines.problems import LinesError
from gateway.lines.targets import HostRule, read_target
from gateway.tools.http_message import HttpRequest, NotAllowedError
from tests.tools.inside import OPEN_HOST, PRIVATE, SPELLINGS, everywhere, opened, victim
from tests.tools.services import asking, resolving, saying, serving, spec_of, told, tool_of


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_reaches_what_must_not_be_reached(spelling: str) -> None:
    """
    A line that names such an address is refused; a request to it is not sent, even if every host is allowed.
    """
    resolve, _ = resolving(["127.0.0.1"])
    async with victim() as service, asking(resolve=resolve) as client:
        url = spelling.format(port=service.port)
        try:
            request = HttpRequest("GET", read_target(url), hosts=everywhere(service.port))
        except ValueError:
            with pytest.raises((LinesError, ConfigError)):
                tool_of(f"url: {url!r}\n", client)
            return
        with pytest.raises(NotAllowedError):
            await client.ask(request, within_s=2)
        try:
            tool = tool_of(f"url: {url!r}\n", client)
        except (ConfigError, LinesError):
            return
        assert await told(tool) == {"error": "book_table may not ask there"}


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_name_leads_to_what_must_not_be_reached(address: str) -> None:
    """
    Whatever a name server says, nothing is sent where it is not public; one such address spoils all.
    """
    for answer in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        resolve, looked_up = resolving(answer)
        async with asking(resolve=resolve) as client:
            assert await told(tool_of("url: https://inner.example\n", client)) == {
                "error": "book_table may not ask there"
            }
        assert looked_up == ["inner.example"]


@given(st.text() | st.from_regex(r"(https?:)?/{0,3}[a-z0-9.\[\]:@%\\#?-]{0,20}/?"))
def test_an_address_is_read_in_one_way_or_not_at_all(text: str) -> None:
    """
    What is read and put together again reads the same; and no host of it is a number in disguise.
    """
    try:
        target = read_target(text)
    except ValueError:
        return
    assert read_target(f"{target.origin}{target.path}{target.query}") == target
    last = target.host.rpartition(".")[2]
    if not last[:1].isalpha() and ":" not in target.host:
        assert not last.isdecimal() or str(IPv4Address(target.host)) == target.host


async def test_a_second_answer_of_the_name_server_is_not_asked_for() -> None:
    """
    A name that leads into the open when it is checked, and inside from then on, leads nowhere: there is one look-up for
    a request, and the next request is checked again, though a connection is still open.
    """
    resolve, looked_up = resolving([OPEN_HOST], ["127.0.0.1"])
    async with asking(resolve=resolve) as client, opened(saying("fine")) as (service, written):
        tool = tool_of(written, client)
        assert await told(tool) == {"result": "fine"}
        assert looked_up == ["a.example"]
        assert await told(tool) == {"error": "book_table may not ask there"}
        assert looked_up == ["a.example"] * 2
        assert len(service.asked) == 1


async def test_a_connection_is_nobodys_way_in() -> None:
    """
    One tool may reach a network, and has a connection open; another that may not cannot use it, by the same name.
    """
    resolve, _ = resolving(["127.0.0.1"])
    async with serving(saying("inner")) as service, asking(resolve=resolve) as client:
        url = f"url: http://a.example:{service.port}/\n"
        assert await told(tool_of(f"{url}allow_private: 127.0.0.1/32\n", client)) == {"result": "inner"}
        assert await told(tool_of(url, client)) == {"error": "book_table may not ask there"}
        assert len(service.asked) == 1


def test_a_line_need_not_name_its_own_host_twice() -> None:
    """
    The host of a fixed address is allowed at its port, one with a gap is what the list says.
    """
    assert spec_of("url: https://h.example:8443/{{caller}}\n").hosts == (HostRule("h.example", 8443),)
    written = "url: https://{{region}}.h.example/\nparameters: {region: string}\n"
    written += "allow_hosts: ['*.h.example', '[2a00::1]:80']\n"
    assert spec_of(written).hosts == (HostRule("*.h.example"), HostRule("2a00::1", 80))
    rule = HostRule("*.h.example")
    allowed = {
        url: rule.allows(read_target(url)) for url in ("https://a.h.example", "https://h.example", "http://xh.example")
    }
    assert [*allowed.values()] == [True, False, False]


async def test_a_name_that_is_not_there_is_no_way_in() -> None:
    """
    A name server without an answer is a service that cannot be reached.
    """

    async def resolve(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    async with asking(resolve=resolve) as client:
        request = HttpRequest("GET", read_target("https://a.example"), hosts=(HostRule("a.example"),))
        with pytest.raises(PeerError, match=r"a\.example cannot be found: Name or service not known"):
            await client.ask(request, within_s=1)
