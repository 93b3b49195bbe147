"""Where a line lets its agent pass callers on to."""

import re
from pathlib import Path

import pytest

from gateway.lines import Destination
from tests.test_lines import HEAD, load_one, refusal


def test_a_line_says_where_its_calls_may_go(tmp_path: Path) -> None:
    """
    By a number, by an address, or by all that there is to say; a number is addressed as SIP does it.
    """
    content = (
        f"{HEAD}transfer:\n  kitchen: +15550155\n  bar: sip:bar@pbx.example.com\n  office:\n"
        "    to: sip:office@pbx.example.com;transport=tls\n    when: The caller wants the manager.\n"
        "    say: One moment.\n    timeout_s: 40\n    caller_id: +15550199\n"
    )
    assert load_one(tmp_path, content).transfer == {
        "kitchen": Destination(to="tel:+15550155"),
        "bar": Destination(to="sip:bar@pbx.example.com"),
        "office": Destination(
            to="sip:office@pbx.example.com;transport=tls",
            when="The caller wants the manager.",
            say="One moment.",
            timeout_s=40,
            caller_id="+15550199",
        ),
    }
    assert load_one(tmp_path, HEAD).transfer == {}
    assert Destination(to="tel:+15550155").timeout_s == 25


BROKEN = {
    "nowhere": ("transfer: {a: kitchen}", "3:15: transfer.a.*: `kitchen` cannot be called"),
    "web": ("transfer: {a: {to: 'http://a'}}", "3:20: transfer.a.to: `http://a` cannot be called"),
    "two numbers": ("transfer: {a: '+15550155,+19005550100'}", "3:15: transfer.a.*cannot be called"),
    "nobody": ("transfer: {a: {say: Bye.}}", "3:15: transfer.a.to: is missing"),
    "name": ("transfer: {A b: +15550155}", "3:17: transfer.A b.*: `A b` is not a destination id"),
    "twice": ("transfer: {a: +15550155, a: +15550156}", "3:26: transfer.a"),
    "impatient": ("transfer: {a: {to: +15550155, timeout_s: 4}}", "3:42: transfer.a.timeout_s: 4 is less than 5"),
    "nameless": ("transfer: {a: {to: +15550155, caller_id: me}}", "3:42: transfer.a.caller_id: `me` is no number"),
    "unknown": ("transfer: {a: {to: +15550155, ring_s: 4}}", "3:31: transfer.a.ring_s: is an unknown key"),
    "list": ("transfer: [+15550155]", "3:11: transfer: "),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_a_refusal_points_at_the_place(content: str, said: str, tmp_path: Path) -> None:
    """
    And says what to write.
    """
    found = str(refusal(tmp_path, x=f"{HEAD}{content}\n")[0]).split("x.yaml:", 1)[1]
    assert re.match(said, found), found
