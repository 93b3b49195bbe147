"""Where a redirect leads, and what goes along."""

from ipaddress import ip_network

import pytest
from aiohttp import web

from gateway.lines.targets import HostRule, Target
from gateway.tools.http_message import HttpRequest, NotAllowedError
from tests.tools.inside import OPEN, OPEN_HOST, SPELLINGS, everywhere, opened, victim
from tests.tools.services import asking, leading_to, resolving, saying, serving, told, tool_of


@pytest.mark.parametrize(
    "spelling", [*SPELLINGS, "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/"]
)
@pytest.mark.parametrize("status", [302, 307])
async def test_no_redirect_leads_to_what_must_not_be_reached(spelling: str, status: int) -> None:
    """
    Where an answer leads is checked like where the line leads, host and address.
    """

    async def resolve(host: str, port: int) -> list[str]:
        return [OPEN_HOST if host == "a.example" else "127.0.0.1"]

    async with victim() as service, asking(resolve=resolve) as client:
        location = spelling.format(port=service.port)
        async with opened(leading_to(location, status)) as (first, _):
            target = Target("http", "a.example", first.port, "/", "")
            hosts = (HostRule("a.example", first.port), *everywhere(service.port))
            request = HttpRequest("GET", target, hosts=hosts, networks=(ip_network(OPEN),))
            with pytest.raises(NotAllowedError):
                await client.ask(request, within_s=3)
        assert [asked.target for asked in first.asked] == ["/"]


async def test_a_redirect_leads_to_no_host_that_is_not_allowed() -> None:
    """
    A host in the open is not enough: it has to be one that the line names, at a port that goes with it.
    """
    resolve, _ = resolving([OPEN_HOST])
    async with serving(saying("fine"), host=OPEN_HOST) as other, asking(resolve=resolve) as client:
        location = f"http://b.example:{other.port}/there"
        async with opened(leading_to(location)) as (_, written):
            refused = {"error": "book_table may not ask there"}
            for allowed in (
                "",
                "allow_hosts: [b.example, 'b.example:1']\n",
                f"allow_hosts: '*.b.example:{other.port}'\n",
            ):
                assert await told(tool_of(written + allowed, client)) == refused
            assert other.asked == []
            for allowed in (f"allow_hosts: b.example:{other.port}\n", f"allow_hosts: '*.example:{other.port}'\n"):
                assert await told(tool_of(written + allowed, client)) == {"result": "fine"}


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("PUT", 302, "PUT"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("DELETE", 301, "DELETE"),
    ],
)
async def test_what_is_sent_on_to_another_server(method: str, status: int, then: str) -> None:
    """
    The method follows the rules of HTTP, the body goes with it or stays, and nothing that may be secret goes along.
    """
    resolve, _ = resolving([OPEN_HOST])
    body = "" if method == "DELETE" else "body: {a: 1}\n"
    secrets = 'auth: {bearer: "${KEY}"}\nheaders: {X-Note: private, X-Key: "${KEY}"}\n'
    async with serving(saying("fine"), host=OPEN_HOST) as other, asking(resolve=resolve) as client:
        async with opened(leading_to(f"http://b.example:{other.port}/there?x=1", status)) as (first, written):
            written += f"method: {method}\n{body}{secrets}allow_hosts: b.example:{other.port}\n"
            assert await told(tool_of(written, client, KEY="hush")) == {"result": "fine"}
            assert first.asked[0].headers["Authorization"] == "Bearer hush"
        (asked,) = other.asked
    assert (asked.method, asked.target) == (then, "/there?x=1")
    assert asked.body == (first.asked[0].body if then == method else b"")
    assert ("Content-Type" in asked.headers) is bool(asked.body)
    assert "hush" not in str(asked.headers)
    assert "X-Note" not in asked.headers


async def test_the_same_server_is_told_everything_again() -> None:
    """
    Another path of the same server is no other server.
    """

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/new":
            return web.json_response("fine")
        return web.Response(status=308, headers={"Location": "/new"})

    resolve, _ = resolving([OPEN_HOST])
    async with asking(resolve=resolve) as client, opened(answer) as (service, written):
        tool = tool_of(f'{written}auth: {{bearer: "${{KEY}}"}}\n', client, KEY="hush")
        assert await told(tool) == {"result": "fine"}
        assert [asked.headers["Authorization"] for asked in service.asked] == ["Bearer hush"] * 2


async def test_redirects_come_to_an_end() -> None:
    """
    The fourth is not followed.
    """
    resolve, _ = resolving([OPEN_HOST])
    async with asking(resolve=resolve) as client, opened(leading_to("/again")) as (service, written):
        assert await told(tool_of(written, client)) == {"error": "book_table may not ask there"}
        assert len(service.asked) == 4
