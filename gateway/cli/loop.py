"""The event loop that answers calls."""

import asyncio
from collections.abc import Callable, Coroutine

_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
try:
    import uvloop
except ImportError:  # not on every platform; the loop of asyncio does the same, slower
    pass
else:
    _factory = uvloop.new_event_loop


def run(main: Coroutine[object, object, int]) -> int:
    """Run to the end in the fastest loop there is."""
    with asyncio.Runner(loop_factory=_factory) as runner:
        return runner.run(main)
