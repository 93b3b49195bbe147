"""
What usage costs: a table of prices that its users write, and the counts of a server.

    table = PriceTable.load(Path("config/prices.yaml"))
    table.cost("gpt-realtime", event)   # a `RealtimeModelUsageEvent`; None when that cannot be said
"""

from gateway.prices.load import load_prices
from gateway.prices.table import ModelPrices, PriceTable, TokenPrices
from gateway.prices.usage import Usage, response_usage, transcription_usage

__all__ = [
    "ModelPrices",
    "PriceTable",
    "TokenPrices",
    "Usage",
    "load_prices",
    "response_usage",
    "transcription_usage",
]
