"""What a server counts is counted once here, however oddly it counts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices import Usage, response_usage, transcription_usage
from gateway.prices.usage import KINDS
from gateway.protocol.model.usage import read_usage

DOCUMENTED: dict[str, Any] = {
    "total_tokens": 1000,
    "input_tokens": 800,
    "output_tokens": 200,
    "input_token_details": {
        "text_tokens": 500,
        "audio_tokens": 300,
        "image_tokens": 0,
        "cached_tokens": 448,
        "cached_tokens_details": {"text_tokens": 384, "audio_tokens": 64, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 40, "audio_tokens": 160},
}
COUNTS = st.integers(0, 10**6)
MESS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=4),
    lambda within: st.dictionaries(
        st.sampled_from(
            [
                "input_tokens",
                "output_tokens",
                "total_tokens",
                "input_token_details",
                "output_token_details",
                "cached_tokens",
                "cached_tokens_details",
                "text_tokens",
                "audio_tokens",
                "image_tokens",
                "type",
                "seconds",
            ]
        ),
        within,
    ),
)


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    """A response's usage that adds up, with part of the input cached."""
    text, audio, image = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    cached = [draw(st.integers(0, count)) for count in (text, audio, image)]
    text_out, audio_out = draw(COUNTS), draw(COUNTS)
    return {
        "input_tokens": text + audio + image,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": image,
            "cached_tokens": sum(cached),
            "cached_tokens_details": dict(zip(("text_tokens", "audio_tokens", "image_tokens"), cached, strict=True)),
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def counted(found: dict[str, Any]) -> dict[str, int]:
    """What a response used, by kind."""
    used = response_usage(found)
    assert used is not None
    return {"_".join(kind): count for kind, count in used.tokens.items()}


def without(found: dict[str, Any], *path: str) -> dict[str, Any]:
    """A usage that lacks one of its parts."""
    first, *rest = path
    kept = {name: value for name, value in found.items() if name != first}
    return {**kept, first: without(found[first], *rest)} if rest else kept


def test_cached_tokens_are_no_part_of_what_is_paid_in_full() -> None:
    """
    The documented usage, kind by kind.
    """
    assert counted(DOCUMENTED) == {
        "text_input": 116,
        "text_cached_input": 384,
        "audio_input": 236,
        "audio_cached_input": 64,
        "text_output": 40,
        "audio_output": 160,
    }


def test_cached_tokens_of_no_kind_are_text_as_far_as_there_is_text() -> None:
    """
    The rest of them is speech.
    """
    found = without(DOCUMENTED, "input_token_details", "cached_tokens_details")
    assert counted(found)["text_cached_input"] == 448
    found["input_token_details"]["cached_tokens"] = 600
    assert counted(found)["text_cached_input"] == 500
    assert counted(found)["audio_cached_input"] == 100


def test_what_is_not_said_to_be_anything_else_is_text() -> None:
    """
    The thoughts of a model, for one: in its output, and neither words nor speech.
    """
    assert counted({**DOCUMENTED, "output_tokens": 250, "input_tokens": 810}) == {
        **counted(DOCUMENTED),
        "text_input": 126,
        "text_output": 90,
    }


@pytest.mark.parametrize("part", ["input_token_details", "output_token_details"])
def test_what_is_not_told_by_kind_is_not_guessed(part: str) -> None:
    """
    Speech costs many times what words do.
    """
    assert response_usage(without(DOCUMENTED, part)) is None


@pytest.mark.parametrize("found", [{}, {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": "many"}])
def test_nothing_is_nothing(found: dict[str, object]) -> None:
    """
    A response that was broken off before it began uses no tokens.
    """
    assert response_usage(found) == Usage()


@given(usages())
def test_every_token_is_counted_once(found: dict[str, Any]) -> None:
    """
    The kinds add up to what was read and made, and none is more than there was.
    """
    counts = counted(found)
    assert sum(counts.values()) == found["input_tokens"] + found["output_tokens"]
    for modality in ("text", "audio", "image"):
        told = found["input_token_details"][f"{modality}_tokens"]
        assert counts.get(f"{modality}_input", 0) + counts.get(f"{modality}_cached_input", 0) == told


@given(usages())
def test_an_event_counts_as_what_it_was_read_from(found: dict[str, Any]) -> None:
    """
    With a phone and without one.
    """
    event = read_usage(found)
    assert event is not None
    assert response_usage(event) == response_usage(found)


@given(MESS.filter(lambda found: isinstance(found, dict)))
def test_no_mess_is_counted_below_zero(found: dict[str, Any]) -> None:
    """
    Nor does it break anything, nor make a kind that there is not.
    """
    for used in (response_usage(found), transcription_usage(found)):
        if used is not None:
            assert set(used.tokens) <= set(KINDS)
            assert all(count > 0 for count in used.tokens.values())
            assert used.seconds >= 0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"type": "duration", "seconds": 3.4}, Usage(seconds=Decimal("3.4"))),
        ({"type": "duration", "seconds": 2}, Usage(seconds=Decimal(2))),
        (
            {
                "type": "tokens",
                "input_tokens": 40,
                "output_tokens": 9,
                "input_token_details": {"text_tokens": 10, "audio_tokens": 30},
            },
            Usage({("text", "input"): 10, ("audio", "input"): 30, ("text", "output"): 9}),
        ),
        (
            {"type": "tokens", "input_tokens": 40, "output_tokens": 9},
            Usage({("audio", "input"): 40, ("text", "output"): 9}),
        ),
        ({"type": "duration"}, None),
        ({"type": "duration", "seconds": float("nan")}, None),
        ({"type": "duration", "seconds": float("inf")}, None),
        ({"type": "duration", "seconds": True}, None),
        ({"type": "goodwill"}, None),
    ],
)
def test_a_transcription_is_counted_by_time_or_by_tokens(found: dict[str, object], expected: Usage | None) -> None:
    """
    As its model is paid; what it reads is speech unless the server says otherwise, what it makes is text.
    """
    assert transcription_usage(found) == expected
