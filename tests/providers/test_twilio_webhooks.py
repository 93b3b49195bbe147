"""Twilio's webhooks: whose they are, what they say, and how they are answered."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from gateway.errors import RemoteProtocolError
from gateway.providers import DIALECTS
from gateway.providers.dialect import Answer, CallStatus, Fields, IncomingCall, Signed

TWILIO = DIALECTS["twilio"]
SECRET = "tok_example_0123456789"
HEADER = "X-Twilio-Signature"
ADDRESS = "https://gw.example.com/twilio/voice"
VECTORS = json.loads((Path(__file__).parent / "twilio_vectors" / "signatures.json").read_text())
PARAMETER_LIMIT = 500
"""Twilio takes less than this for name and value together."""

SECRETS = st.text(min_size=1, max_size=40)
NAMES = st.text(min_size=1, max_size=12)
FORMS = st.dictionaries(NAMES, st.lists(st.text(max_size=12), min_size=1, max_size=3), max_size=6)
PATHS = st.text("abcXYZ019-._~%/", max_size=20).map("/twilio/{}".format)
QUERIES = st.text("abc=&%20+", max_size=20).map(lambda query: f"?{query}" if query else "")
ADDRESSES = st.builds(
    "{}{}{}".format, st.sampled_from(["https://gw.example.com", "wss://gw.example.com"]), PATHS, QUERIES
)
ANY_TEXT = st.text(max_size=200)
XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\n"),
    max_size=200,
)


def official(secret: str, url: str, form: dict[str, list[str]]) -> str:
    """The signature by Twilio's own package."""
    pairs = MultiDict([(name, value) for name, values in form.items() for value in values])
    signature: str = RequestValidator(secret).compute_signature(url, pairs)
    return signature


def request(url: str, form: dict[str, list[str]], signature: str, method: str = "POST") -> Signed:
    """A request as the web server hands it on."""
    fields: Fields = {name: tuple(values) for name, values in form.items()}
    return Signed(method, (url,), fields, {HEADER: signature})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["what"]))
def test_known_signatures_hold(vector: dict[str, Any]) -> None:
    """
    What Twilio signed with a known secret is believed, and nothing like it.
    """
    signed = request(vector["url"], vector["fields"], vector["signature"], vector["method"])
    assert TWILIO.is_signed(signed, SECRET)
    assert not TWILIO.is_signed(signed, SECRET + "0")
    assert not TWILIO.is_signed(request(vector["url"] + "x", vector["fields"], vector["signature"]), SECRET)


@given(SECRETS, ADDRESSES, FORMS)
def test_what_twilio_signs_is_believed(secret: str, url: str, form: dict[str, list[str]]) -> None:
    """
    Whatever the fields, our count of them is that of Twilio's own package.
    """
    assert TWILIO.is_signed(request(url, form, official(secret, url, form)), secret)


@given(SECRETS, ADDRESSES, FORMS, NAMES, st.text(max_size=12))
def test_a_changed_field_is_not_believed(
    secret: str, url: str, form: dict[str, list[str]], name: str, value: str
) -> None:
    """
    A field that is added, removed or given another value breaks the signature.
    """
    changed = {**form, name: [value]}
    assume(written(changed) != written(form))
    assert not TWILIO.is_signed(request(url, changed, official(secret, url, form)), secret)
    assert not TWILIO.is_signed(request(url, form, official(secret, url, changed)), secret)


def written(form: dict[str, list[str]]) -> str:
    """What Twilio signs of a form; it has no separators, so that some different forms are the same to it."""
    return "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))


@given(SECRETS, SECRETS, ADDRESSES, ADDRESSES, FORMS)
def test_another_secret_or_address_is_not_believed(
    secret: str, other_secret: str, url: str, other_url: str, form: dict[str, list[str]]
) -> None:
    """
    A signature is worth nothing to another account, nor at another address.
    """
    signature = official(secret, url, form)
    if other_secret.rstrip("\0") != secret.rstrip("\0"):
        assert not TWILIO.is_signed(request(url, form, signature), other_secret)
    if other_url + written(form) != url + written(form):
        assert not TWILIO.is_signed(request(other_url, form, signature), secret)


@given(ADDRESSES, FORMS, st.text(max_size=40))
def test_a_made_up_signature_is_not_believed(url: str, form: dict[str, list[str]], signature: str) -> None:
    """
    Anything may stand in a header, or nothing.
    """
    assert not TWILIO.is_signed(request(url, form, signature), SECRET)
    assert not TWILIO.is_signed(Signed("POST", (url,), {}, {}), SECRET)


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("wss", 443), ("http", 80), ("ws", 80)])
def test_the_default_port_may_be_there_or_not(scheme: str, port: int) -> None:
    """
    Twilio writes it sometimes; any other port must be the one that was signed.
    """
    bare, full, other = (f"{scheme}://gw.example.com{colon}/voice" for colon in ("", f":{port}", ":8443"))
    for known, signed in [(bare, full), (full, bare), (other, other)]:
        assert TWILIO.is_signed(request(known, {}, official(SECRET, signed, {})), SECRET)
    for known, signed in [(bare, other), (full, other), (other, bare), (other, full)]:
        assert not TWILIO.is_signed(request(known, {}, official(SECRET, signed, {})), SECRET)


def test_any_of_the_addresses_by_which_we_are_known_will_do() -> None:
    """
    Behind a proxy the gateway has more than one name.
    """
    headers = {HEADER: official(SECRET, ADDRESS, {})}
    assert TWILIO.is_signed(Signed("POST", ("http://10.0.0.7/twilio/voice", ADDRESS), {}, headers), SECRET)
    assert not TWILIO.is_signed(Signed("POST", ("http://10.0.0.7/twilio/voice",), {}, headers), SECRET)


def test_a_signature_is_present_or_not() -> None:
    """
    A request that claims no signature can be told from one that claims a wrong one.
    """
    assert TWILIO.signature_present({HEADER: ""})
    assert not TWILIO.signature_present({"Authorization": "Basic"})


def test_the_webhook_of_a_call_that_rings_is_read() -> None:
    """
    Who calls may be anything; which call it is and who is called must be there.
    """
    fields = {"CallSid": ("CA1",), "From": ("anonymous",), "To": ("+15550199",), "Invented": ("tomorrow",)}
    assert TWILIO.incoming_call(fields) == IncomingCall("CA1", "anonymous", "+15550199")
    for needed in ("CallSid", "To"):
        with pytest.raises(RemoteProtocolError, match=needed):
            TWILIO.incoming_call({name: values for name, values in fields.items() if name != needed})


def test_status_callbacks_of_streams_and_calls_are_read() -> None:
    """
    Both kinds come to one address.
    """
    stream = {"CallSid": ("CA1",), "StreamEvent": ("stream-error",), "StreamError": ("31921",)}
    assert TWILIO.call_status(stream) == CallStatus("CA1", "stream-error", "31921")
    assert TWILIO.call_status({"CallSid": ("CA1",), "CallStatus": ("completed",)}) == CallStatus(
        "CA1", "completed", is_over=True
    )


# TwiML


def answer(apology: str = "Sorry.", token: str = "t" * 32) -> Answer:
    """An answer as the gateway gives it."""
    return Answer("wss://gw.example.com/twilio/media", "https://gw.example.com/twilio/status", token, apology)


def test_an_answer_connects_the_call_and_falls_back_to_an_apology() -> None:
    """
    `<Connect><Stream>` first; what follows is reached only when the stream is closed.
    """
    response = Xml.fromstring(TWILIO.answer(answer()))
    assert response.tag == "Response"
    assert [verb.tag for verb in response] == ["Connect", "Say", "Hangup"]
    (stream,) = response[0]
    assert stream.tag == "Stream"
    assert stream.attrib["url"] == "wss://gw.example.com/twilio/media"
    assert stream.attrib["statusCallback"] == "https://gw.example.com/twilio/status"
    assert "track" not in stream.attrib


def test_the_token_travels_as_a_parameter() -> None:
    """
    Twilio drops the query of a stream's url, and limits what a parameter may hold.
    """
    stream = Xml.fromstring(TWILIO.answer(answer()))[0][0]
    assert not urlsplit(stream.attrib["url"]).query
    (parameter,) = stream
    assert parameter.attrib == {"name": TWILIO.token_parameter, "value": "t" * 32}
    assert sum(map(len, parameter.attrib.values())) < PARAMETER_LIMIT


@given(XML_TEXT, XML_TEXT)
def test_texts_cannot_break_out_of_an_answer(apology: str, token: str) -> None:
    """
    Markup in a text is said, not obeyed.
    """
    response = Xml.fromstring(TWILIO.answer(answer(apology, token)))
    assert [verb.tag for verb in response] == ["Connect", "Say", "Hangup"]
    assert (response[1].text or "") == apology
    assert response[0][0][0].attrib["value"] == token


@given(XML_TEXT)
def test_a_refusal_says_why_and_hangs_up(message: str) -> None:
    """
    The caller hears a sentence, and the call is over.
    """
    response = Xml.fromstring(TWILIO.refusal(message))
    assert [verb.tag for verb in response] == ["Say", "Hangup"]
    assert (response[0].text or "") == message


@given(ANY_TEXT)
def test_an_answer_is_xml_whatever_is_to_be_said(message: str) -> None:
    """
    Characters that XML does not have are no reason for Twilio to hang up on the caller.
    """
    for text in (TWILIO.refusal(message), TWILIO.answer(answer(message))):
        assert Xml.fromstring(text)[-1].tag == "Hangup"
        assert re.match(r"<\?xml version='1\.0'", text)
