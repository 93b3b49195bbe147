"""
What a model costs, by its name.

A price that is not in the table is not known, and neither is a cost that needs it: nothing is ever free for want of a
price. A model is looked up by its name; a dated snapshot by the name in front of the date, and any name by an entry
that ends in `*`. Of several entries the longest wins, so that what is said of a model goes before what is said of its
family.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import Field

from gateway.lines.file_text import read_text
from gateway.lines.money import Amount, Currency
from gateway.lines.section import Section
from gateway.lines.texts import Text
from gateway.lines.validation import validated
from gateway.lines.yaml_source import read_source
from gateway.prices.usage import Kind, Usage, Way, response_usage
from gateway.protocol.model.events import RealtimeModelUsageEvent

_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}")
_MILLION = 6
_ANY = "*"


class TokenPrices(Section):
    """What a million tokens cost."""

    input: Amount | None = None
    """Tokens that the model reads."""
    cached_input: Amount | None = None
    """Those of them that the server had in its cache; without it they cost what the others do."""
    output: Amount | None = None
    """Tokens that the model makes."""

    def of(self, way: Way) -> Decimal | None:
        """The price of a million tokens; None when it is not known."""
        match way:
            case "input":
                return self.input
            case "cached_input":
                return self.input if self.cached_input is None else self.cached_input
            case "output":
                return self.output


class ModelPrices(Section):
    """What one model costs."""

    text: TokenPrices = TokenPrices()
    """Words, instructions, tools and their outputs."""
    audio: TokenPrices = TokenPrices()
    """Speech."""
    image: TokenPrices = TokenPrices()
    """Pictures that the caller shows."""
    minute: Amount | None = None
    """A minute of speech, with a model that writes it down and is paid by time."""

    def cost(self, used: Usage) -> Decimal | None:
        """What *used* costs; None when a price is missing."""
        priced = [(count, self._price(kind)) for kind, count in used.tokens.items()]
        if any(price is None for _, price in priced) or (used.seconds and self.minute is None):
            return None
        tokens = sum((count * price for count, price in priced if price is not None), Decimal(0))
        return tokens.scaleb(-_MILLION) + used.seconds * (self.minute or 0) / 60

    def _price(self, kind: Kind) -> Decimal | None:
        modality, way = kind
        return {"text": self.text, "audio": self.audio, "image": self.image}[modality].of(way)


class PriceTable(Section):
    """Everything that has a price."""

    currency: Currency
    """The money that all amounts are in."""
    models: dict[Text, ModelPrices] = Field(default_factory=dict)
    """What models cost, by name."""

    @classmethod
    def load(cls, file: Path) -> Self:
        """
        Read a table.

        Raises `ConfigError` with everything that is wrong with it, and where.
        """
        return cls.read(file, read_text(file))

    @classmethod
    def read(cls, file: Path, text: str) -> Self:
        """The same, of a file whose *text* was read already."""
        return validated(cls, read_source(file, text, least="`currency` and `models`"))

    def find(self, model: str) -> ModelPrices | None:
        """The prices of *model*; None when there are none."""
        found = [name for name in self.models if _names(name, model)]
        return self.models[max(found, key=len)] if found else None

    def cost(self, model: str, used: Usage | RealtimeModelUsageEvent | None) -> Decimal | None:
        """What *model* takes for what was *used*; None when that cannot be said."""
        counted = response_usage(used) if isinstance(used, RealtimeModelUsageEvent) else used
        prices = self.find(model)
        return prices.cost(counted) if prices and counted is not None else None


def _names(name: str, model: str) -> bool:
    """
    Whether an entry is about a model.

    >>> _names("gpt-realtime", "gpt-realtime-2025-08-28"), _names("gpt-realtime", "gpt-realtime-mini")
    (True, False)
    """
    if name.endswith(_ANY):
        return model.startswith(name.removesuffix(_ANY))
    return model == name or (model.startswith(name) and bool(_SNAPSHOT.fullmatch(model, len(name))))
