"""Putting a caller through: the TwiML for it, and what Twilio tells of how it went."""

from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from gateway.errors import RemoteProtocolError
from gateway.providers import DIALECTS
from gateway.providers.dialect import Dial, DialOutcome, Fields
from gateway.providers.twilio_rest import TWIML_LIMIT

TWILIO = DIALECTS["twilio"]
ACTION = "https://gw.example.com/twilio/transferred/t0k-en_"
XML_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=60)


def same(one: str, other: str) -> bool:
    """Whether two documents say the same."""
    return Xml.canonicalize(one) == Xml.canonicalize(other)


@pytest.mark.parametrize(
    ("uri", "noun", "address"),
    [
        ("tel:+15550155", "number", "+15550155"),
        ("sip:desk@pbx.example.com;transport=tls", "sip", "sip:desk@pbx.example.com;transport=tls"),
    ],
)
def test_a_caller_is_put_through_as_by_twilios_own_package(uri: str, noun: str, address: str) -> None:
    """
    Numbers and addresses have nouns of their own, and what is not given is left to Twilio.
    """
    wanted = VoiceResponse()
    getattr(wanted.dial(action=ACTION, timeout=40, caller_id="+15550199"), noun)(address)
    assert same(TWILIO.dial(Dial(uri, 40, "+15550199", ACTION)), str(wanted))
    plain = VoiceResponse()
    getattr(plain.dial(), noun)(address)
    assert same(TWILIO.dial(Dial(uri)), str(plain))
    assert same(TWILIO.forward(uri), str(plain))


@given(XML_TEXT)
def test_nothing_breaks_out_of_the_verb(text: str) -> None:
    """
    Whatever an address is, there is one verb with one noun, and the address is its text.
    """
    (dial,) = Xml.fromstring(TWILIO.dial(Dial(f"sip:{text}")))
    (noun,) = dial
    assert (dial.tag, noun.tag, noun.text) == ("Dial", "Sip", f"sip:{text}")


def test_what_is_sent_with_a_request_is_short_enough() -> None:
    """
    The longest address that a line may name fits, with room to spare.
    """
    assert len(TWILIO.dial(Dial("sip:" + "a" * 250, 600, "+" + "1" * 15, "https://" + "a" * 1_000))) < TWIML_LIMIT


def form(**fields: str) -> Fields:
    """What Twilio posts to the action."""
    return {name: (value,) for name, value in {"CallSid": "CA1", "CallStatus": "in-progress", **fields}.items()}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", "transferred"),
        ("answered", "transferred"),
        ("busy", "busy"),
        ("no-answer", "no_answer"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("something new", "failed"),
    ],
)
def test_every_status_means_something(status: str, outcome: DialOutcome) -> None:
    """
    What Twilio documents, and what it may think of.
    """
    found = TWILIO.dialled(form(DialCallStatus=status))
    assert (found.call_sid, found.outcome, found.caller_left) == ("CA1", outcome, False)


@pytest.mark.parametrize("over", ["completed", "failed", "canceled"])
def test_a_caller_may_be_gone(over: str) -> None:
    """
    Before anybody answered; who hangs up after a talk was put through.
    """
    assert TWILIO.dialled(form(DialCallStatus="no-answer", CallStatus=over)).caller_left
    assert not TWILIO.dialled(form(DialCallStatus="completed", CallStatus=over)).caller_left


@pytest.mark.parametrize("fields", [{"CallSid": ("CA1",)}, {"DialCallStatus": ("busy",)}, {}])
def test_less_is_nothing(fields: Fields) -> None:
    """
    The message names what came.
    """
    with pytest.raises(RemoteProtocolError, match="needs CallSid and DialCallStatus"):
        TWILIO.dialled(fields)


def test_a_call_is_ended() -> None:
    """
    As by Twilio's own package.
    """
    wanted = VoiceResponse()
    wanted.hangup()
    assert same(TWILIO.hang_up(), str(wanted))
