"""Whom a tool believes: certificates, and nothing of the environment."""

import ssl
from typing import Any

import pytest
import trustme

from tests.tools.services import (
    LOOPBACK,
    Answering,
    asking,
    leading_to,
    raw,
    resolving,
    saying,
    serving,
    told,
    tool_of,
)


class Certified:
    """A service with a certificate for some name, by somebody who is believed or not."""

    def __init__(self, name: str) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


async def ask_with_tls(certified: Certified, client_tls: ssl.SSLContext | None, answer: Answering) -> Any:
    """Ask `booking.example` over TLS."""
    resolve, _ = resolving(["127.0.0.1"])
    async with serving(answer, tls=certified.server) as service, asking(resolve=resolve, tls=client_tls) as client:
        written = f"url: https://booking.example:{service.port}\nallow_hosts: ['*.example', 'booking.example:1']\n"
        return await told(tool_of(written + LOOPBACK, client))


async def test_the_certificate_must_have_the_name(caplog: pytest.LogCaptureFixture) -> None:
    """
    The connection is made by number, and still the certificate has to be for the name, by somebody who is believed.
    """
    right, wrong = Certified("booking.example"), Certified("evil.example")
    assert await ask_with_tls(right, right.client, saying("safe")) == {"result": "safe"}
    refused = {"error": "the service behind book_table cannot be reached; nothing was done"}
    assert await ask_with_tls(wrong, wrong.client, saying("safe")) == refused
    assert "certificate" in caplog.text
    assert await ask_with_tls(right, None, saying("safe")) == refused


async def test_what_began_in_private_does_not_go_on_in_public(caplog: pytest.LogCaptureFixture) -> None:
    """
    A redirect from https leads to http nowhere, not even to a host that is allowed.
    """
    certified = Certified("booking.example")
    outcome = await ask_with_tls(certified, certified.client, leading_to("http://booking.example:1/"))
    assert outcome == {"error": "book_table may not ask there"}
    assert "leads to http://booking.example:1, which everybody can read" in caplog.text


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """
    No proxy hears of a request, no `.netrc` is read, and cookies are forgotten.
    """
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    async with serving(raw(b"1", **{"Set-Cookie": "a=1"})) as service, serving(saying(2)) as proxy, asking() as client:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("HOME", str(tmp_path))
        tool = tool_of(f"url: {service.url}\n{LOOPBACK}", client)
        assert [await told(tool) for _ in range(2)] == [{"result": "1"}] * 2
        assert proxy.asked == []
        assert not {"Cookie", "Authorization"} & {name for asked in service.asked for name in asked.headers}
