"""The table of one gateway, beside its lines."""

from pathlib import Path

from gateway.lines.files import ConfigFiles
from gateway.prices.table import PriceTable

FILE_NAME = "prices.yaml"


def load_prices(directory: Path, files: ConfigFiles | None = None) -> PriceTable | None:
    """
    Read `prices.yaml` in the configuration *directory*, with *files*; None when there is none.

    Raises `ConfigError` when it cannot be used.
    """
    file = directory / FILE_NAME
    return PriceTable.read(file, (files or ConfigFiles(directory)).read(file)) if file.exists() else None
