"""Scalars of money: amounts that are exact, and what they are in."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from gateway.lines.scalars import Plain, shown

HIGHEST = Decimal(1_000_000)
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ADVICE = "give an amount of money like 4.00, without a sign or a currency"


def _read_amount(value: object) -> object:
    match value:
        case Decimal() if value.is_finite():
            amount = value
        case int() if not isinstance(value, bool):
            amount = Decimal(value)
        case Plain() if _AMOUNT.fullmatch(value):
            amount = Decimal(value)
        case str() if _AMOUNT.fullmatch(value):
            raise ValueError(f"{shown(value)} is in quotes, which makes it text; {_ADVICE}, without quotes")
        case _:
            raise ValueError(f"{shown(value)} is not an amount; {_ADVICE}")
    if not 0 <= amount <= HIGHEST:
        raise ValueError(f"{amount} is not from 0 to {HIGHEST}; {_ADVICE}")
    return amount


def _check_currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a currency; write its three capitals, like USD")
    return text


Amount = Annotated[Decimal, BeforeValidator(_read_amount)]
"""An amount of money, exact to the last digit."""
Currency = Annotated[str, AfterValidator(_check_currency)]
"""Three capitals, as in ISO 4217."""
