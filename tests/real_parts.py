"""What a test needs besides Python: programs that a machine may lack."""

import os
import shutil

import pytest


def needs(command: str) -> None:
    """Skip the test, loudly, where *command* is missing; in CI, fail."""
    if shutil.which(command):
        return
    message = f"MISSING: {command} is not installed here; `apt-get install {command}` brings it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
