"""The walls between the parts of the gateway stand."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
CONTRACTS = ("Imports point down", "The core never waits", "The simulators are strangers to our codecs")


def test_every_import_contract_is_kept() -> None:
    """
    Imports point down, the core never waits, and the simulators do not know the codecs that they test.

    In a process of its own: the linter turns off the loggers of whoever calls it.
    """
    linted = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    for contract in CONTRACTS:
        assert f"{contract} KEPT" in linted.stdout
