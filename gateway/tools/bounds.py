"""
How often a tool may be used: in one phone call, and in any minute over all of them.

The count of a minute is shared by all phone calls; the count of a call begins with it. A use that would be one too many
is not made, counts for nothing, and the model is told. One that was made counts even if it failed: what is bounded is
the load on whatever is behind the tool.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

from gateway.realtime.run_context import ToolContext
from gateway.realtime.tool_output import error_text
from gateway.realtime.tools import FunctionTool

MINUTE_S = 60.0


class MinuteCount:
    """
    Admits so many in any 60 s.

    >>> count = MinuteCount(2)
    >>> [count.admits(now_s) for now_s in (0.0, 59.0, 59.9, 60.0)]
    [True, True, False, True]
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._admitted_s: deque[float] = deque()

    def admits(self, now_s: float) -> bool:
        """Whether one more fits, in which case it is counted; time must not run backwards."""
        while self._admitted_s and now_s - self._admitted_s[0] >= MINUTE_S:
            self._admitted_s.popleft()
        if len(self._admitted_s) >= self.most:
            return False
        self._admitted_s.append(now_s)
        return True


class Bounds:
    """How often one tool may be used."""

    def __init__(
        self,
        *,
        max_per_call: int | None = None,
        max_per_minute: int | None = None,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        """None is no bound."""
        self._max_per_call = max_per_call
        self._minute = None if max_per_minute is None else MinuteCount(max_per_minute)
        self._clock_s = clock_s

    def for_a_call(self, tool: FunctionTool) -> FunctionTool:
        """The tool as one phone call has it: with a count of its own for the call, and everybody's for the minute."""
        made = 0

        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            nonlocal made
            if refusal := self._refusal(tool.name, made):
                return error_text(refusal)
            made += 1
            return await tool.on_invoke_tool(context, arguments)

        return replace(tool, on_invoke_tool=invoke)

    def _refusal(self, name: str, made: int) -> str | None:
        """Why it may not be used once more; a minute counts only what the call allows."""
        if self._max_per_call is not None and made >= self._max_per_call:
            return f"{name} may be used {_times(self._max_per_call)} in one conversation; it was not used again"
        if self._minute is not None and not self._minute.admits(self._clock_s()):
            return f"{name} may be used {_times(self._minute.most)} in a minute; it was not used, try again later"
        return None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
