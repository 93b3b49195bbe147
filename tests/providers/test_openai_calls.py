"""OpenAI's calls API: what is sent, what the answers mean, and that no one else learns the key."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.providers.openai_calls import CallRequest, OpenAICalls, SipStatus
from gateway.providers.rest import Done, Gone, Outcome, Refused, RestAnswer, Retry, outcome

URL = "https://api.openai.com/v1"
KEY = "sk-example-0123456789"
CALL_ID = "rtc_u1_9c6574da8b8a41a18da9308f4ad974ce"
SESSION = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief, Ümit."}
CALLS = OpenAICalls(URL, KEY)
ACCEPT = CALLS.accept(CALL_ID, SESSION)

BODIES = st.one_of(
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "message": st.text() | st.none(),
            "type": st.text() | st.integers(),
            "code": st.text() | st.integers() | st.none() | st.sampled_from(["call_id_not_found"]),
        },
    ).map(lambda error: json.dumps({"error": error}).encode()),
)


class Recorder(httpx2.BaseTransport):
    """Takes what the official package would have sent, and answers it."""

    def __init__(self) -> None:
        self.sent: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Note a request."""
        self.sent.append(request)
        return httpx2.Response(200)


@contextmanager
def official() -> Iterator[tuple[Any, Recorder]]:
    """The official package, and what it sends."""
    recorder = Recorder()
    with OpenAI(api_key=KEY, base_url=URL, http_client=httpx2.Client(transport=recorder)) as client:
        yield client.realtime.calls, recorder


def judged(status: int, body: object = None, *, retry_after: str = "", request: CallRequest = ACCEPT) -> Outcome:
    """The outcome of a request that was answered so."""
    text = b"" if body is None else json.dumps(body).encode()
    return outcome(request, RestAnswer(status, text, retry_after))


def error(code: object, kind: str = "invalid_request_error") -> dict[str, object]:
    """An error as OpenAI writes it."""
    return {"error": {"message": "So what", "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize(
    ("request_", "ask"),
    [
        (ACCEPT, lambda calls: calls.accept(CALL_ID, **SESSION)),
        (CALLS.reject(CALL_ID, 486), lambda calls: calls.reject(CALL_ID, status_code=486)),
        (CALLS.refer(CALL_ID, "tel:+15550155"), lambda calls: calls.refer(CALL_ID, target_uri="tel:+15550155")),
        (CALLS.hang_up(CALL_ID), lambda calls: calls.hangup(CALL_ID)),
    ],
)
def test_requests_are_those_of_the_official_package(request_: CallRequest, ask: Callable[[Any], None]) -> None:
    """
    Method, address, credentials and content are the same.
    """
    with official() as (calls, recorder):
        ask(calls)
    (sent,) = recorder.sent
    assert (request_.method, request_.url) == (sent.method, str(sent.url))
    assert (request_.authorization, request_.content_type) == (sent.headers["Authorization"], "application/json")
    assert json.loads(request_.body or b"null") == json.loads(sent.content or b"null")


@pytest.mark.parametrize("session", [{}, {"type": "realtime"}, {"model": "gpt-realtime"}])
def test_a_session_is_sent_whole(session: dict[str, object]) -> None:
    """
    Without type or model the service would say yes, and open none.
    """
    with pytest.raises(LocalProtocolError, match=r"has no (model|type)"):
        CALLS.accept(CALL_ID, session)


@pytest.mark.parametrize("status_code", [200, 302, 399, 700, 0])
def test_only_a_refusal_rejects(status_code: int) -> None:
    """
    SIP's statuses from 400 on are refusals; declined is what is said when nothing else is.
    """
    with pytest.raises(LocalProtocolError, match=r"expected a SIP status from 400 to 699"):
        CALLS.reject(CALL_ID, status_code)
    assert json.loads(CALLS.reject(CALL_ID).body) == {"status_code": 603}
    assert [json.loads(CALLS.reject(CALL_ID, status).body)["status_code"] for status in SipStatus] == list(SipStatus)


@pytest.mark.parametrize(
    "target_uri",
    ["", "+15550155", "tel:5550155", "tel:+1 555", "http://a.example", "sip:", "sip:a b@c", "sip:a@b\r\nX: y"],
)
def test_a_call_is_passed_on_to_an_address_only(target_uri: str) -> None:
    """
    What would be another header, or no address, is not sent.
    """
    with pytest.raises(LocalProtocolError, match=r"expected tel:\+15550199 or sip:user@host"):
        CALLS.refer(CALL_ID, target_uri)


@given(st.text(max_size=30) | st.from_regex(r"rtc_[\w.~-]*$"))
def test_no_text_breaks_out_of_the_address(call_id: str) -> None:
    """
    Whatever is accepted as an identifier is a part of a path as it stands.
    """
    try:
        url = CALLS.hang_up(call_id).url
    except RemoteProtocolError:
        return
    assert url == str(httpx2.URL(url)) == f"{URL}/realtime/calls/{call_id}/hangup"
    assert not set(call_id) & set("/?#% \n")
    assert call_id not in {".", ".."}


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_empty_answer_is_success(status: int) -> None:
    """
    So is one that has something to say, as long as it is no error.
    """
    assert judged(status) == judged(status, {}) == judged(status, {"object": "realtime.call"}) == Done()


@pytest.mark.parametrize(
    "request_", [ACCEPT, CALLS.reject(CALL_ID), CALLS.refer(CALL_ID, "sip:a@b.example"), CALLS.hang_up(CALL_ID)]
)
def test_a_caller_who_has_left_is_no_error(request_: CallRequest) -> None:
    """
    Whatever was asked, a call that is not found is gone, with a body or without one.
    """
    assert judged(404, error("call_id_not_found"), request=request_) == judged(404, request=request_) == Gone()


@pytest.mark.parametrize("body", [error(None), error("model_not_found"), "It works!", [], 7])
def test_not_everything_that_is_not_found_is_a_caller(body: object) -> None:
    """
    An address or a model that does not exist is ours to fix, and what to look at is said.
    """
    found = judged(404, body)
    assert isinstance(found, Refused)
    assert "GATEWAY_OPENAI_API_URL" in found.why


def test_a_page_that_says_that_it_works_is_no_success() -> None:
    """
    Whoever else listens there has not accepted a call.
    """
    found = outcome(ACCEPT, RestAnswer(200, b"<html>It works!</html>"))
    assert isinstance(found, Refused)
    assert "GATEWAY_OPENAI_API_URL" in found.why
    assert isinstance(judged(200, error("server_error")), Refused)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize(("retry_after", "after_s"), [("", 0), ("2", 2), ("soon", 0)])
@pytest.mark.parametrize("body", [None, error(None, "server_error"), error("rate_limit_exceeded"), "no JSON object"])
def test_too_many_requests_and_troubles_of_openai_may_pass(
    status: int, retry_after: str, after_s: float, body: object
) -> None:
    """
    Such a request is asked again, no sooner than OpenAI wants it.
    """
    found = judged(status, body, retry_after=retry_after)
    assert isinstance(found, Retry)
    assert found.after_s == after_s
    assert f"HTTP {status}" in found.why


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "invalid_api_key", "OPENAI_API_KEY is a key of the project"),
        (403, None, "OPENAI_API_KEY is a key of the project"),
        (400, "unknown_parameter", "see https://platform.openai.com/docs/api-reference/realtime-calls"),
    ],
)
def test_a_refusal_says_what_came_back_and_what_to_do(status: int, code: str | None, advice: str) -> None:
    """
    Status, code and words of the error are quoted; an error without a code is called by its type.
    """
    found = judged(status, error(code))
    assert isinstance(found, Refused)
    assert found.code == (code or "invalid_request_error")
    assert f"HTTP {status}, error {found.code}, 'So what'" in found.why
    assert advice in found.why


@given(st.integers(100, 599), BODIES, st.text(max_size=12))
def test_any_answer_has_one_outcome(status: int, body: bytes, retry_after: str) -> None:
    """
    Only 2xx is done, only 404 is gone, only 429 and 5xx are asked again, and no message grows without bound.
    """
    match outcome(ACCEPT, RestAnswer(status, body, retry_after)):
        case Done():
            assert status // 100 == 2
        case Gone():
            assert status == 404
        case Retry(after_s, why):
            assert status == 429 or status // 100 == 5
            assert after_s >= 0
            assert len(why) < 3000
        case Refused(_, why):
            assert status != 429
            assert status // 100 != 5
            assert len(why) < 3000


def test_neither_key_nor_session_is_shown() -> None:
    """
    What holds them, and what is said of an answer, tells of neither.
    """
    shown = f"{CALLS!r} {ACCEPT!r} {judged(401, error('invalid_api_key'))!r}"
    assert KEY not in shown
    assert "Be brief" not in shown
    assert CALL_ID in shown
