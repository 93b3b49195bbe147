"""The walls between the parts of the gateway stand."""

from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"

linter = pytest.importorskip("importlinter.cli", reason="MISSING: import-linter is not installed here")


def test_every_import_contract_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Imports point down, the core never waits, and the simulators do not know the codecs that they test.
    """
    status = linter.lint_imports(config_filename=str(PYPROJECT), no_cache=True, no_logo=True)
    report = capsys.readouterr().out
    assert status == linter.EXIT_STATUS_SUCCESS, report
    for contract in ("Imports point down", "The core never waits", "The simulators are strangers to our codecs"):
        assert f"{contract} KEPT" in report
