"""What an agent must not say, as line files say it."""

from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lines.guardrails import HttpCheck, Patterns, Phrases, PythonCheck
from gateway.lines.patterns import compiled, found_in
from tests.lines.folder import HEAD, read_one

ONE_OF_EACH = r"""
guardrails:
  - {type: phrases, phrases: [guaranteed return, I promise], say: I cannot promise anything.}
  - {type: patterns, name: cards, patterns: ['\b(\d{4}[ -]?){3}\d{4}\b']}
  - {type: python, function: checks:no_door_codes}
  - {type: http, url: 'https://moderation.example.com/check', auth: {bearer: '${KEY}'}}
"""


def test_a_line_has_guardrails_of_every_kind(tmp_path: Path) -> None:
    """
    Each with a name, which is its type unless the file says otherwise.
    """
    guardrails = read_one(tmp_path, HEAD + ONE_OF_EACH).guardrails
    assert [type(guardrail) for guardrail in guardrails] == [Phrases, Patterns, PythonCheck, HttpCheck]
    assert [guardrail.known_as for guardrail in guardrails] == ["phrases", "cards", "python", "http"]
    assert [guardrail.say for guardrail in guardrails] == ["I cannot promise anything.", None, None, None]


@pytest.mark.parametrize(
    ("text", "trips"),
    [
        ("I promise.", True),
        ("Well, I PROMISE you that.", True),
        ("I -- promise", True),
        ("I promised.", False),
        ("I\npromise", True),
        ("It is no guaranteed\u00a0return, madam.", True),
        ("A guarantee of return", False),
        ("promise I", False),
        ("", False),
    ],
)
def test_phrases_are_words_in_their_order(text: str, trips: bool) -> None:
    """
    Whole ones, whatever their case, and whatever is between them that is none.
    """
    assert Phrases(phrases=("guaranteed return", "I promise")).trips(text) is trips


@given(st.text(), st.text())
def test_a_phrase_is_found_wherever_it_is(before: str, after: str) -> None:
    """
    Between whatever words.
    """
    assert Phrases(phrases=("door code",)).trips(f"{before} Door code {after}")


@given(st.text("ab 1", max_size=1_500), st.text("ab 1", max_size=1_500))
def test_a_pattern_is_found_wherever_it_is(before: str, after: str) -> None:
    """
    Also in a text that is looked at window by window, at the seams too.
    """
    assert found_in(r"x\d{2}[ -]\d{2}y", f"{before}X12-34Y{after}")


def test_a_pattern_is_not_found_where_it_is_not() -> None:
    """
    A window's end is no end of a word.
    """
    assert not found_in(r"\bcode\b", "recodes " * 300)
    assert not found_in(r"^b", "ab" * 1_000)


FAST = [r"\b(\d{4}[ -]?){3}\d{4}\b", r"guarante\w*", r"(gold|silver) card", r"a{0,30}b{0,30}", "(?i)gold", r"\d+ %"]
SLOW = ["(a+)+$", "(a|aa)+b", ".*.*=", "(a{0,30}){0,30}", "(x+x+)+y", r"\w*\w*\w*!", "(a?){600}a", "(.*a){20}"]
UNBOUNDED = ["(?=x)y", r"(a)\1", "(?<!a)b", "(?P<x>a)(?P=x)"]
TEXTS = ["a" * 3_000, "ab" * 1_500, "x" * 3_000, "1234 " * 600, "gold " * 600, "aaaaaaaa!" * 333]


@pytest.mark.parametrize("pattern", FAST)
def test_what_is_taken_does_not_take_long(pattern: str) -> None:
    """
    Whatever the text.
    """
    compiled(pattern)
    before_s = process_time()
    for text in TEXTS:
        Patterns(patterns=(pattern,)).trips(text)
    assert process_time() - before_s < 0.5


@pytest.mark.parametrize("pattern", [*SLOW, *UNBOUNDED, "[", "(", "a" * 501, "a{99999999999}", "(?(1)a|b)"])
def test_what_could_take_long_is_refused(pattern: str) -> None:
    """
    Before it has ever been tried.
    """
    with pytest.raises(ValueError):
        compiled(pattern)


@given(st.text("ab.*+?{}()|[]^$\\d0129,<=!:", max_size=30))
def test_any_text_is_a_pattern_that_is_fast_or_none(text: str) -> None:
    """
    There is nothing in between.
    """
    try:
        compiled(text)
    except ValueError:
        return
    before_s = process_time()
    for sample in TEXTS[:3]:
        found_in(text, sample)
    assert process_time() - before_s < 0.5
