"""Which words were heard: laws for every text and every cut, and what the order of deltas and the pace are good for."""

import unicodedata
from itertools import accumulate
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.playback.heard_text import HeardText, ItemText, Pace
from gateway.playback.speaking_time import units

BYTES_PER_MS = 8
WORDS = (
    "Well, ",
    "the ",
    "number ",
    "is ",
    "555-0199. ",
    "Café\u0301 ",
    "👩‍👩‍👧 ",
    "(or ",
    "so) ",
    "VAT ",
    "$5 ",
    "– ",
    "été. ",
)
HAN = ("你好，", "欢迎", "「来」", "到。", "東京タワー", "が", " ", "2024年")
SPACED = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30)
TEXTS = st.lists(st.sampled_from(WORDS + HAN), max_size=30).map("".join) | st.text(max_size=60)
DELTAS = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 4_000)), min_size=1, max_size=20)
AUDIO_BYTES = st.integers(0, 400_000)


def known(text: str, pace: Pace | None = None) -> ItemText:
    """An item of which all text is there."""
    item = ItemText(pace)
    item.text_done(text)
    return item


def as_it_came(deltas: list[tuple[str, int]]) -> tuple[ItemText, int]:
    """An item of text deltas, each behind so many more bytes of audio; answers with these bytes too."""
    item, received_bytes = ItemText(), 0
    for delta, audio_bytes in deltas:
        received_bytes += audio_bytes
        item.text_came(delta, received_bytes=received_bytes)
    return item, received_bytes


def cut(text: str, heard_ms: float, of_ms: float, *, complete: bool = True, pace: Pace | None = None) -> HeardText:
    """Part a text after so much of its audio."""
    heard_bytes, received_bytes = round(heard_ms * BYTES_PER_MS), round(of_ms * BYTES_PER_MS)
    return known(text, pace).split(heard_bytes, received_bytes=received_bytes, complete=complete)


# For every text and every cut


@given(TEXTS, AUDIO_BYTES, AUDIO_BYTES, st.booleans())
def test_the_two_parts_are_the_text(text: str, heard_bytes: int, received_bytes: int, complete: bool) -> None:
    """
    Whatever the text and the cut, what was heard and what was not are the text together, with an error that is a time.
    """
    parted = known(text).split(heard_bytes, received_bytes=received_bytes, complete=complete)
    assert parted.heard + parted.unheard == text
    assert 0 <= parted.error_ms < float("inf")


@given(DELTAS, st.integers(0, 80_000), st.booleans())
def test_deltas_are_parted_too(deltas: list[tuple[str, int]], heard_bytes: int, complete: bool) -> None:
    """
    An item whose text is still coming can be parted at any time.
    """
    item, received_bytes = as_it_came(deltas)
    parted = item.split(min(heard_bytes, received_bytes), received_bytes=received_bytes, complete=complete)
    assert parted.heard + parted.unheard == item.text == "".join(delta for delta, _ in deltas)


@given(SPACED, AUDIO_BYTES, AUDIO_BYTES, st.booleans())
def test_no_word_is_divided(words: list[str], heard_bytes: int, received_bytes: int, complete: bool) -> None:
    """
    Where words are set apart by spaces, the boundary is in front of a word.
    """
    parted = known("".join(words)).split(heard_bytes, received_bytes=received_bytes, complete=complete)
    assert len(parted.heard) in {0, *accumulate(map(len, words))}


@given(st.lists(st.sampled_from(HAN), max_size=20).map("".join), st.integers(1, 10_000))
def test_without_spaces_characters_keep_their_punctuation(text: str, heard_ms: int) -> None:
    """
    In a script without spaces the boundary is between characters, but never in front of a closing sign.
    """
    unheard = cut(text, heard_ms, 10_000).unheard.strip()
    assert not unheard.startswith(("，", "。", "」"))


@given(st.text(st.characters(categories=("Ll", "Lo", "Mn", "Zs")), max_size=60), st.integers(1, 9_999))
def test_marks_stay_with_their_letter(text: str, heard_ms: int) -> None:
    """
    A combining mark is heard with the letter in front of it.
    """
    parted = cut(text, heard_ms, 10_000)
    assert not parted.heard.strip() or not unicodedata.combining((parted.unheard or " ")[0])


@given(DELTAS, st.lists(st.integers(0, 90_000), min_size=2, max_size=10), st.booleans())
def test_who_listens_longer_has_not_heard_less(
    deltas: list[tuple[str, int]], moments: list[int], complete: bool
) -> None:
    """
    The heard text grows with what was played.
    """
    item, received_bytes = as_it_came(deltas)
    heard = [item.split(moment, received_bytes=received_bytes, complete=complete).heard for moment in sorted(moments)]
    assert [len(text) for text in heard] == sorted(len(text) for text in heard)


@given(TEXTS, AUDIO_BYTES, st.booleans())
@example("Text without audio.", 0, True)
def test_nothing_played_is_nothing_heard(text: str, received_bytes: int, complete: bool) -> None:
    """
    Without any audio played no text was heard, and that is certain; so text that has no audio stays unheard.
    """
    assert known(text).split(0, received_bytes=received_bytes, complete=complete) == HeardText("", text, 0.0)


@given(DELTAS, st.integers(0, 100))
def test_a_complete_item_that_was_played_out_was_heard_whole(deltas: list[tuple[str, int]], beyond_bytes: int) -> None:
    """
    Nothing is left unheard of an item that is complete and was played to its end, whenever its text came.
    """
    item, received_bytes = as_it_came([("", 8), *deltas])
    parted = item.split(received_bytes + beyond_bytes, received_bytes=received_bytes, complete=True)
    assert parted == HeardText(item.text, "", 0.0)


# By the weights


@given(SPACED, st.floats(0.5, 2.0), st.floats(0.01, 0.99))
def test_a_voice_that_keeps_to_the_weights_is_followed_to_the_word(words: list[str], pace: float, share: float) -> None:
    """
    When every word takes as long as its weight says, at whatever pace, the words past their middle are what was heard.
    """
    text = "".join(words)
    placed = list(units(text))
    length_ms = placed[-1].end_ms * pace
    heard_ms = length_ms * share
    past_middle = [unit.end_char for unit in placed if (unit.start_ms + unit.end_ms) / 2 * pace < heard_ms - 1]
    soon_past = [unit.end_char for unit in placed if (unit.start_ms + unit.end_ms) / 2 * pace < heard_ms + 1]
    assert max(past_middle, default=0) <= len(cut(text, heard_ms, length_ms).heard) <= max(soon_past, default=0)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        pytest.param("555-0199 is the number to call", "", id="digits take long"),
        pytest.param("Yes. Of course I can do that for you", "Yes. ", id="a full stop takes time"),
        pytest.param("東京 is where the train goes to", "東京 ", id="every character of Han is a syllable"),
        pytest.param(
            "Tea 🍵🍵🍵🍵🍵🍵🍵🍵🍵 is on its way to you", "Tea 🍵🍵🍵🍵🍵🍵🍵🍵🍵 is ", id="emoji are not spoken"
        ),
    ],
)
def test_what_takes_long_to_say_weighs_more(text: str, heard: str) -> None:
    """
    After a quarter of the audio more or less than a quarter of the characters was heard, by what they sound like.
    """
    assert cut(text, 1_000, 4_000).heard == heard


@pytest.mark.parametrize("piece", [" ", "!", "「", "你", "e\u0301", "A", "1,"])
def test_no_text_takes_long_to_part(piece: str) -> None:
    """
    A hundred thousand repetitions of anything are parted in a moment, so no transcript can hold up a call.
    """
    began_s = process_time()
    cut(piece * 100_000, 1_000, 2_000)
    assert process_time() - began_s < 3


def test_a_very_long_item_is_parted_near_its_middle() -> None:
    """
    Half of the audio of a text that repeats itself ten thousand times is half of the text.
    """
    text = "and so on " * 10_000
    assert len(cut(text, 3_000_000, 6_000_000).heard) == pytest.approx(len(text) / 2, rel=0.001)


# By the order of deltas


@given(DELTAS, st.integers(0, 80_000), st.booleans())
def test_that_text_came_late_can_only_make_less_of_it_heard(
    deltas: list[tuple[str, int]], heard_bytes: int, complete: bool
) -> None:
    """
    What is written is said later, so the later a text came the less of it was heard by a certain moment.
    """
    item, received_bytes = as_it_came(deltas)
    at_once = known(item.text).split(heard_bytes, received_bytes=received_bytes, complete=complete)
    assert len(item.split(heard_bytes, received_bytes=received_bytes, complete=complete).heard) <= len(at_once.heard)


def test_a_word_that_came_behind_audio_was_not_said_in_it() -> None:
    """
    When the second sentence came behind 2.4 s of audio, 2.2 s of audio were the first one, however short it looks.
    """
    first, second = "Let me see what I can do. ", "There is a table at eight."
    item = ItemText()
    item.text_came(first, received_bytes=0)
    item.text_came(second, received_bytes=2_400 * BYTES_PER_MS)
    by_order = item.split(2_200 * BYTES_PER_MS, received_bytes=3_600 * BYTES_PER_MS, complete=True)
    assert by_order.heard == first
    assert cut(first + second, 2_200, 3_600).heard == first + "There "


def test_text_that_trails_its_audio_proves_nothing() -> None:
    """
    A server that sends the transcript behind all of the audio leaves it to the weights.
    """
    text = "We are open from nine in the morning until six in the evening."
    item = ItemText()
    item.text_came(text, received_bytes=4_000 * BYTES_PER_MS)
    half = item.split(2_000 * BYTES_PER_MS, received_bytes=4_000 * BYTES_PER_MS, complete=True)
    assert half == cut(text, 2_000, 4_000)


def test_the_transcript_replaces_the_deltas() -> None:
    """
    The server's last word counts, and a delta that comes behind it does not.
    """
    item = ItemText()
    item.text_came("We are opne", received_bytes=0)
    item.text_done("We are open.")
    item.text_came(" today", received_bytes=800)
    assert item.text == "We are open."


# By the pace


@pytest.mark.parametrize("slowness", [0.7, 1.4])
def test_the_pace_of_a_voice_is_learned(slowness: float) -> None:
    """
    Once a voice has said a few sentences, items that are cut off in generation are parted at its own pace.
    """
    text = "We are open from nine in the morning until six in the evening, and on Saturdays we close at two. "
    length_ms = list(units(text))[-1].end_ms * slowness
    pace = Pace()
    for _ in range(20):
        pace.learn(text, spoken_bytes=round(length_ms * BYTES_PER_MS))
    whole = cut(text, length_ms / 2, length_ms)
    ahead = cut(text * 3, length_ms / 2, length_ms, complete=False, pace=pace)
    assert ahead.heard == whole.heard
    assert cut(text * 3, length_ms / 2, length_ms, complete=False).heard != whole.heard


def test_what_cannot_be_the_spoken_text_teaches_nothing() -> None:
    """
    Audio without text, text without audio, and a text far too short for its audio leave the pace as it was.
    """
    pace = Pace()
    for text, spoken_ms in (("", 5_000), ("Good morning to you all.", 0), ("Hm.", 30_000)):
        pace.learn(text, spoken_bytes=spoken_ms * BYTES_PER_MS)
    assert (pace.factor, pace.known_ms) == (1.0, Pace().known_ms)


def test_text_that_is_a_little_short_for_its_audio_is_spread_over_it() -> None:
    """
    Text lasts at least as long as the audio that came with it: when all text is there, half the audio is half of it.
    """
    text = "la " * 40
    expected_ms = list(units(text))[-1].end_ms
    parted = cut(text, expected_ms * 0.6, expected_ms * 1.2, complete=False)
    assert len(parted.heard) == pytest.approx(len(text) / 2, abs=3)


# How sure it is


def test_the_error_says_what_is_known() -> None:
    """
    It is largest amid a complete item, grows throughout one that was cut off, and shrinks as the voice becomes known.
    """
    text = "We are open from nine in the morning until six in the evening. "
    pace = Pace()
    pace.learn(text * 20, spoken_bytes=round(list(units(text * 20))[-1].end_ms * BYTES_PER_MS))
    whole = [cut(text, heard_ms, 4_000).error_ms for heard_ms in (200, 2_000, 3_900)]
    cut_off = [cut(text * 3, heard_ms, 4_000, complete=False).error_ms for heard_ms in (200, 2_000, 3_900)]
    known_voice = [cut(text * 3, ms, 4_000, complete=False, pace=pace).error_ms for ms in (2_000, 3_900)]
    assert whole[0] < whole[1] > whole[2]
    assert cut_off[0] < cut_off[1] < cut_off[2]
    assert all(known < unknown for known, unknown in zip(known_voice, cut_off[1:], strict=True))


def test_the_error_counts_what_a_word_that_is_not_divided_costs() -> None:
    """
    Amid a number that takes seconds to say, no boundary is near, and the error says so.
    """
    assert cut("It is 4471-9920, sir.", 1_500, 4_000).error_ms > 1_000
