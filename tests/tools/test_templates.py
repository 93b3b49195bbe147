"""Text with gaps: what is read, what is refused, and that no value can be more than a value."""

import json
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.errors import ToolError
from gateway.lines.section import Section
from gateway.lines.templates import CALL_VARIABLES, MissingValueError, Template, template_of
from gateway.lines.tools.http_url import UrlTemplate
from tests.tools.services import spec_of

NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}(\.[a-z0-9]{1,4}){0,2}", fullmatch=True).filter(
    lambda name: not any(step[0].isdigit() and not step.isdigit() for step in name.split("."))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def nested(name: str, value: object) -> dict[str, object]:
    """Values in which *name* is found."""
    *steps, last = name.split(".")
    values: dict[str, object] = {last: value}
    for step in reversed(steps):
        values = {step: values}
    return values


@given(st.text(), st.text(), NAMES, st.text())
def test_a_gap_is_filled_and_all_else_stays(before: str, after: str, name: str, value: str) -> None:
    """
    What is around a gap is left as it was written, and what goes in is not looked at again.
    """
    assume("{{" not in before + after and not before.endswith("{"))
    template = Template.read(f"{before}{{{{{name}}}}}{after}")
    assert template.names == (name,)
    assert template.render(nested(name, value)) == f"{before}{value}{after}"
    assert Template.read(str(template)) == template


def test_a_value_brings_no_gaps() -> None:
    """
    What looks like a gap in a value is a value.
    """
    assert Template.read("{{a}}{{b}}").render({"a": "{{b}}", "b": "{{a}}"}) == "{{b}}{{a}}"


def test_a_gap_reaches_into_a_value() -> None:
    """
    Keys and places in lists are steps; space around a name is none of it.
    """
    template = Template.read("{{ room.beds.1.size }} for {{room.price}}")
    values = {"room": {"beds": [{"size": 1}, {"size": 2}], "price": 80.5}}
    assert template.render(values) == "2 for 80.5"


@pytest.mark.parametrize("values", [{}, {"a": 1}, {"a": {"c": 1}}, {"a": [1]}])
def test_a_gap_without_a_value_is_an_error(values: dict[str, object]) -> None:
    """
    Nothing is made up for what is not there.
    """
    with pytest.raises(MissingValueError, match=r"there is no a\.b"):
        Template.read("{{a.b}}").render(values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello {{caller", "in column 7 is never closed"),
        ("{{caller|upper}}", "`{{caller|upper}}` in column 1 is no gap"),
        ("One.\nTwo {{}}.", "`{{}}` in line 2, column 5, is no gap"),
        ("{{{caller}}}", "in column 1 is no gap"),
        ("{{a..b}}", "in column 1 is no gap"),
        ("{{1}} {% if x %}", "in column 1 is no gap"),
    ],
)
def test_a_broken_gap_is_shown(text: str, said: str) -> None:
    """
    It is refused when the file is read, and the message says where it is.
    """
    with pytest.raises(ValueError, match=r".") as caught:
        Template.read(text)
    assert said in str(caught.value)


def test_a_name_that_nobody_knows_is_refused() -> None:
    """
    A key of a section may say which names there are; a slip is told from what it was meant to be.
    """

    class Words(Section):
        text: Annotated[Template, template_of(CALL_VARIABLES)]

    assert Words.model_validate({"text": "Hi {{caller}}"}).text.names == ("caller",)
    for text, said in [("{{calller}}", "did you mean `caller`?"), ("{{a", "never closed"), (["a"], "a list was found")]:
        with pytest.raises(ValidationError, match="1 validation error") as caught:
            Words.model_validate({"text": text})
        assert said in caught.value.errors()[0]["msg"]


URL = UrlTemplate.read("https://api.example.com/days/{{day}}/x?guests={{guests}}&z=1")


@given(st.text() | st.integers() | st.booleans(), st.text() | st.none() | st.floats(allow_nan=False))
def test_no_value_leaves_its_place_in_an_address(day: object, guests: object) -> None:
    """
    Whatever is filled in, the request goes to the same host, the path has as many segments, and the query as many
    parts; or the value is refused.
    """
    try:
        target = URL.target({"day": day, "guests": guests})
    except ToolError:
        return
    assert (target.origin, target.path.count("/")) == ("https://api.example.com", 3)
    text = day if isinstance(day, str) else json.dumps(day)
    assert unquote(target.path.split("/")[2]) == text
    assert target.query.startswith("?guests=")
    assert target.query.endswith("&z=1")
    assert target.query.count("&") == target.query.count("=") - 1 == 1
    split = urlsplit(f"{target.origin}{target.path}{target.query}")
    assert (split.hostname, split.fragment) == ("api.example.com", "")


@pytest.mark.parametrize(
    "value",
    [
        "..",
        ".",
        "",
        None,
        "a/b",
        "a\\b",
        "..%2f..%2fadmin",
        "%2e%2e",
        "%252e%252e%252f",
        "..;x=1",
        "a\r\nb",
        "\0",
        "%00",
    ],
)
def test_what_some_server_would_take_for_a_way_up_is_refused(value: object) -> None:
    """
    However often it is decoded on its way, a value in a path is one segment, and not an empty one.
    """
    with pytest.raises(ToolError):
        URL.target({"day": value, "guests": 1})


@pytest.mark.parametrize("value", ["evil.com/", "a@b", "a:80", "a.b", "", "-a", "é", "127.0.0.1#"])
def test_a_value_in_a_host_is_one_label(value: str) -> None:
    """
    A host with a gap stays below the name that is written behind it.
    """
    url = UrlTemplate.read("https://{{region}}.example.com/")
    assert url.target({"region": "eu-1"}).origin == "https://eu-1.example.com"
    with pytest.raises(ToolError):
        url.target({"region": value})


BODY = """
url: https://h.example/
method: POST
parameters: {a: string}
body: {plain: x, n: 2, text: "2", yes: true, none: null, a: "{{a}}", said: "It is {{a}}", list: ["{{a}}", 1]}
"""


@given(JSON)
def test_a_value_keeps_its_type_in_json(value: Any) -> None:
    """
    A gap that is all of a value is the value; in a text it is text; what has no value is left out.
    """
    spec = spec_of(BODY)
    assert spec.body
    body = json.loads(spec.body.render({"a": value}, "json"))
    expected = {"plain": "x", "n": 2, "text": "2", "yes": True, "none": None, "list": [1]}
    if value is not None:
        expected |= {"a": value, "list": [value, 1]}
    assert {key: body[key] for key in expected} == expected
    assert set(body) == {*expected, "said"}
    assert body["said"].startswith("It is ")


@pytest.mark.parametrize(
    ("content_type", "text", "expected"),
    [
        ("application/json", '{"a": {{a}}}', '{"a": "\\",\\"b\\":</x>&c=1"}'),
        ("application/x-www-form-urlencoded", "a={{a}}&b=1", "a=%22%2C%22b%22%3A%3C%2Fx%3E%26c%3D1&b=1"),
        ("text/xml; charset=utf-8", "<x>{{a}}</x>", "<x>&quot;,&quot;b&quot;:&lt;/x&gt;&amp;c=1</x>"),
        ("application/soap+xml", '<x y="{{a}}"/>', '<x y="&quot;,&quot;b&quot;:&lt;/x&gt;&amp;c=1"/>'),
        ("text/plain", "{{a}}", '","b":</x>&c=1'),
    ],
)
def test_a_body_of_text_is_written_as_its_content_type_says(content_type: str, text: str, expected: str) -> None:
    """
    A value ends where its gap does in every kind of text that has an end of values.
    """
    head = "url: https://h.example/\nmethod: POST\nparameters: {a: string}\n"
    spec = spec_of(f"{head}headers: {{Content-Type: {content_type!r}}}\nbody: |-\n  {text}\n")
    assert spec.body
    assert spec.body.render({"a": '","b":</x>&c=1'}, spec.body_format).decode() == expected
