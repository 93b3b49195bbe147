"""What lines say about calls that come by SIP, and how they turn calls away."""

import re
from pathlib import Path

import pytest

from gateway.lines import Line, Lines
from tests.test_lines import HEAD, answering, load_one, refusal


def test_a_line_may_answer_a_user() -> None:
    """
    A trunk may dial a project where others dial a number; any name stands for itself, and `*` for all others.
    """
    project, number, rest = (
        Line(line=name, numbers=(numbers,))
        for name, numbers in {"project": "sip:proj_1", "number": "+15550199", "rest": "*"}.items()
    )
    lines = Lines([rest, number, project])
    assert answering(lines, "proj_1") == "project"
    assert answering(lines, "proj_2", "+15550199", "proj_1") == "number"
    assert answering(lines, "proj_2") == "rest"
    assert answering(Lines([number]), "proj_2", "+15550198") is None


def test_the_first_name_that_a_line_has_counts() -> None:
    """
    And `*` only when no line has any of them.
    """
    first, second = (Line(line=name, numbers=(f"+1555010{digit}",)) for name, digit in (("first", 1), ("second", 2)))
    lines = Lines([second, first])
    assert answering(lines, "+15550101", "+15550102") == "first"
    assert answering(lines, "+15550102", "+15550101") == "second"


@pytest.mark.parametrize(
    ("written", "status"),
    [("busy", 486), ("declined", 603), ("unavailable", 480), ('"busy"', 486), ("404", 404), ("699", 699)],
)
def test_a_line_may_turn_callers_away(written: str, status: int, tmp_path: Path) -> None:
    """
    By a word or by a number of SIP's.
    """
    assert load_one(tmp_path, f"{HEAD}reject: {written}\n").reject == status


def test_a_call_is_not_followed_for_ever(tmp_path: Path) -> None:
    """
    A line says when one of which nothing is heard, or that lasts too long, is ended.
    """
    sip = load_one(tmp_path, f"{HEAD}sip:\n  silent_s: 30\n  longest_s: 60\n").sip
    assert (sip.silent_s, sip.longest_s) == (30, 60)
    assert (load_one(tmp_path, HEAD).sip.silent_s, load_one(tmp_path, HEAD).sip.longest_s) == (600, 7_200)


BROKEN = {
    "host": ("line: a\nnumbers: sip:proj_1@api.example.com\n", "2:10: numbers.*host is not looked at"),
    "no user": ("line: a\nnumbers: 'sip:'\n", "2:10: numbers.*the user alone"),
    "no word": (f"{HEAD}reject: away\n", "3:9: reject: `away` is no way .*busy, declined, unavailable or a SIP status"),
    "no refusal": (f"{HEAD}reject: 200\n", "3:9: reject: `200` is no way"),
    "in quotes": (f"{HEAD}reject: '486'\n", "3:9: reject: .*without quotes"),
    "switch": (f"{HEAD}reject: true\n", "3:9: reject: "),
    "too short": (f"{HEAD}sip: {{silent_s: 29}}\n", "3:17: sip.silent_s: 29 is less than 30"),
    "unknown": (f"{HEAD}sip: {{silence_s: 30}}\n", "3:7: sip.silence_s: is an unknown key; did you mean `silent_s`"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_a_refusal_points_at_the_place(content: str, said: str, tmp_path: Path) -> None:
    """
    And says what to write.
    """
    found = str(refusal(tmp_path, x=content)[0]).split("x.yaml:", 1)[1]
    assert re.match(said, found), found
