"""`gateway check` says what is known of costs before the first call."""

from pathlib import Path

import pytest

from gateway.cli import main

LINE = "line: a\nnumbers: '*'\nbackend: openai\nurl: ws://127.0.0.1:9/v1\n"
TABLE = "currency: USD\nmodels: {gpt-realtime: {text: {input: 4.00}}}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one line in it, which `check` reads."""
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "a.yaml").write_text(LINE)
    monkeypatch.setenv("GATEWAY_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "table", "said"),
    [
        ("gpt-realtime", TABLE, "costs: in USD, with {file}\nok:"),
        ("gpt-realtime-9", TABLE, "costs: unknown for a, since {file} has no price of gpt-realtime-9\nok:"),
        ("gpt-realtime", None, "costs: not computed, since there is no {file}\nok:"),
    ],
    ids=["known", "unknown", "not wanted"],
)
def test_it_is_said_which_costs_are_not_known(
    config: Path, capsys: pytest.CaptureFixture[str], model: str, table: str | None, said: str
) -> None:
    """
    And that is no mistake.
    """
    (config / "lines" / "a.yaml").write_text(f"{LINE}model: {model}\n")
    if table:
        (config / "prices.yaml").write_text(table)
    assert main(["check"]) == 0
    assert said.format(file=config / "prices.yaml") in capsys.readouterr().out


def test_a_table_that_cannot_be_used_is_a_mistake(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Said beside all other mistakes.
    """
    (config / "prices.yaml").write_text("currency: USD\nmodel: {}\n")
    (config / "lines" / "a.yaml").write_text(f"{LINE}voise: marin\n")
    assert main(["check"]) == 2
    complaints = capsys.readouterr().err
    assert f"{config / 'prices.yaml'}:2:1: model: is an unknown key" in complaints
    assert "voise: is an unknown key" in complaints
