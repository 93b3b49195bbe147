"""A price table is read whole or refused whole, with the place of every mistake."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.lines import load_lines
from gateway.prices import ModelPrices, PriceTable, TokenPrices, load_prices
from gateway.protocol.session import SessionConfig

CONFIG = Path(__file__).parents[2] / "config"
README = (CONFIG / "README.md").read_text(encoding="utf-8")


def written(directory: Path, text: str) -> Path:
    """A file with a table in it."""
    file = directory / "prices.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_amounts_are_exact(tmp_path: Path) -> None:
    """
    What was written is what is there, to the last digit.
    """
    text = "currency: EUR\nmodels:\n  m:\n    text: {input: 0.1, output: 16.00}\n    minute: 0.006\n"
    table = PriceTable.load(written(tmp_path, text))
    prices = ModelPrices(text=TokenPrices(input=Decimal("0.1"), output=Decimal("16.00")), minute=Decimal("0.006"))
    assert table == PriceTable(currency="EUR", models={"m": prices})
    assert str(table.models["m"].text.output) == "16.00"


def test_no_table_is_no_mistake(tmp_path: Path) -> None:
    """
    Whoever does not want costs has none.
    """
    assert load_prices(tmp_path) is None


HEAD = "currency: USD\nmodels:\n  m:\n    text:\n      "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty; give at least `currency` and `models`"),
        ("models: {}\n", "1:1: currency: is missing; add it"),
        ("currency: dollars\n", "1:11: currency: `dollars` is not a currency; write its three capitals, like USD"),
        ("currency: USD\nmodel: {}\n", "2:1: model: is an unknown key; did you mean `models`?"),
        (f"{HEAD}inputs: 4\n", "5:7: models.m.text.inputs: is an unknown key; did you mean `input`?"),
        (f"{HEAD}input: -4\n", "5:14: models.m.text.input: `-4` is not an amount"),
        (f"{HEAD}input: $4\n", "5:14: models.m.text.input: `$4` is not an amount"),
        (f'{HEAD}input: "4"\n', "5:14: models.m.text.input: `4` is in quotes"),
        (f"{HEAD}input: 4000000\n", "5:14: models.m.text.input: 4000000 is not from 0 to 1000000"),
        (f"{HEAD}input: 1e3\n", "5:14: models.m.text.input: `1e3` is not an amount"),
        (f"{HEAD}input: 1\n      input: 2\n", "6:7: models.m.text.input: is given twice, first on line 5"),
        ("currency: USD\nmodels: {m: 4}\n", "2:13: models.m: `4` was found where keys belong"),
    ],
)
def test_a_mistake_is_said_where_it_is(tmp_path: Path, text: str, message: str) -> None:
    """
    With the file, the line, the column, the key, and what to do.
    """
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_prices(tmp_path)
    assert str(caught.value).startswith(f"{file}:{message}")


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal(-1), 1.5, True])
def test_an_amount_in_code_is_as_exact(amount: object) -> None:
    """
    A float is not, and less than nothing is no price.
    """
    with pytest.raises(ValueError, match=r"not an amount|not from 0"):
        TokenPrices.model_validate({"input": amount})


def test_the_shipped_table_knows_the_models_that_are_used() -> None:
    """
    The default of a line, what writes its callers down, and every model of a shipped line.
    """
    table = load_prices(CONFIG)
    assert table is not None
    models = {"gpt-realtime", str(SessionConfig().transcription_model), *(line.model for line in load_lines(CONFIG))}
    assert [model for model in models if table.find(model) is None] == []


def test_every_key_is_documented() -> None:
    """
    The handbook's section names them all, and its example is a table.
    """
    section = README.split("## What it costs")[1].split("\n## ")[0]
    keys = {*PriceTable.model_fields, *ModelPrices.model_fields, *TokenPrices.model_fields}
    assert keys == set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))


def test_the_documented_table_loads(tmp_path: Path) -> None:
    """
    As it stands.
    """
    (example,) = re.findall(r"```yaml prices\n(.*?)```", README.split("## What it costs")[1], re.DOTALL)
    assert PriceTable.load(written(tmp_path, example)).models
