"""OpenAI's webhook: whether OpenAI sent it, and just now; the official package is the judge."""

import base64
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import InvalidWebhookSignatureError, OpenAI

from gateway.errors import ConfigError
from gateway.providers.openai_webhook import WebhookRefused, verify
from gateway.sim.webhooks import sign

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another one").decode()
WEBHOOK_ID = "wh_685342e6c53c8190a1be43f081506c52"
NOW_S = 1_750_287_078
OFFICIAL = OpenAI(api_key="none").webhooks

RAW_TEXT = st.binary(max_size=30).map(lambda raw: raw.decode(errors="surrogateescape"))


BODY = b'{"type": "realtime.call.incoming", "data": {"call_id": "rtc_1"}}'


def signed(body: bytes = BODY, *, secret: str = SECRET, sent_s: int = NOW_S, **headers: str) -> dict[str, str]:
    """The headers that go with a body, some of them exchanged."""
    signature = sign(secret, WEBHOOK_ID, sent_s, body)
    whole = {"webhook-id": WEBHOOK_ID, "webhook-timestamp": str(sent_s), "webhook-signature": signature}
    return whole | {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(headers: Mapping[str, str], body: bytes = BODY, *, now_s: float = NOW_S) -> str:
    """Why a request is refused."""
    with pytest.raises(WebhookRefused) as caught:
        verify(SECRET, headers, body, now_s)
    return caught.value.reason


def is_accepted(headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Whether we take a request for OpenAI's."""
    try:
        verify(SECRET, headers, body, now_s)
    except WebhookRefused:
        return False
    return True


def is_officially_accepted(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the official package does."""
    try:
        OFFICIAL.verify_signature(body, headers, secret=SECRET)
    except (InvalidWebhookSignatureError, ValueError):
        return False
    return True


@pytest.mark.parametrize("secret", [SECRET, "not base64 at all ☎", base64.b64encode(b"without the prefix").decode()])
def test_what_openai_signed_is_accepted(secret: str) -> None:
    """
    With a secret that begins with `whsec_` and with one that is meant literally, as by the official package.
    """
    now_s = time.time()
    headers = signed(secret=secret, sent_s=int(now_s))
    verify(secret, headers, BODY, now_s)
    OFFICIAL.verify_signature(BODY, headers, secret=secret)


@given(
    secrets=st.lists(st.sampled_from([SECRET, OTHER_SECRET]), min_size=1, max_size=3),
    prefix=st.sampled_from(["v1,", "v1a,", "v2,", "v1,v1,", "V1,"]),
    age_s=st.sampled_from([-1000, -320, -280, 0, 280, 320, 1000]),
    forged=st.booleans(),
)
def test_the_official_package_agrees(secrets: list[str], prefix: str, age_s: int, forged: bool) -> None:
    """
    Whatever is altered, and whoever signed, both accept or both refuse.
    """
    now_s = time.time()
    sent_s = int(now_s) - age_s
    signatures = " ".join(prefix + sign(secret, WEBHOOK_ID, sent_s, BODY)[3:] for secret in secrets)
    body = BODY + b" " if forged else BODY
    headers = signed(sent_s=sent_s, webhook_signature=signatures)
    assert is_accepted(headers, body, now_s) == is_officially_accepted(headers, body)


def test_one_of_several_signatures_is_enough() -> None:
    """
    While a secret is exchanged OpenAI signs with both, in any order.
    """
    ours, other = (sign(secret, WEBHOOK_ID, NOW_S, BODY) for secret in (SECRET, OTHER_SECRET))
    for signatures in (f"{other} {ours}", f"{ours}  {other}", f"v1a,xyz {ours}"):
        verify(SECRET, signed(webhook_signature=signatures), BODY, NOW_S)
    assert refusal(signed(webhook_signature=f"{other} {other}")) == "bad_signature"


@pytest.mark.parametrize("spelling", [str.upper, str.title])
def test_the_case_of_header_names_does_not_matter(spelling: Any) -> None:
    """
    Proxies spell names as they like.
    """
    verify(SECRET, {spelling(name): value for name, value in signed().items()}, BODY, NOW_S)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_nothing_may_be_missing(name: str) -> None:
    """
    A header that is absent or empty is named.
    """
    without = {key: value for key, value in signed().items() if key != name}
    assert refusal(without) == "missing_header"
    assert refusal({**without, name: ""}) == "missing_header"
    with pytest.raises(WebhookRefused, match=name):
        verify(SECRET, without, BODY, NOW_S)


@pytest.mark.parametrize("sent", ["soon", "-1", "1750287078.5", " 1750287078", "1_750_287_078", "9" * 13, "١٢٣"])
def test_a_time_is_a_number_of_seconds(sent: str) -> None:
    """
    Anything else is refused before it is looked at closer.
    """
    assert refusal(signed(webhook_timestamp=sent)) == "malformed_time"


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_five_minutes_are_tolerated(age_s: int) -> None:
    """
    A clock may be ahead as well as behind.
    """
    verify(SECRET, signed(), BODY, NOW_S + age_s)


@pytest.mark.parametrize("age_s", [-301, 301, 3600])
def test_what_is_sent_again_later_is_stale(age_s: int) -> None:
    """
    A request that was overheard is good for five minutes; what is called stale was really sent once.
    """
    assert refusal(signed(), now_s=NOW_S + age_s) == "stale"
    assert refusal(signed(secret=OTHER_SECRET), now_s=NOW_S + age_s) == "bad_signature"


def test_id_time_and_body_are_signed() -> None:
    """
    None of the three can be exchanged.
    """
    assert refusal(signed(), BODY + b"\n") == "bad_signature"
    assert refusal(signed(webhook_id="wh_2")) == "bad_signature"
    assert refusal(signed(webhook_timestamp=str(NOW_S + 1))) == "bad_signature"


@given(st.fixed_dictionaries(dict.fromkeys(signed(), RAW_TEXT)), st.binary(max_size=30))
def test_nonsense_is_refused(headers: dict[str, str], body: bytes) -> None:
    """
    Whatever bytes come as headers and body, the answer is a reason.
    """
    assert refusal(headers, body)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whsec_YQ", "whsec_YWJj$ZGVm"])
def test_a_secret_that_is_none_is_ours_to_fix(secret: str) -> None:
    """
    An empty key would be everybody's; the setting is named, and the value is not.
    """
    with pytest.raises(ConfigError, match="OPENAI_WEBHOOK_SECRET is no secret") as caught:
        verify(secret, signed(), BODY, NOW_S)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)
