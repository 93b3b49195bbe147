"""
What one call costs, while it goes on.

Looks on at a call and adds up what its responses and the transcriptions of its caller used, cancelled responses
included, as the server counts it. The total is known as long as every part of it is: what has no price, or was not
counted by kind, makes it unknown for good.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.call import Command, Event
from gateway.prices import PriceTable, Usage, response_usage, transcription_usage
from gateway.prices.usage import KINDS
from gateway.protocol.events import CallerTranscript, ResponseDone

TRANSCRIPTION = "transcription"
TOKEN_KINDS = (*("_".join(kind) for kind in KINDS), TRANSCRIPTION)
"""As metrics name them; a transcription's tokens have prices of their own, and so a kind."""

Spent = Callable[[Mapping[str, int], Decimal | None], None]
"""Told of the tokens that were used, by kind, and of what they cost, if that is known."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        """
        The amount as it is logged.

        >>> str(Cost(Decimal("0.01907520"), "USD"))
        '0.0191 USD'
        """
        return f"{self.amount:.4f} {self.currency}"

    def as_dict(self) -> dict[str, object]:
        """
        The amount as it is written in JSON, to the last digit.

        >>> Cost(Decimal("0.01907520"), "USD").as_dict()
        {'amount': '0.0190752', 'currency': 'USD'}
        """
        return {"amount": f"{self.amount.normalize():f}", "currency": self.currency}


@dataclass(frozen=True, slots=True)
class Budget:
    """What one call may cost."""

    most: Decimal
    passed: Callable[[], object]
    """Told once, when it has cost that much."""


class CallCost:
    """Adds up the cost of one call."""

    def __init__(
        self,
        prices: PriceTable | None,
        *,
        model: str,
        transcription_model: str | None,
        spent: Spent | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Without *prices* nothing is known but the tokens, and no budget is ever spent."""
        self._prices = prices
        self._model = model
        self._transcription_model = transcription_model
        self._spent = spent
        self._budget = budget
        self._amount = Decimal(0)
        self._told = False
        self._known = prices is not None

    @property
    def total(self) -> Cost | None:
        """What the call has cost so far; None when that is not known."""
        if self._prices is None or not (self._known and self._told):
            return None
        return Cost(self._amount, self._prices.currency)

    def event(self, event: Event) -> None:
        """Count what was used."""
        match event:
            case ResponseDone(usage=found) if found:
                used = response_usage(found)
                self._use(self._model, used, _by_kind(used))
            case CallerTranscript(usage=found) if found:
                used = transcription_usage(found)
                tokens = sum(used.tokens.values()) if used else 0
                self._use(self._transcription_model or "", used, {TRANSCRIPTION: tokens})

    def command(self, command: Command) -> None:
        """Commands cost nothing."""

    def _use(self, model: str, used: Usage | None, tokens: Mapping[str, int]) -> None:
        self._told = True
        cost = self._prices.cost(model, used) if self._prices else None
        if cost is None:
            self._known = False
        else:
            self._amount += cost
        if self._spent:
            self._spent(tokens, cost)
        self._check_budget()

    def _check_budget(self) -> None:
        """What is known to be spent counts, even where more may have been."""
        budget = self._budget
        if budget is not None and self._amount >= budget.most:
            self._budget = None
            budget.passed()


def _by_kind(used: Usage | None) -> dict[str, int]:
    return {"_".join(kind): count for kind, count in used.tokens.items()} if used else {}
