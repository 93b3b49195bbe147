"""The call that OpenAI's webhook tells of: who calls whom, however that is written, and whether it is news."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent

from gateway.errors import RemoteProtocolError
from gateway.providers.openai_webhook import IncomingSipCall, Seen, incoming
from gateway.sim.webhooks import sign

WEBHOOK_ID = "wh_685342e6c53c8190a1be43f081506c52"
CALL_ID = "rtc_u1_9c6574da8b8a41a18da9308f4ad974ce"
ID = {"Webhook-Id": WEBHOOK_ID}
HEADER_VALUES = st.text(alphabet='<>"\\;:,@+%tesipl 019', max_size=40)


def event(headers: Mapping[str, str] | None = None, **changes: Any) -> bytes:
    """The webhook of a call with these headers."""
    sip_headers = [{"name": name, "value": value} for name, value in (headers or {}).items()]
    whole = {"object": "event", "id": "evt_1", "type": "realtime.call.incoming", "created_at": 1_750_287_018}
    return json.dumps({**whole, "data": {"call_id": CALL_ID, "sip_headers": sip_headers}, **changes}).encode()


def told(headers: Mapping[str, str] | None = None) -> IncomingSipCall:
    """The call that a webhook tells of."""
    call = incoming(ID, event(headers))
    assert call is not None
    return call


def call_of(webhook_id: str, call_id: str) -> IncomingSipCall:
    """A call that was told of by a webhook."""
    return IncomingSipCall(call_id, webhook_id, None, ())


def test_a_call_is_read_as_by_the_official_package() -> None:
    """
    Identifier, time and headers are the same, in the same order.
    """
    body = event({"From": "sip:+142555512112@sip.example.com", "To": "sip:+18005551212@sip.example.com", "X-A": "1"})
    sent_s = int(time.time())
    headers = {**ID, "webhook-timestamp": str(sent_s), "webhook-signature": sign("secret", WEBHOOK_ID, sent_s, body)}
    call, official = incoming(headers, body), OpenAI(api_key="none").webhooks.unwrap(body, headers, secret="secret")
    assert isinstance(official, RealtimeCallIncomingWebhookEvent)
    assert call is not None
    assert (call.call_id, call.webhook_id, call.created_s) == (official.data.call_id, WEBHOOK_ID, official.created_at)
    assert call.headers == tuple((header.name, header.value) for header in official.data.sip_headers)
    assert (call.caller, call.called) == ("+142555512112", "+18005551212")


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ("sip:+15550199@trunk.example", "+15550199"),
        ("<sip:+15550199@trunk.example;user=phone>;tag=9fxced76sl", "+15550199"),
        ('"Ann; <sip:+1666@evil.example>, \\" Lee" <sips:+15550199@trunk.example:5061;transport=tls>', "+15550199"),
        ("Ann Lee <SIP:+1-555-0199@trunk.example?Subject=x>", "+15550199"),
        ("sip:%2B15550199:secret@trunk.example", "+15550199"),
        ("<sip:+1(555)0199;phone-context=+1@trunk.example>", "+15550199"),
        ("tel:+1-555-0199", "+15550199"),
        ("<tel:+1.555.0199;phone-context=example.com>", "+15550199"),
        ("<tel:1001;phone-context=example.com>", "1001"),
        ("+15550199", "+15550199"),
        ("<sip:proj_1@sip.api.openai.com;transport=tls>", "proj_1"),
        ("sip:ann.lee@example.com", "ann.lee"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "anonymous"),
    ],
)
def test_numbers_are_taken_out_of_addresses(value: str, user: str) -> None:
    """
    Names, brackets, parameters, escapes and separators fall away, whoever wrote them.
    """
    call = told({"To": value, "From": value})
    assert (call.called, call.caller) == (user, user)


@pytest.mark.parametrize(
    "value", ["", "sip:10.0.0.1", "<sip:api.example>", "tel:", "tel:ann", "<>", "sip:a%0Ab@a", '"']
)
def test_an_address_may_mean_nobody(value: str) -> None:
    """
    Then the call is to nobody we know, and from someone anonymous.
    """
    call = told({"To": value, "From": value})
    assert (call.called, call.caller, call.line_numbers) == ("", "anonymous", ())


def test_headers_are_found_in_any_spelling() -> None:
    """
    SIP has short names for the long ones, and no case.
    """
    call = told({"f": "sip:+15550100@a", "t": "sip:+15550199@a", "i": "abc"})
    assert (call.caller, call.called, list(call.header("Call-ID"))) == ("+15550100", "+15550199", ["abc"])
    assert told({"FROM": "sip:+15550100@a"}).caller == "+15550100"


def test_a_line_is_looked_for_by_what_was_called_first() -> None:
    """
    Then by the caller, then by what a trunk says was dialled; a number without a plus is tried with it as well.
    """
    call = told(
        {
            "Diversion": "<sip:+15550177@a>;reason=unconditional, <sip:0015550166@a>",
            "P-Called-Party-ID": "<sip:+15550188@a>",
            "From": "<sip:15550100@a>",
            "To": "<sip:proj_1@sip.api.openai.com>",
            "X-Number": "<sip:+15550155@a>",
        }
    )
    dialled = ("+15550188", "+15550177", "0015550166", "+15550166")
    assert call.line_numbers == ("proj_1", "15550100", "+15550100", *dialled)


@given(st.dictionaries(st.sampled_from(["To", "From", "Diversion"]), HEADER_VALUES))
def test_any_header_is_read(headers: dict[str, str]) -> None:
    """
    What comes of it can be shown, and looked up.
    """
    call = told(headers)
    assert all(number and number.isprintable() for number in call.line_numbers)
    assert not call.called or call.called == call.line_numbers[0]


@pytest.mark.parametrize(
    "kind", ["live.call.incoming", "live.transport.incoming", "batch.completed", "realtime.call.ended"]
)
def test_other_webhooks_are_none_of_our_business(kind: str) -> None:
    """
    What is not a call that rings is no error, whatever it contains.
    """
    assert incoming(ID, event(type=kind)) is None
    assert incoming(ID, json.dumps({"type": kind, "data": 7}).encode()) is None
    assert incoming(ID, json.dumps({"type": kind}).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type": 1}',
        event(type=None),
        event(data=None),
        event(data={"sip_headers": []}),
        event(data={"call_id": 7}),
        event(data={"call_id": ""}),
        event(data={"call_id": "../models"}),
        event(data={"call_id": CALL_ID, "sip_headers": {"To": "x"}}),
        event(data={"call_id": CALL_ID, "sip_headers": [{"name": "To"}]}),
    ],
)
def test_a_malformed_webhook_is_refused(body: bytes) -> None:
    """
    It says what was wrong with it.
    """
    with pytest.raises(RemoteProtocolError, match=r"cannot be read: .|call_id is .*expected"):
        incoming(ID, body)


def test_a_call_is_news_once() -> None:
    """
    Neither the webhook that comes again nor another one for the same call is.
    """
    seen = Seen()
    assert seen.is_first(call_of("wh_1", "rtc_1"), now_s=0)
    assert not seen.is_first(call_of("wh_1", "rtc_1"), now_s=1)
    assert not seen.is_first(call_of("wh_2", "rtc_1"), now_s=2)
    assert not seen.is_first(call_of("wh_2", "rtc_2"), now_s=3)
    assert seen.is_first(call_of("wh_3", "rtc_3"), now_s=4)


def test_the_two_kinds_of_ids_are_not_confused() -> None:
    """
    A webhook that is called like a call is another thing.
    """
    seen = Seen()
    assert seen.is_first(call_of("same", "rtc_1"), now_s=0)
    assert seen.is_first(call_of("wh_2", "same"), now_s=0)


def test_calls_are_remembered_for_as_long_as_webhooks_are_sent_again() -> None:
    """
    Which is three days; not much later they are forgotten.
    """
    seen = Seen()
    assert seen.is_first(call_of("wh_1", "rtc_1"), now_s=0)
    assert not seen.is_first(call_of("wh_1", "rtc_1"), now_s=72 * 3600)
    assert seen.is_first(call_of("wh_1", "rtc_1"), now_s=74 * 3600)


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 6))
def test_memory_is_bounded(ordinals: list[int], room: int) -> None:
    """
    With room for so many calls, the last so many that were news are known, and no others.
    """
    seen = Seen(most=2 * room)
    news: list[int] = []
    for now_s, ordinal in enumerate(ordinals):
        first = seen.is_first(call_of(f"wh_{ordinal}", f"rtc_{ordinal}"), now_s=now_s)
        assert first == (ordinal not in news[-room:])
        news += [ordinal] if first else []
        assert len(seen) <= 2 * room
