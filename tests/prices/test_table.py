"""What is in the table is what is paid, and what is not in it is not known."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices import ModelPrices, PriceTable, TokenPrices, Usage, response_usage, transcription_usage
from gateway.protocol.model.events import RealtimeModelUsageEvent, RealtimeUsage
from gateway.protocol.model.usage import read_usage
from tests.prices.test_usage import DOCUMENTED, usages

REALTIME = ModelPrices(
    text=TokenPrices(input=Decimal(4), cached_input=Decimal("0.4"), output=Decimal(16)),
    audio=TokenPrices(input=Decimal(32), cached_input=Decimal("0.4"), output=Decimal(64)),
    image=TokenPrices(input=Decimal(5), cached_input=Decimal("0.5")),
)
TABLE = PriceTable(
    currency="EUR",
    models={
        "gpt-realtime": REALTIME,
        "gpt-realtime-mini": ModelPrices(text=TokenPrices(input=Decimal(1))),
        "whisper-1": ModelPrices(minute=Decimal("0.006")),
        "house-*": ModelPrices(text=TokenPrices(input=Decimal(2))),
        "house-big*": ModelPrices(text=TokenPrices(input=Decimal(3))),
    },
)
A_MILLION_WORDS = Usage({("text", "input"): 1_000_000})


def cost(found: dict[str, Any], model: str = "gpt-realtime") -> Decimal:
    """What a response costs."""
    amount = TABLE.cost(model, response_usage(found))
    assert amount is not None
    return amount


def test_the_documented_usage_has_the_cost_that_paper_and_pencil_find() -> None:
    """
    116 at 4, 384 at 0.40, 236 at 32, 64 at 0.40, 40 at 16 and 160 at 64, for a million each.
    """
    assert cost(DOCUMENTED) == Decimal("0.0190752")


def test_an_event_has_a_cost_without_a_phone() -> None:
    """
    What a model tells its listeners is priced as it comes.
    """
    event = read_usage(DOCUMENTED)
    assert event is not None
    assert TABLE.cost("gpt-realtime", event) == Decimal("0.0190752")
    assert TABLE.cost("gpt-realtime", RealtimeModelUsageEvent(RealtimeUsage(8, 2, 10))) is None


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-realtime", 4),
        ("gpt-realtime-2025-08-28", 4),
        ("gpt-realtime-mini", 1),
        ("gpt-realtime-mini-2025-10-06", 1),
        ("house-small", 2),
        ("house-bigger", 3),
        ("gpt-realtime-2", None),
        ("gpt-realtime-2025-08-28-preview", None),
        ("gpt", None),
        ("", None),
    ],
)
def test_the_longest_name_that_fits_gives_the_price(model: str, price: int | None) -> None:
    """
    A dated snapshot costs what its model does; another model of the family may cost anything.
    """
    assert TABLE.cost(model, A_MILLION_WORDS) == (None if price is None else Decimal(price))


def test_what_has_no_price_is_not_free() -> None:
    """
    A single token without a price leaves the whole unknown; no tokens at all cost nothing.
    """
    assert TABLE.cost("gpt-realtime-mini", Usage({("text", "input"): 5, ("audio", "output"): 1})) is None
    assert TABLE.cost("gpt-realtime", Usage(seconds=Decimal(1))) is None
    assert TABLE.cost("whisper-1", A_MILLION_WORDS) is None
    assert TABLE.cost("gpt-realtime", None) is None
    assert TABLE.cost("gpt-realtime", Usage()) == 0


def test_without_a_price_of_its_own_what_was_cached_costs_what_the_rest_does() -> None:
    """
    There is no discount that nobody wrote down.
    """
    assert TABLE.cost("house-small", Usage({("text", "cached_input"): 1_000_000})) == 2


def test_time_is_paid_by_the_minute() -> None:
    """
    To the fraction of a second.
    """
    used = transcription_usage({"type": "duration", "seconds": 2.5})
    assert TABLE.cost("whisper-1", used) == Decimal("0.00025")


@given(st.lists(usages(), max_size=6))
def test_costs_add_up(found: list[dict[str, Any]]) -> None:
    """
    To the last digit: what a call costs does not depend on how it is cut into responses.
    """
    used = [response_usage(one) or Usage() for one in found]
    assert TABLE.cost("gpt-realtime", sum(used, Usage())) == sum(map(cost, found))


@given(usages())
def test_what_is_cached_is_never_paid_twice(found: dict[str, Any]) -> None:
    """
    A cache can only make a response cheaper, and not by more than its discount.
    """
    details = {**found["input_token_details"], "cached_tokens": 0, "cached_tokens_details": {}}
    uncached = cost({**found, "input_token_details": details})
    assert 0 <= cost(found) <= uncached
    cached = found["input_token_details"]["cached_tokens_details"]
    saved = cached["text_tokens"] * Decimal("3.6") + cached["audio_tokens"] * Decimal("31.6")
    assert (uncached - cost(found)) * 1_000_000 == saved + cached["image_tokens"] * Decimal("4.5")
