"""TwiML is read as Twilio reads it, and requests are signed as Twilio signs them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse

from gateway.sim.codes import AnswerError
from gateway.sim.signature import sign
from gateway.sim.twiml import Connect, Dial, Hangup, Pause, Play, Redirect, Reject, Say, read_twiml

BASE = "https://gw.example.com/twilio/voice"


def test_what_the_official_library_writes_is_read() -> None:
    """
    Every verb that Twilio's own library writes comes out with all that it says.
    """
    response = VoiceResponse()
    connect = response.connect(action="/after")
    stream = connect.stream(url="wss://gw.example.com/media", status_callback="https://gw.example.com/status")
    stream.parameter(name="tok", value="a&b")
    response.say("All lines are <busy>")
    response.play("https://gw.example.com/tune.wav")
    response.pause(length=3)
    response.redirect("/again", method="GET")
    response.dial("+15550123")
    response.reject(reason="busy")
    response.hangup()
    status = "https://gw.example.com/status"
    assert read_twiml(str(response), BASE) == [
        Connect("wss://gw.example.com/media", {"tok": "a&b"}, status, "https://gw.example.com/after"),
        Say("All lines are <busy>"),
        Play("https://gw.example.com/tune.wav"),
        Pause(3),
        Redirect("https://gw.example.com/again", "GET"),
        Dial("+15550123"),
        Reject("busy"),
        Hangup(),
    ]


def test_a_relative_stream_url_belongs_to_the_webhook() -> None:
    """
    The stream of a secure webhook is secure, on the same host.
    """
    (verb,) = read_twiml('<Response><Connect><Stream url="/media"/></Connect></Response>', BASE)
    assert verb == Connect("wss://gw.example.com/media", {})


@pytest.mark.parametrize(
    ("twiml", "code", "found"),
    [
        ("not xml", 12100, "not xml"),
        ("<html/>", 12100, "<html>"),
        ("<Response><Gather/></Response>", 12200, "<Gather>"),
        ("<Response><Connect/></Response>", 12100, "found none"),
        ('<Response><Connect><Stream url="wss://a/b?c=d"/></Connect></Response>', 31920, "c=d"),
        ('<Response><Connect><Stream url="https://a/b"/></Connect></Response>', 31922, "https://a/b"),
        ('<Response><Connect><Stream url="wss:///b"/></Connect></Response>', 31923, "wss:///b"),
        ("<Response><Connect><Stream/></Connect></Response>", 31922, "''"),
        (
            '<Response><Connect><Stream url="wss://a/b" track="both_tracks"/></Connect></Response>',
            31941,
            "both_tracks",
        ),
        ('<Response><Pause length="soon"/></Response>', 12100, "soon"),
    ],
)
def test_what_twilio_would_refuse_is_refused(twiml: str, code: int, found: str) -> None:
    """
    The error has Twilio's number, and quotes what was found.
    """
    with pytest.raises(AnswerError, match=str(code)) as caught:
        read_twiml(twiml, BASE)
    assert caught.value.code == code
    assert found in caught.value.why


def test_a_parameter_has_a_name_and_is_short() -> None:
    """
    Name and value stay below 500 characters together, as Twilio demands.
    """
    stream = (
        '<Response><Connect><Stream url="wss://a/b"><Parameter name="{}" value="{}"/></Stream></Connect></Response>'
    )
    assert read_twiml(stream.format("n", "v" * 498), BASE)
    for name, value in (("n", "v" * 499), ("", "v")):
        with pytest.raises(AnswerError, match="Parameter"):
            read_twiml(stream.format(name, value), BASE)


@given(st.dictionaries(st.text(min_size=1), st.text()), st.sampled_from([BASE, BASE + "?tenant=a%20b"]))
def test_forms_are_signed_as_the_official_library_checks_them(form: dict[str, str], url: str) -> None:
    """
    Whatever the fields are, Twilio's validator accepts the signature.
    """
    assert RequestValidator("secret").validate(url, form, sign("secret", url, form))


def test_handshakes_are_signed_over_the_url_alone() -> None:
    """
    The validator accepts the signature for the `wss` URL without parameters.
    """
    url = "wss://gw.example.com/media/twilio"
    assert RequestValidator("secret").validate(url, {}, sign("secret", url))
