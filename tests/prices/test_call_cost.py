"""A call costs what its server says that it used."""

import json
import logging
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from gateway.costs import Budget, CallCost
from gateway.prices import PriceTable
from gateway.protocol.codec import RealtimeProtocol
from gateway.protocol.events import CallerTranscript, ResponseDone
from gateway.sim.realtime import Session
from tests.e2e.exchange import Exchange, entries, exchange, noise, saying, sound
from tests.prices.test_table import TABLE
from tests.prices.test_usage import DOCUMENTED

DONE = ResponseDone("resp_1", "completed", usage=DOCUMENTED)
CUT_OFF = ResponseDone("resp_2", "cancelled", "turn_detected", usage=DOCUMENTED)
SAID = CallerTranscript("item_1", "Hello.", {"type": "duration", "seconds": 60})
PER_RESPONSE, PER_MINUTE = Decimal("0.0190752"), Decimal("0.006")


def observed(*events: ResponseDone | CallerTranscript, model: str = "gpt-realtime", prices: Any = TABLE) -> CallCost:
    """The cost of a call in which these happened."""
    cost = CallCost(prices, model=model, transcription_model="whisper-1")
    for event in events:
        cost.event(event)
    return cost


def test_responses_and_transcriptions_are_added_up() -> None:
    """
    What was cancelled is paid like what was not.
    """
    total = observed(DONE, SAID, CUT_OFF).total
    assert total is not None
    assert (total.amount, total.currency) == (2 * PER_RESPONSE + PER_MINUTE, "EUR")
    assert str(total) == "0.0442 EUR"
    assert total.as_dict() == {"amount": "0.0441504", "currency": "EUR"}


@pytest.mark.parametrize(
    "cost",
    [
        observed(),
        observed(ResponseDone("resp_1", "failed")),
        observed(DONE, prices=None),
        observed(DONE, model="gpt-realtime-9"),
        observed(DONE, ResponseDone("resp_2", "completed", usage={"input_tokens": 5})),
        observed(DONE, CallerTranscript("item_1", "Hello.", {"type": "goodwill"})),
    ],
    ids=["silence", "uncounted", "no table", "no price", "no kinds", "no measure"],
)
def test_what_is_not_known_in_part_is_not_known(cost: CallCost) -> None:
    """
    And nothing that was told is not the same as nothing to pay.
    """
    assert cost.total is None


def test_every_use_is_told_as_it_comes() -> None:
    """
    Tokens whatever they cost, and the cost as far as it is known.
    """
    told: list[tuple[object, object]] = []
    cost = CallCost(TABLE, model="gpt-realtime", transcription_model="gpt-9", spent=lambda *spent: told.append(spent))
    words = {"type": "tokens", "input_tokens": 40, "output_tokens": 9}
    for event in (CUT_OFF, CallerTranscript("item_1", "Hello.", words)):
        cost.event(event)
    (tokens, amount), last = told
    assert isinstance(tokens, dict)
    assert (sum(tokens.values()), amount) == (1000, PER_RESPONSE)
    assert last == ({"transcription": 49}, None)


@pytest.mark.parametrize(
    ("most", "events", "after"),
    [
        (PER_RESPONSE, [DONE, DONE], 1),
        (PER_RESPONSE + Decimal("0.0000001"), [DONE, SAID, DONE], 2),
        (Decimal(1), [DONE, SAID, CUT_OFF], None),
        (PER_RESPONSE, [ResponseDone("resp_1", "completed", usage={"input_tokens": 5}), DONE], 2),
    ],
    ids=["exactly", "little more", "far away", "what is known counts"],
)
def test_a_budget_is_spent_once(
    most: Decimal, events: list[ResponseDone | CallerTranscript], after: int | None
) -> None:
    """
    As soon as it is known that so much was spent, whatever else may have been.
    """
    used: list[object] = []
    passed: list[int] = []
    budget = Budget(most, lambda: passed.append(len(used)))
    cost = CallCost(TABLE, model="gpt-realtime", transcription_model="whisper-1", budget=budget)
    for event in events:
        used.append(event)
        cost.event(event)
    assert passed == ([] if after is None else [after])


@pytest.mark.parametrize("usage", [{"type": "duration", "seconds": 1.5}, None, "much"])
def test_the_usage_of_a_transcription_is_read(usage: object) -> None:
    """
    Where there is one.
    """
    kind = "conversation.item.input_audio_transcription.completed"
    text = json.dumps({"type": kind, "item_id": "item_1", "content_index": 0, "transcript": "Hi.", "usage": usage})
    expected = CallerTranscript("item_1", "Hi.", usage if isinstance(usage, dict) else {})
    assert RealtimeProtocol().receive(text.encode()) == expected


PRICES: dict[str, dict[str, str]] = {
    "text": {"input": "4", "cached_input": "0.4", "output": "16"},
    "audio": {"input": "32", "cached_input": "0.4", "output": "64"},
}
TRANSCRIBED: dict[str, dict[str, str]] = {"text": {"input": "1.25", "output": "5"}, "audio": {"input": "3"}}


def table() -> PriceTable:
    """What the models of an ordinary call cost."""
    models = {"gpt-realtime": PRICES, "gpt-4o-mini-transcribe": TRANSCRIBED}
    exact = {
        model: {kind: {way: Decimal(price) for way, price in ways.items()} for kind, ways in kinds.items()}
        for model, kinds in models.items()
    }
    return PriceTable.model_validate({"currency": "USD", "models": exact})


def by_hand(session: Session) -> Fraction:
    """What a server's own counts come to."""
    millionths = Fraction(0)
    for event in session.sent:
        if event["type"] == "response.done":
            millionths += response_by_hand(event["response"]["usage"])
        elif event["type"].endswith("input_audio_transcription.completed"):
            assert event["usage"]["input_token_details"]["text_tokens"] == 0
            millionths += event["usage"]["input_tokens"] * 3 + event["usage"]["output_tokens"] * 5
    return millionths / 1_000_000


def response_by_hand(usage: dict[str, Any]) -> Fraction:
    """Each kind at its price."""
    read, made = usage["input_token_details"], usage["output_token_details"]
    cached = read["cached_tokens_details"]
    words, speech = read["text_tokens"] - cached["text_tokens"], read["audio_tokens"] - cached["audio_tokens"]
    return Fraction(
        Fraction(4) * words
        + Fraction(32) * speech
        + Fraction("0.4") * (cached["text_tokens"] + cached["audio_tokens"])
        + Fraction(16) * made["text_tokens"]
        + Fraction(64) * made["audio_tokens"]
    )


async def interrupted(ex: Exchange) -> tuple[dict[str, Any], Session]:
    """A call that hears its greeting, cuts in, hears an answer, and hangs up: how it ended, and with whom it spoke."""
    async with ex.call() as (phone, session):
        await phone.hears(at_least_ms=300)
        phone.say(noise(200, 1))
        await phone.cleared()
        await session.happened(
            lambda session: (
                sum(event["type"] == "response.done" for event in session.sent) == 2
                and any(event["type"].endswith("transcription.completed") for event in session.sent)
            )
        )
        await phone.hears(at_least_ms=300)
        await phone.hang_up()
    ((ended,),) = [await entries(ex, phone, "ended")]
    return ended["details"], session


async def test_a_call_costs_what_its_server_has_counted(caplog: pytest.LogCaptureFixture) -> None:
    """
    In its conversation, in the metrics and in the log: responses, the one that was cut off too, and transcriptions.
    """
    words = "I would like to book a table for four, please. " * 30
    behaviour = saying(
        (sound(3_000),),
        (sound(400, 1),),
        keep_events=True,
        speed=2,
        transcribe=lambda *_: words,
        transcription_delay_ms=5,
    )
    caplog.set_level(logging.INFO)
    async with exchange(behaviour, greeting="Hello.", instructions=words * 4, prices=table()) as ex:
        details, session = await interrupted(ex)
        counts = await ex.counts()
    statuses = [event["response"]["status"] for event in session.sent if event["type"] == "response.done"]
    assert statuses == ["cancelled", "completed"]
    expected = by_hand(session)
    assert expected > 0
    assert Fraction(details["cost"]["amount"]) == expected
    assert details["cost"]["currency"] == "USD"
    assert counts["cost_total"] == pytest.approx(float(expected))
    assert counts["tokens_total{text_cached_input}"] > 0
    assert f"cost={float(expected):.4f} USD" in caplog.text


async def test_a_call_without_a_price_has_no_cost(caplog: pytest.LogCaptureFixture) -> None:
    """
    It is left out, not zero; what was used is counted all the same.
    """
    caplog.set_level(logging.INFO)
    behaviour = saying((sound(400),), keep_events=True, transcription_delay_ms=5)
    async with exchange(behaviour, greeting="Hello.", model="gpt-realtime-9", prices=table()) as ex:
        details, _ = await interrupted(ex)
        counts = await ex.counts()
    assert "cost" not in details
    assert "cost=" not in caplog.text
    assert counts["tokens_total{audio_output}"] > 0
