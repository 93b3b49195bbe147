"""The event loop that every command runs in."""

import asyncio
from collections.abc import Coroutine

try:
    import uvloop
except ImportError:  # not on every platform; the loop of asyncio does the same, slower
    uvloop = None  # type: ignore[assignment]  # a module or nothing


def run(main: Coroutine[object, object, int]) -> int:
    """Run to the end in the fastest loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        return runner.run(main)
