"""Whom the gateway believes to be the provider."""

from urllib.parse import urlencode

import pytest
from multidict import MultiDict

from gateway.sim.codes import RequestError
from gateway.sim.twiml import Connect, read_twiml
from tests.e2e.exchange import TOKEN, exchange, noise, saying, sound
from tests.e2e.webhooks import FORM, PUBLIC, get, official_signature, post


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/twilio/voice", FORM),
        ("/twilio/voice?tenant=a%20b&x=%2B1", FORM),
        ("/twilio/voice", {**FORM, "CallerName": "Zoë Müller & Söhne", "FromCity": "", "ToCity": ""}),
        ("/twilio/voice", {**FORM, "SipHeader_X": "a=b&c", "B": "2", "a": "3", "A": "1"}),
    ],
)
async def test_a_form_that_twilio_signed_is_answered(path: str, form: dict[str, str]) -> None:
    """
    A POST is believed when its signature fits the public address, whatever address it arrived at.
    """
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        status, text = await post(ex, path, form, official_signature(PUBLIC + path, form))
    assert status == 200
    assert isinstance(read_twiml(text, PUBLIC)[0], Connect)


async def test_a_field_that_comes_twice_is_signed_once_for_each_value() -> None:
    """
    Repeated fields count as Twilio's package counts them.
    """
    form = MultiDict([*FORM.items(), ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")])
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        headers = official_signature(f"{PUBLIC}/twilio/voice", form)
        assert (await post(ex, "/twilio/voice", form, headers))[0] == 200


async def test_a_query_that_twilio_signed_is_answered() -> None:
    """
    A GET is believed by its address alone, taken as it was written.
    """
    path = "/twilio/voice?" + urlencode({**FORM, "CallerName": "A b"}).replace("+", "%20")
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        status, text = await get(ex, path, official_signature(PUBLIC + path))
        assert status == 200
        assert isinstance(read_twiml(text, PUBLIC)[0], Connect)
        assert (await get(ex, path + "&x=1", official_signature(PUBLIC + path)))[0] == 403


@pytest.mark.parametrize(
    ("public_url", "signed_url"),
    [
        ("https://gw.example.com", "https://gw.example.com:443"),
        ("https://gw.example.com:443", "https://gw.example.com"),
        ("http://gw.example.com", "http://gw.example.com:80"),
        ("https://gw.example.com:8443", "https://gw.example.com:8443"),
        ("https://gw.example.com/calls", "https://gw.example.com/calls"),
    ],
)
async def test_the_default_port_may_be_signed_or_not(public_url: str, signed_url: str) -> None:
    """
    Twilio is not of one mind about the default port; another port has to be there.
    """
    async with exchange(auth_token=TOKEN, public_url=public_url) as ex:
        headers = official_signature(f"{signed_url}/twilio/voice", FORM)
        assert (await post(ex, "/twilio/voice", FORM, headers))[0] == 200
        headers = official_signature("https://gw.example.com:9999/twilio/voice", FORM)
        assert (await post(ex, "/twilio/voice", FORM, headers))[0] == 403


async def test_without_a_good_signature_nothing_is_answered() -> None:
    """
    A forged, altered, foreign or missing signature is refused with 403, counted, and expects no call.
    """
    address = f"{PUBLIC}/twilio/voice"
    good = official_signature(address, FORM)
    forged: list[dict[str, str]] = [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "Zm9yZ2Vk"},
        {"X-Twilio-Signature": "ungültig"},
        {"X-Twilio-Signature": good["X-Twilio-Signature"].lower()},
        official_signature(f"{PUBLIC}/twilio/status", FORM),
        official_signature(address, {**FORM, "From": "+15550101"}),
        official_signature("http://gw.example.com/twilio/voice", FORM),
    ]
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        answers = [await post(ex, "/twilio/voice", FORM, headers) for headers in forged]
        assert [status for status, _ in answers] == [403] * len(forged)
        assert not any("Stream" in text for _, text in answers)
        proxied = {**official_signature(f"{ex.address}/twilio/voice", FORM), "X-Forwarded-Host": ex.address[7:]}
        assert (await post(ex, "/twilio/voice", FORM, proxied))[0] == 403
        assert await ex.counts() == {"webhooks_total{bad_signature}": len(forged) + 1}


async def test_status_callbacks_are_taken_note_of() -> None:
    """
    Both kinds are answered with 204 and no body, in any order and however often.
    """
    stream = {"CallSid": "CA1", "StreamSid": "MZ1", "StreamEvent": "stream-error", "StreamError": "31921\r\nforged"}
    call = {"CallSid": "CA1", "CallStatus": "completed"}
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        for form in (stream, call, {}, stream):
            headers = official_signature(f"{PUBLIC}/twilio/status", form)
            assert await post(ex, "/twilio/status", form, headers) == (204, "")


async def test_status_callbacks_are_believed_from_the_provider_only() -> None:
    """
    Without a good signature they are refused.
    """
    async with exchange(auth_token=TOKEN, public_url=PUBLIC) as ex:
        form = {"CallSid": "CA1", "CallStatus": "completed"}
        for headers in ({}, official_signature(f"{PUBLIC}/twilio/voice", form)):
            assert (await post(ex, "/twilio/status", form, headers))[0] == 403


async def test_a_phone_that_signs_everything_gets_through() -> None:
    """
    Webhook, handshake and callbacks of a whole call are all believed, and nothing is warned of.
    """
    async with exchange(saying((sound(300),)), auth_token=TOKEN) as ex, ex.call(auth_token=TOKEN) as (phone, _):
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=200)
        await phone.hang_up()
        assert phone.warnings == {}


async def test_a_phone_with_another_secret_gets_nowhere() -> None:
    """
    Its call fails at the webhook, and no session is opened.
    """
    async with exchange(auth_token=TOKEN) as ex, ex.phone(auth_token="other") as phone:
        with pytest.raises(RequestError, match="403"):
            await phone.dial()
        assert ex.server.sessions == []


async def test_nobody_comes_in_from_outside_without_a_secret() -> None:
    """
    A gateway that takes calls by SIP alone can be reached by others, and has nothing to tell Twilio from them.
    """
    async with exchange(public_url=PUBLIC) as ex:
        assert (await post(ex, "/twilio/voice", FORM))[0] == 403
