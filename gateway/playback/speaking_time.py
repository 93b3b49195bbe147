"""
How long a text takes to say, by its look.

A text is cut into units that are never divided: words between spaces, and single characters in the scripts that set
none (Chinese, Japanese, Thai and their kin). What stands around a unit stays with it: punctuation, marks, spaces; so
the units put together are the text again.

A unit takes as long as its letters, digits and signs. In front of a comma or a full stop the voice slows down, and
behind it it rests. The numbers were measured with synthesisers that know the time of each of their words
(`python -m tests.bench.heard_weights`); neither syllables nor lists of short words made them better. What matters is
their ratio: how fast a voice is is learned elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LETTER_MS = 60.0
SPELLED_LETTER_MS = 155.0
"""A letter of an abbreviation in capitals, such as VAT."""
DIGIT_MS = 300.0
SIGN_MS = 480.0
"""A sign that is read as a word, such as $."""
SLOWING_MS = 140.0
COMMA_REST_MS = 145.0
STOP_REST_MS = 210.0
LEAST_MS = 1.0
"""What is not spoken, such as an emoji, still has a place."""

_LETTERS_MS = (
    (0x0590, 0x08FF, 100.0),  # Hebrew and Arabic write few vowels
    (0x0900, 0x109F, 130.0),  # from Devanagari to Thai and Burmese vowels are marks
    (0x1780, 0x17FF, 130.0),  # Khmer
    (0x3040, 0x30FF, 105.0),  # kana
    (0x3400, 0x9FFF, 250.0),  # Han
    (0xAC00, 0xD7A3, 190.0),  # Hangul
    (0xF900, 0xFAFF, 250.0),
    (0x20000, 0x3FFFF, 250.0),
)
_SIGNS = frozenset("$€£¥%&@+#=°")
_COMMAS = tuple(",;:،؛、，；：-–—")
_STOPS = tuple(".!?…।؟。！？")
_CLOSING = "\"'”’»)]}』」）】》"
_OPENING = r"“‘«([{『「（【《"
_SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNIT = re.compile(
    rf"(?:[^\w\s]*[\u0e40-\u0e44\u0ec0-\u0ec4]?[{_SPACELESS}][^\w\s{re.escape(_OPENING)}]*|[^\s{_SPACELESS}]+)\s*"
)
_ABBREVIATION = re.compile(r"\W*[^\W\d_]{2,4}\W*")


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of text that is heard whole or not at all, and when it is said, by the weights."""

    end_char: int
    """Where in the text the next unit begins."""
    start_ms: float
    end_ms: float


def units(text: str) -> Iterator[Unit]:
    """
    Cut *text* into units, each with its place in time.

    >>> [(unit.end_char, unit.start_ms, unit.end_ms) for unit in units("Hi, you")]
    [(4, 0.0, 260.0), (7, 405.0, 585.0)]
    """
    start_ms = 0.0
    for match in _UNIT.finditer(text):
        word = match[0].strip().rstrip(_CLOSING)
        slowing_ms, rest_ms = _slowing_and_rest_ms(word)
        end_ms = start_ms + max(LEAST_MS, _plain_ms(word)) + slowing_ms
        yield Unit(match.end(), start_ms, end_ms)
        start_ms = end_ms + rest_ms


def _plain_ms(word: str) -> float:
    spelled = word.isupper() and _ABBREVIATION.fullmatch(word) is not None
    return sum(SPELLED_LETTER_MS if spelled and sign.isalpha() else _sign_ms(sign) for sign in word)


def _sign_ms(sign: str) -> float:
    if sign.isdecimal():
        return DIGIT_MS
    if sign.isalpha():
        code = ord(sign)
        return next((ms for first, last, ms in _LETTERS_MS if first <= code <= last), LETTER_MS)
    return SIGN_MS if sign in _SIGNS else 0.0


def _slowing_and_rest_ms(word: str) -> tuple[float, float]:
    if word.endswith(_STOPS):
        return SLOWING_MS, STOP_REST_MS
    return (SLOWING_MS, COMMA_REST_MS) if word.endswith(_COMMAS) else (0.0, 0.0)
