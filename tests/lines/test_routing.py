"""Laws of who answers: claims from the narrowest to the widest, conditions in order, and a reason for each."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lines import Line, Lines, LinesError, Ring, Routed, When, route
from gateway.lines.numbers import fits
from tests.lines.folder import HEAD, read

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def line(name: str, *numbers: str, **keys: Any) -> Line:
    """A line that was made in code."""
    return Line(line=name, numbers=numbers, **keys)


def ring(*called: str, caller: str = "+15550100", **details: Any) -> Ring:
    """A call that rings at noon."""
    return Ring(**{"called": called, "caller": caller, "at": NOON, **details})


def answering(lines: Lines, rings: Ring) -> str | None:
    """The id of the line that answers."""
    found = route(lines, rings).line
    return found.line if found else None


def when(**conditions: Any) -> tuple[When, ...]:
    """One mapping of conditions."""
    return (When(**conditions),)


EVER = when(caller=["+1*"])
NEVER = when(caller=["anonymous"])


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("+4930", "exact"),
        ("+493012", "berlin"),
        ("+4989", "germany"),
        ("+1555", "numbers"),
        ("desk", "desk"),
        ("des", "users"),
        ("1001", "users"),
        ("", "rest"),
    ],
)
def test_the_narrowest_claim_goes_first(called: str, expected: str) -> None:
    """
    The very number, then patterns, the longest first, then everybody's line; users and numbers are two worlds.
    """
    claims = {
        "rest": "*",
        "numbers": "+*",
        "germany": "+49*",
        "berlin": "+4930*",
        "exact": "+4930",
        "users": "sip:*",
        "desk": "sip:desk",
    }
    lines = Lines(line(name, claim) for name, claim in claims.items())
    assert answering(lines, ring(called)) == expected


def test_of_one_claim_conditions_are_asked_in_order() -> None:
    """
    Those with conditions come first, in the order of their files; where none holds the one without answers.
    """
    lines = Lines(
        [line("open", "+1555"), line("never", "+1555", when=NEVER), line("a", "+1555", when=EVER), line("b", "*")]
    )
    routed = route(lines, ring("+1555"))
    assert routed.line
    assert [(step.line, step.holds) for step in routed.steps] == [("never", False), ("a", True)]
    assert answering(lines, ring("+1555", caller="+4930")) == "open"


def test_where_no_condition_holds_the_next_claim_is_looked_at() -> None:
    """
    Down to everybody's line, and to nobody.
    """
    lines = Lines([line("a", "+1555", when=NEVER), line("b", "+15*", when=NEVER), line("c", "*", when=EVER)])
    assert answering(lines, ring("+1555")) == "c"
    assert answering(lines, ring("+1555", caller="+4930")) is None
    assert len(route(lines, ring("+1555", caller="+4930")).steps) == 3


def test_the_first_number_goes_before_the_others_of_the_same_width() -> None:
    """
    An exact claim on the second goes before a pattern on the first.
    """
    lines = Lines([line("first", "+15550101"), line("second", "+15550102"), line("pattern", "+1555*")])
    assert answering(lines, ring("+15550101", "+15550102")) == "first"
    assert answering(lines, ring("+15550102", "+15550101")) == "second"
    assert answering(lines, ring("+15550103", "+15550102")) == "second"
    assert answering(lines, ring("proj_1", "+15550104")) == "pattern"


def test_a_line_may_be_for_one_provider() -> None:
    """
    Where it is not asked who brings the call, that condition holds.
    """
    lines = Lines([line("sip", "*", provider="sip"), line("all", "*")])
    assert [answering(lines, ring("+1555", provider=by)) for by in ("sip", "twilio", None)] == ["sip", "all", "sip"]


CONDITIONS: dict[str, tuple[dict[str, Any], Ring, bool]] = {
    "a number": ({"caller": ["+15550100"]}, ring(), True),
    "another number": ({"caller": ["+15550101"]}, ring(), False),
    "one of several": ({"caller": ["+49*", "+1555*"]}, ring(), True),
    "prefix": ({"caller": ["+49*"]}, ring(caller="+4930"), True),
    "user": ({"caller": ["sip:ann"]}, ring(caller="ann"), True),
    "anonymous": ({"caller": ["anonymous"]}, ring(caller="Anonymous"), True),
    "anonymous by keypad": ({"caller": ["anonymous"]}, ring(caller="+266696687"), True),
    "nobody": ({"caller": ["anonymous"]}, ring(caller=""), True),
    "anonymous is no user": ({"caller": ["sip:*"]}, ring(caller=""), False),
    "not among": ({"not_caller": ["+49*"]}, ring(), True),
    "among": ({"not_caller": ["+49*", "+1*"]}, ring(), False),
    "vouched": ({"stir": "B"}, ring(stir="A"), True),
    "vouched as wanted": ({"stir": "B"}, ring(stir="B"), True),
    "vouched too little": ({"stir": "B"}, ring(stir="C"), False),
    "not vouched": ({"stir": "C"}, ring(), False),
    "header": ({"headers": {"x-account": ["gold"]}}, ring(headers=(("X-Account", "gold"),)), True),
    "header with another value": ({"headers": {"X-A": ["gold"]}}, ring(headers=(("X-A", "Gold"),)), False),
    "header pattern": ({"headers": {"X-A": ["go*"]}}, ring(headers=(("X-A", "gold"),)), True),
    "header of several values": ({"headers": {"X-A": ["b"]}}, ring(headers=(("X-A", "a"), ("x-a", "b"))), True),
    "no header": ({"headers": {"X-A": ["*"]}}, ring(), False),
    "both": ({"caller": ["+1*"], "stir": "A"}, ring(stir="A"), True),
    "one of both": ({"caller": ["+1*"], "stir": "A"}, ring(), False),
}


@pytest.mark.parametrize(("conditions", "rings", "holds"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_holds_or_does_not(conditions: dict[str, Any], rings: Ring, holds: bool) -> None:
    """
    All of one mapping must; and a reason is told either way.
    """
    lines = Lines([line("a", "+1555", when=when(**conditions))])
    (step,) = route(lines, Ring(**{**_fields(rings), "called": ("+1555",)})).steps
    assert step.holds is holds
    assert step.why


def _fields(rings: Ring) -> dict[str, Any]:
    return {name: getattr(rings, name) for name in Ring.__slots__}


def test_one_of_several_mappings_is_enough() -> None:
    """
    Of those that fail each says what failed first.
    """
    conditions = (When(caller=("+49*",)), When(stir="A"))
    lines = Lines([line("a", "*", when=conditions)])
    assert answering(lines, ring("+1555", stir="A")) == "a"
    (step,) = route(lines, ring("+1555")).steps
    assert step.why.split("; and ") == [
        "the caller is +15550100, and not +49*",
        "the caller's number is not vouched for, and A or better is wanted",
    ]


def test_files_with_the_same_number_are_told_apart_by_conditions(tmp_path: Path) -> None:
    """
    In the order of their names; a second one without conditions is refused where it claims the number again.
    """
    conditional = "numbers: +15550199\nwhen: {caller: +49*}\n"
    lines = read(tmp_path, b=f"line: b\n{conditional}", a=f"line: a\n{conditional}", c="line: c\nnumbers: +15550199\n")
    assert answering(lines, ring("+15550199", caller="+4930")) == "a"
    assert answering(lines, ring("+15550199")) == "c"
    with pytest.raises(LinesError, match=r"d\.yaml:2:10: numbers: .* is taken already, at .*c\.yaml:2; .*when"):
        read(tmp_path, d="line: d\nnumbers: +15550199\n")


CLAIMS = st.sampled_from(["*", "+*", "+1*", "+15*", "+155", "+156", "sip:*", "sip:a*", "sip:ab"])
NAMES = st.sampled_from(["+155", "+156", "+15", "+2", "ab", "ac", "b", ""])
SPECS = st.lists(st.tuples(CLAIMS, st.sampled_from(["ever", "never", "none"])), max_size=8)


def made(specs: list[tuple[str, str]]) -> list[Line]:
    """Lines of which no two claim the same without conditions."""
    kept = {(claim, index if kind != "none" else -1): kind for index, (claim, kind) in enumerate(specs)}
    conditions = {"ever": EVER, "never": NEVER, "none": None}
    return [line(f"l{n}", claim, when=conditions[kind]) for n, ((claim, _), kind) in enumerate(kept.items())]


def by_the_book(lines: list[Line], name: str) -> str | None:
    """Who answers one number, by the three rules and nothing else."""

    def width(line: Line) -> tuple[int, bool]:
        (claim,) = line.numbers
        return -99 if not claim.endswith("*") else -len(claim) if claim != "*" else 0, line.when is None

    fitting = sorted((line for line in lines if fits(line.numbers[0], name)), key=width)
    return next((line.line for line in fitting if line.when != NEVER), None)


@given(specs=SPECS, name=NAMES)
def test_routing_is_what_the_book_says(specs: list[tuple[str, str]], name: str) -> None:
    """
    The first match wins, and a wider claim only when no narrower one has one.
    """
    lines = made(specs)
    assert answering(Lines(lines), ring(name)) == by_the_book(lines, name)


@given(specs=SPECS, name=NAMES, data=st.data())
def test_the_order_of_lines_matters_only_among_conditions(
    specs: list[tuple[str, str]], name: str, data: st.DataObject
) -> None:
    """
    Shuffling the lines without conditions changes nothing.
    """
    lines = made(specs)
    plain = data.draw(st.permutations([line for line in lines if line.when is None]))
    shuffled = [*plain, *(line for line in lines if line.when is not None)]
    assert answering(Lines(shuffled), ring(name)) == answering(Lines(lines), ring(name))


@given(specs=SPECS, names=st.lists(NAMES, min_size=1, max_size=3))
def test_every_step_is_told_once(specs: list[tuple[str, str]], names: list[str]) -> None:
    """
    All steps but the last fail, the last is who answers, and no line is looked at twice for the same claim.
    """
    routed: Routed = route(Lines(made(specs)), ring(*names))
    assert [step.holds for step in routed.steps[:-1]] == [False] * (len(routed.steps) - 1 if routed.steps else 0)
    assert len({(step.line, step.claim) for step in routed.steps}) == len(routed.steps)
    if routed.line:
        assert (routed.steps[-1].line, routed.steps[-1].holds) == (routed.line.line, True)


def test_the_head_of_the_examples_is_a_line(tmp_path: Path) -> None:
    """
    What other tests build upon answers its number.
    """
    assert answering(read(tmp_path, x=HEAD), ring("+15550199")) == "a"
