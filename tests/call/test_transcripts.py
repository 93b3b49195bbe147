"""What the agent says in words, and where in them the caller stopped listening."""

import pytest

from gateway.call.commands import NoteResumed
from gateway.playback.heard_text import HeardText
from gateway.protocol.events import ResponseDone, TranscriptDelta, TranscriptDone
from tests.call.phone import Phone
from tests.call.script import Script, completed, on_the_phone, said, says
from tests.call.turns import COUGH, WORDS, hears, listening, speaks

TEXT = "Thank you for waiting, I have found the booking for Friday."
NOTHING = HeardText("", "", 0.0)


def writes(text: str = TEXT, item_id: str = "item_1", *, content_index: int = 0) -> TranscriptDelta:
    """The model says what it is about to say."""
    return TranscriptDelta("resp_1", item_id, text, content_index)


def speaking(length_ms: int = 3_000) -> Script:
    """An agent that has said a sentence to the caller's phone."""
    script = on_the_phone() >> writes() << None >> says("item_1", length_ms) << ...
    return script >> said("item_1") << ... >> completed() << ...


def test_nothing_was_heard_of_what_was_not_played() -> None:
    """
    Text runs ahead of its audio, and may come without any.
    """
    script = on_the_phone()
    assert script.call.heard_text("item_1", 0) == NOTHING
    script >> writes("Thank ") << None >> writes("you.") << None
    assert script.call.heard_text("item_1", 0) == HeardText("", "Thank you.", 0.0)


@pytest.mark.parametrize("heard_ms", range(0, 3_001, 300))
def test_the_words_are_parted_where_the_caller_is(heard_ms: int) -> None:
    """
    What was heard grows with time, word by word, and both parts together are the text.
    """
    script = speaking() >> heard_ms
    before = script.call.heard_text("item_1", 0)
    after = (script >> 300 << ...).call.heard_text("item_1", 0)
    assert before.heard + before.unheard == after.heard + after.unheard == TEXT
    assert len(before.heard) <= len(after.heard)
    assert not before.heard or before.heard.endswith((" ", ".")) or before.unheard.startswith(" ")


def test_what_was_heard_whole_has_no_unheard_words() -> None:
    """
    Nor any doubt about it.
    """
    assert (speaking() >> 3_061).call.heard_text("item_1", 0) == HeardText(TEXT, "", 0.0)


def test_a_cut_leaves_the_words_where_they_were() -> None:
    """
    After the barge-in no more is heard of the item, whatever still comes of its text.
    """
    phone = Phone()
    script = listening(phone) >> writes() << None
    hears(script, phone, WORDS) << ... >> 600 << ...
    cut = script.call.heard_text("item_1", 0)
    assert cut.heard
    assert cut.unheard
    script >> writes(" For seven.") << None >> 5_000 << None
    assert script.call.heard_text("item_1", 0).heard == cut.heard


def test_words_that_go_on_after_a_cough_are_heard_whole() -> None:
    """
    The text is parted at the byte at which the agent was stopped, and taken up there.
    """
    phone = Phone()
    script = listening(phone) >> writes() << None >> said("item_1") << ... >> completed() << ...
    hears(script, phone, COUGH) << ... >> 300
    stopped = script.call.heard_text("item_1", 0)
    assert 0 < len(stopped.heard) < len(TEXT)
    script >> 200 << ...
    assert script.of(NoteResumed)
    script >> 3_000 << ...
    assert script.call.heard_text("item_1", 0) == HeardText(TEXT, "", 0.0)


def test_the_whole_transcript_takes_the_place_of_its_deltas() -> None:
    """
    The server's last word on it counts.
    """
    script = speaking() >> TranscriptDone("resp_1", "item_1", "Thanks.") << None >> 3_061 << ...
    assert script.call.heard_text("item_1", 0) == HeardText("Thanks.", "", 0.0)


def test_each_part_of_an_item_has_words_of_its_own() -> None:
    """
    So has each item.
    """
    script = on_the_phone() >> writes("One.") >> writes("Two.", content_index=1) >> writes("Three.", "item_2")
    texts = [script.call.heard_text(*key).unheard for key in [("item_1", 0), ("item_1", 1), ("item_2", 0)]]
    assert texts == ["One.", "Two.", "Three."]


def test_words_that_were_never_said_are_not_stretched_over_what_was() -> None:
    """
    Of a response that was cancelled, the text of the last item reaches further than its audio; it was not all heard.
    """
    script = on_the_phone() >> writes(10 * TEXT) << None >> speaks(0, 1_500) << ...
    script >> ResponseDone("resp_1", "cancelled") << ... >> 1_600 << ...
    parted = script.call.heard_text("item_1", 0)
    assert 0 < len(parted.heard) < len(TEXT)
    assert parted.heard + parted.unheard == 10 * TEXT


def test_the_items_before_a_cancelled_one_were_said_in_full() -> None:
    """
    A response is cut off in its last item only.
    """
    script = on_the_phone() >> writes() << None >> speaks(0, 1_500) << ... >> writes(TEXT, "item_2") << None
    script >> speaks(1_500, 2_000, "item_2") << ... >> ResponseDone("resp_1", "cancelled") << ... >> 2_100 << ...
    assert script.call.heard_text("item_1", 0) == HeardText(TEXT, "", 0.0)
    assert script.call.heard_text("item_2", 0).unheard
