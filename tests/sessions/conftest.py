"""Sockets are held against both event loops: asyncio's own, and the one that answers calls where there is one."""

import asyncio
from collections.abc import Callable, Mapping

try:
    from uvloop import new_event_loop
except ImportError:  # not on every platform
    new_event_loop = asyncio.new_event_loop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops that each test runs on, by name."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": new_event_loop}
