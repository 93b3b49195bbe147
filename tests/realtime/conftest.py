"""What holds after every test in this folder."""

from tests.e2e.conftest import nothing_left_over

__all__ = ["nothing_left_over"]
