"""Twilio's REST API: what is sent, what the answers mean, and that no one else learns the token."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.providers.rest import Done, Outcome, Refused, RestAnswer, Retry, outcome
from gateway.providers.twilio_rest import TwilioApi

ACCOUNT_SID = "AC" + "0" * 32
CALL_SID = "CA0123456789abcdef0123456789ABCDEF"
TOKEN = "tok_example_0123456789"
API = TwilioApi("https://api.twilio.com", TOKEN)
HANG_UP = API.hang_up(ACCOUNT_SID, CALL_SID)

STATUSES = st.integers(100, 599)
CODES = st.sampled_from([20003, 20404, 20429, 21220, 0, -1, 10**30, "20404", None, True])
BODIES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries({}, optional={"code": CODES, "message": st.text(), "sid": st.text()}).map(
        lambda body: json.dumps(body).encode()
    ),
)


class Recorder(HttpClient):  # type: ignore[misc] # the package has no types here
    """Takes what Twilio's own package would have sent, and answers it."""

    def __init__(self) -> None:
        super().__init__(None, False)
        self.sent: dict[str, Any] = {}

    def request(self, method: str, url: str, *, auth: tuple[str, str], data: dict[str, str], **_: Any) -> Response:
        """Note a request."""
        self.sent = {"method": method, "url": url, "auth": auth, "form": data}
        return Response(200, json.dumps({"sid": CALL_SID}))


def judged(status: int, code: int | None = None, *, retry_after: str = "", **body: object) -> Outcome:
    """The outcome of a hang-up that was answered so."""
    found = {"code": code, "message": "So what", "status": status} if code else body
    return outcome(HANG_UP, RestAnswer(status, json.dumps(found).encode(), retry_after))


def test_a_call_is_ended_as_by_twilios_own_package() -> None:
    """
    Method, address, credentials and form are what the official package sends for the same purpose.
    """
    recorder = Recorder()
    Client(ACCOUNT_SID, TOKEN, http_client=recorder).calls(CALL_SID).update(status="completed")
    assert recorder.sent == {
        "method": HANG_UP.method,
        "url": HANG_UP.url,
        "auth": (HANG_UP.account_sid, HANG_UP.auth_token),
        "form": HANG_UP.form,
    }


def test_a_call_is_sent_elsewhere_as_by_twilios_own_package() -> None:
    """
    With the TwiML in the form; and since that is not the same if it is done twice, it may not be asked twice.
    """
    recorder, twiml = Recorder(), "<Response><Dial>+15550155</Dial></Response>"
    Client(ACCOUNT_SID, TOKEN, http_client=recorder).calls(CALL_SID).update(twiml=twiml)
    update = API.update(ACCOUNT_SID, CALL_SID, twiml)
    assert recorder.sent == {
        "method": update.method,
        "url": update.url,
        "auth": (update.account_sid, update.auth_token),
        "form": update.form,
    }
    assert (update.repeatable, HANG_UP.repeatable) == (False, True)


def test_no_more_twiml_is_sent_than_twilio_takes() -> None:
    """
    That would be a mistake of ours.
    """
    assert len(API.update(ACCOUNT_SID, CALL_SID, "x" * 4_000).form["Twiml"]) == 4_000
    with pytest.raises(LocalProtocolError, match="4001 characters"):
        API.update(ACCOUNT_SID, CALL_SID, "x" * 4_001)


@pytest.mark.parametrize(("status", "code"), [(404, 20404), (400, 21220)])
def test_a_call_that_is_over_cannot_go_on(status: int, code: int) -> None:
    """
    What is as good as done for a hang-up is none of it here.
    """
    answer = RestAnswer(status, json.dumps({"code": code, "message": "So what"}).encode())
    found = outcome(API.update(ACCOUNT_SID, CALL_SID, "<Response/>"), answer)
    assert isinstance(found, Refused)
    assert f"the call is over, or not one of the account {ACCOUNT_SID}" in found.why


@pytest.mark.parametrize(("status", "maybe_done"), [(429, False), (500, True), (502, True), (503, True)])
def test_it_is_known_what_may_have_been_done(status: int, maybe_done: bool) -> None:
    """
    Too many requests were not looked at; of trouble of Twilio's nobody knows.
    """
    found = judged(status, 20429)
    assert isinstance(found, Retry)
    assert found.maybe_done is maybe_done


def test_credentials_are_those_of_rfc_7617() -> None:
    """
    A token outside of ASCII is encoded in UTF-8, as in the example of the RFC.
    """
    request = TwilioApi("https://api.twilio.com", "123£").hang_up(ACCOUNT_SID, CALL_SID)
    assert request.authorization == "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDoxMjPCow=="


def test_another_region_is_another_address() -> None:
    """
    The path is put behind whatever the address is.
    """
    request = TwilioApi("http://127.0.0.1:8080/twilio", TOKEN).hang_up(ACCOUNT_SID, CALL_SID)
    assert request.url == f"http://127.0.0.1:8080/twilio/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{CALL_SID}.json"


@pytest.mark.parametrize("bad", ["", "AC", "CA" + "0" * 31, "CA" + "0" * 33, "CA" + "g" * 32, "ca" + "0" * 32])
@pytest.mark.parametrize("tail", ["", "\n", "/../x"])
def test_what_is_no_identifier_never_gets_into_an_address(bad: str, tail: str) -> None:
    """
    A stream may claim anything; only AC or CA with 32 hexadecimal digits is taken for an identifier.
    """
    with pytest.raises(RemoteProtocolError, match=r"callSid is .*expected CA and 32"):
        API.hang_up(ACCOUNT_SID, bad + tail)
    with pytest.raises(RemoteProtocolError, match=r"accountSid is .*expected AC and 32"):
        API.hang_up(bad + tail, CALL_SID)


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-fA-F]{32}$"))
def test_no_text_breaks_out_of_the_address(text: str) -> None:
    """
    Whatever is accepted is a part of a path as it stands.
    """
    try:
        url = API.hang_up(ACCOUNT_SID, "CA" + text).url
    except RemoteProtocolError:
        return
    assert re.fullmatch(r"https://api\.twilio\.com/2010-04-01/Accounts/AC0{32}/Calls/CA[0-9a-fA-F]{32}\.json", url)


@pytest.mark.parametrize("status", [200, 201])
def test_the_call_in_the_answer_is_success(status: int) -> None:
    """
    Twilio answers a change with what was changed.
    """
    assert judged(status, sid=CALL_SID) == Done()


@pytest.mark.parametrize(("status", "code"), [(404, 20404), (400, 21220)])
def test_a_call_that_is_over_is_ended(status: int, code: int) -> None:
    """
    The caller may hang up first; what was wanted is so.
    """
    assert judged(status, code) == Done()


@pytest.mark.parametrize(("status", "code"), [(200, 20404), (401, 20003), (404, 20405), (400, 21221), (404, None)])
def test_nothing_else_is_a_call_that_is_over(status: int, code: int | None) -> None:
    """
    It takes Twilio's number for it: a 404 from whoever else listens there says nothing of the call.
    """
    assert isinstance(judged(status, code), Refused)


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (429, None), (500, 20500), (502, None), (503, None)])
@pytest.mark.parametrize(
    ("retry_after", "after_s"), [("", 0), ("0", 0), ("2", 2), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("-1", 0)]
)
def test_too_many_requests_and_troubles_of_twilio_may_pass(
    status: int, code: int | None, retry_after: str, after_s: float
) -> None:
    """
    Such a request is asked again, no sooner than Twilio wants it.
    """
    found = judged(status, code, retry_after=retry_after)
    assert isinstance(found, Retry)
    assert found.after_s == after_s
    assert f"HTTP {status}" in found.why


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, 20003, f"GATEWAY_TWILIO_AUTH_TOKEN is the token of the account {ACCOUNT_SID}"),
        (403, 20003, f"GATEWAY_TWILIO_AUTH_TOKEN is the token of the account {ACCOUNT_SID}"),
        (400, 20001, "see https://www.twilio.com/docs/errors/20001"),
        (302, None, "GATEWAY_TWILIO_API_URL"),
        (404, None, "GATEWAY_TWILIO_API_URL"),
        (200, None, "GATEWAY_TWILIO_API_URL"),
    ],
)
def test_a_refusal_says_what_came_back_and_what_to_do(status: int, code: int | None, advice: str) -> None:
    """
    Status, number and words of the error are quoted, and the setting is named that may be wrong.
    """
    found = judged(status, code)
    assert isinstance(found, Refused)
    assert found.code == code
    assert f"HTTP {status}" in found.why
    assert advice in found.why
    assert code is None or f"error {code}, 'So what'" in found.why


@given(STATUSES, BODIES, st.text(max_size=12))
def test_any_answer_has_one_outcome(status: int, body: bytes, retry_after: str) -> None:
    """
    Only 429 and 5xx are asked again, only 2xx and 4xx can be success, and no message grows without bound.
    """
    match outcome(HANG_UP, RestAnswer(status, body, retry_after)):
        case Done():
            assert status // 100 in {2, 4}
        case Retry(after_s, why):
            assert status == 429 or status // 100 == 5
            assert after_s >= 0
            assert len(why) < 3000
        case Refused(_, why):
            assert status != 429
            assert status // 100 != 5
            assert len(why) < 3000


def test_the_token_is_not_shown() -> None:
    """
    Neither what holds it nor what is said of an answer tells the token.
    """
    refused = judged(401, 20003)
    assert TOKEN not in f"{API!r} {HANG_UP!r} {refused!r}"
    assert HANG_UP.authorization not in f"{API!r} {HANG_UP!r} {refused!r}"
