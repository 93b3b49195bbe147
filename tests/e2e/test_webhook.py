"""What the provider is told to do with a call."""

from xml.etree import ElementTree

import aiohttp
import pytest

from gateway.sim.twiml import Connect, Dial, Hangup, Say, read_twiml
from tests.e2e.exchange import NUMBER, TOKEN, exchange
from tests.e2e.webhooks import BODY_LIMIT_BYTES, FORM, get, official_signature, post


@pytest.mark.parametrize(
    ("public_url", "stream_url"),
    [
        ("https://gw.example.com", "wss://gw.example.com/twilio/media"),
        ("http://gw.example.com:8080", "ws://gw.example.com:8080/twilio/media"),
        ("https://gw.example.com/calls/", "wss://gw.example.com/calls/twilio/media"),
        ("https://http.example.com", "wss://http.example.com/twilio/media"),
    ],
)
async def test_the_answer_opens_a_stream_and_then_apologises(public_url: str, stream_url: str) -> None:
    """
    One stream, to the public address by the scheme that fits, without a query; behind it words and a hang-up.
    """
    path = "/twilio/voice?tenant=7"
    signed = official_signature(public_url.rstrip("/") + path, FORM)
    async with exchange(public_url=public_url, auth_token=TOKEN) as ex:
        _, text = await post(ex, path, FORM, signed)
    connect, say, hang_up = read_twiml(text, public_url)
    assert isinstance(connect, Connect)
    assert connect.url == stream_url
    assert list(connect.parameters) == ["token"]
    assert len(connect.parameters["token"]) >= 22
    assert connect.status_callback == public_url.rstrip("/") + "/twilio/status"
    assert isinstance(say, Say)
    assert say.text
    assert hang_up == Hangup()


async def test_the_answer_is_xml() -> None:
    """
    It is declared as XML, parses as XML, and is refused by no proxy's or provider's idea of it.
    """
    async with exchange() as ex, ex.http.post(f"{ex.address}/twilio/voice", data=FORM) as answer:
        assert answer.content_type == "text/xml"
        root = ElementTree.fromstring(await answer.text())
    assert root.tag == "Response"
    assert [element.tag for element in root.iter()][1:3] == ["Connect", "Stream"]


async def test_every_call_has_a_token_of_its_own() -> None:
    """
    No two answers carry the same token, not even for the same call.
    """
    async with exchange() as ex:
        tokens = [(await ex.invited(call_sid)).parameters["token"] for call_sid in ("CA1", "CA2", "CA1")]
    assert len(set(tokens)) == 3


HOSTILE = (
    '"><Dial>+19005550100</Dial><Say a="',
    "</Say></Response><Response><Dial>+19005550100</Dial>",
    "]]><!--",
    "&amp;<Redirect>http://evil.example</Redirect>\x00\x08",
    "\ud7ff\u202e<Hangup/>",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_callers_write_no_twiml(text: str) -> None:
    """
    Whatever a caller calls themselves, the answer has the same verbs and not one word of theirs.
    """
    async with exchange() as ex:
        fields = {"From": text, "Caller": text, "CallerName": text, "FromCity": text}
        _, answer = await post(ex, "/twilio/voice", {**FORM, **fields})
        assert [type(verb) for verb in read_twiml(answer, ex.address)] == [Connect, Say, Hangup]
        _, refusal = await post(ex, "/twilio/voice", {**FORM, **fields, "To": text})
        assert [type(verb) for verb in read_twiml(refusal, ex.address)] == [Say, Hangup]
        _, odd = await post(ex, "/twilio/voice", {**FORM, "CallSid": text})
    for body in (answer, refusal, odd):
        assert not any(word in body for word in ("Dial", "Redirect", "900", "evil", "202e"))


async def test_a_number_that_no_line_has_is_told_politely() -> None:
    """
    The status is 404, the caller hears words and is hung up on, and no stream is expected.
    """
    async with exchange() as ex:
        status, text = await post(ex, "/twilio/voice", {**FORM, "To": "+15550000"})
        assert await ex.counts() == {"webhooks_total{unknown_number}": 1}
    assert status == 404
    assert [type(verb) for verb in read_twiml(text, ex.address)] == [Say, Hangup]


@pytest.mark.parametrize("form", [{}, {"To": NUMBER}, {"CallSid": "CA1"}, {"CallSid": "", "To": NUMBER}])
async def test_a_webhook_that_names_no_call_is_malformed(form: dict[str, str]) -> None:
    """
    Without a call and a number there is nothing to answer: 400, and counted.
    """
    async with exchange() as ex:
        assert (await post(ex, "/twilio/voice", form))[0] == 400
        assert await ex.counts() == {"webhooks_total{malformed}": 1}


@pytest.mark.parametrize("body", [b"CallSid=\xff\xfe", "&".join(f"f{n}=" for n in range(2_000)).encode()])
async def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    """
    Bytes that are no text, and fields beyond counting, are answered with 400.
    """
    async with exchange() as ex:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await post(ex, "/twilio/voice", body, headers))[0] == 400


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/status"])
async def test_a_body_over_the_limit_is_not_read(path: str) -> None:
    """
    More than 64 KiB is refused with 413 and no closer look, signed or not.
    """
    async with exchange(auth_token=TOKEN) as ex:
        form = {**FORM, "x": "x" * BODY_LIMIT_BYTES}
        assert (await post(ex, path, form))[0] == 413
        assert (await post(ex, path, form, official_signature(ex.address + path, form)))[0] == 413
        form = {**FORM, "x": "x" * (BODY_LIMIT_BYTES - 200)}
        assert (await post(ex, path, form, official_signature(ex.address + path, form)))[0] in {200, 204}


@pytest.mark.parametrize("path", ["/nobody/voice", "/nobody/status", "/nobody/media", "/voice", "/twilio/other"])
async def test_other_providers_are_not_known(path: str) -> None:
    """
    A provider or a page that does not exist is 404.
    """
    async with exchange() as ex:
        assert (await get(ex, path))[0] in {404, 405}
        assert (await post(ex, path, FORM))[0] in {404, 405}
        assert 404 in {(await get(ex, path))[0], (await post(ex, path, FORM))[0]}


async def test_a_connection_may_be_reused() -> None:
    """
    Refusals leave the connection in order: the next request on it is answered.
    """
    connector = aiohttp.TCPConnector(limit=1)
    async with exchange() as ex, aiohttp.ClientSession(connector=connector) as http:
        for to, expected in (("+15550000", 404), (NUMBER, 200), ("", 400), (NUMBER, 200)):
            async with http.post(f"{ex.address}/twilio/voice", data={**FORM, "To": to}) as answer:
                assert answer.status == expected


async def test_a_line_can_name_who_takes_over_when_the_agent_cannot_go_on() -> None:
    """
    The provider dials before it apologises; whoever is put through ends the call by hanging up.
    """
    async with exchange(fallback_number="+15550123") as ex:
        connect, dial, say, hang_up = await ex.ring("CA1")
    assert (type(connect), type(say), hang_up) == (Connect, Say, Hangup())
    assert isinstance(dial, Dial)
    assert dial.to == "+15550123"
