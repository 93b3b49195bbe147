"""
Runs functions that wait, beside the event loop.

Each in a thread of its own, which nobody has to wait for: one that hangs takes no place in the loop's pool, where names
are resolved, and keeps no program from ending.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What *function* returns or raises; if nobody waits any more, it runs on unheard."""
    future: Future[T] = Future()
    context = copy_context()

    def work() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(context.run(function, *args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            future.set_exception(_raisable(error))

    Thread(target=work, name=getattr(function, "__name__", "tool"), daemon=True).start()
    return await asyncio.wrap_future(future)


def _raisable(error: BaseException) -> Exception:
    """Neither may the loop be left by a function's `sys.exit()`, nor can a task be told of `StopIteration`."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"it ended with {error!r}")
