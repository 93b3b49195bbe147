"""What is wrong with a tool is found out before anybody calls."""

import pytest

from gateway.errors import ConfigError
from gateway.lines.problems import LinesError
from gateway.tools.http_client import HttpClient
from tests.tools.services import (
    spec_of,
    tool_of,
)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_nothing_is_sent_twice_that_would_be_done_twice(method: str) -> None:
    """
    A line that asks for it is refused, unless the service knows a request that comes again.
    """
    written = f"url: https://h.example/\nmethod: {method}\nretries: 1\n"
    with pytest.raises(LinesError, match=f"retries: would {method} twice"):
        spec_of(written)
    assert spec_of(written + "idempotency_key: true\n").retries == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "book_table: auth.bearer: ${KEY} is not set; set KEY in the environment of the gateway"),
        ({"KEY": " "}, "book_table: auth.bearer: ${KEY} is empty"),
        ({"KEY": "hush\nX: y"}, "book_table: auth.bearer: ${KEY} has a line break or a control character in it"),
    ],
)
def test_a_secret_that_is_missing_is_found_out_before_a_call(environment: dict[str, str], said: str) -> None:
    """
    The message says which one, where it is wanted and what to do, and never what it is.
    """
    with pytest.raises(ConfigError) as caught:
        tool_of('url: https://h.example\nauth: {bearer: "${KEY}"}\n', HttpClient(), **environment)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("url: https://h.example/{{dya}}", "book_table: url: {{dya}} has no value here; known are"),
        (
            "url: https://h.example/\nheaders: {X-A: '{{calller}}'}",
            "headers.X-A: {{calller}} has no value here; did you",
        ),
        ("url: https://h.example/\nmethod: POST\nbody: [{a: '{{x}}'}]", "book_table: body: {{x}} has no value here"),
        ("url: https://h.example/\nparameters: {caller: string}", "parameters.caller: `caller` is known of every call"),
        ("url: http://10.0.0.1/", "url: 10.0.0.1 is not a public address"),
        ("url: http://169.254.169.254/\nallow_private: 169.254.0.0/16", "is where a cloud hands out credentials"),
        ("url: https://h.example/\nauth: {bearer: file:/no/such/file}", "file:/no/such/file cannot be read: No such"),
    ],
)
def test_what_cannot_work_is_found_out_before_a_call(written: str, said: str) -> None:
    """
    A gap that nothing fills, a parameter that would pass for what is known of the call, an address out of reach.
    """
    with pytest.raises(ConfigError) as caught:
        tool_of(written + "\n", HttpClient())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("url: https://{{a}}.example.com/\nparameters: {a: string}", "4:6: url: leaves the host open; name the hosts"),
        ("url: https://u:p@h.example/", "4:6: url: a URL with a password was found"),
        ("url: https://h.example/a/../b", "4:6: url: has . or .. in its path"),
        ("url: https://2130706433/", "4:6: url: has a host that is a number"),
        ("url: https://h.example/\nauth: {bearer: hush-hush}", "5:16: auth.bearer: says no place to find a secret at"),
        ("url: https://h.example/\nauth: {}", "5:7: auth: has no ways to say who asks"),
        ("url: http://h.example/\nauth: {bearer: file:/x}", "4:6: url: would carry secrets that everybody"),
        ("url: https://h.example/\nheaders: {X-Api-Key: hush}", "5:22: headers.X-Api-Key: holds a secret by its name"),
        ("url: https://h.example/\nheaders: {Host: evil}", "5:17: headers.Host: Host is set by the gateway"),
        ("url: https://h.example/\nbody: {a: 1}", "5:7: body: does not go with GET"),
        ("url: https://h.example/\nmethod: POST\nbody: text", "6:7: body: is text; say what it is in `headers`"),
        (
            "url: https://h.example/\nmethod: POST\nheaders: {Content-Type: text/xml}\nbody: {a: 1}",
            "7:7: body: has keys, which only JSON and forms have",
        ),
        (
            'url: https://h.example/\nmethod: PUT\nheaders: {Content-Type: text/json}\nbody: \'{"a": "{{a}}"}\'',
            "7:7: body: is not JSON",
        ),
        (
            "url: https://h.example/\nresponse: {jmespath: 'a['}",
            "5:22: response.jmespath: `a[` is no JMESPath; look at",
        ),
        ("url: https://h.example/\nresponse: {jmespath: soort(a)}", "no function `soort`; did you mean `sort`?"),
        ("url: https://h.example/\nparameters: {a: int}", "5:17: parameters.a: `int` is not known here"),
        (
            "url: https://h.example/\nallow_private: 0.0.0.0/0",
            "5:16: allow_private: `0.0.0.0/0` is more than a network",
        ),
    ],
)
def test_what_is_wrong_is_shown_where_it_is(written: str, said: str) -> None:
    """
    Every mistake has its place in the file, what was found, and what to do.
    """
    with pytest.raises(LinesError) as caught:
        spec_of(written + "\n")
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
