"""
When the model is told what its tools answered.

The tools that one response calls are one turn. They run at once, beside the audio. Nothing can be said about their
answers before the response is over, and nothing should be said before all of them are known: so answers wait for the
end of the response, then go out as they come, and the last one asks for the next response.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.agent.wishes import TellModel, ToolCall

RESPONSES_KEPT = 64
"""Responses that ended lately, so that a call which comes after the end of its own is known to be late."""


@dataclass(slots=True)
class _Turn:
    response_over: bool
    running: set[str] = field(default_factory=set)
    waiting: list[tuple[ToolCall, str]] = field(default_factory=list)
    responds: bool = False


class ToolTurns:
    """The tool calls of one conversation."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._calls: dict[str, ToolCall] = {}
        self._known: set[str] = set()
        self._over: OrderedDict[str, None] = OrderedDict()

    def called(self, call: ToolCall) -> bool:
        """A response calls a tool; whether that is news."""
        if call.call_id in self._known:
            return False
        self._known.add(call.call_id)
        over = not call.response_id or call.response_id in self._over
        turn = self._turns.setdefault(call.response_id, _Turn(over))
        turn.running.add(call.call_id)
        self._calls[call.call_id] = call
        return True

    @property
    def any_running(self) -> bool:
        """Whether some tool has not answered yet."""
        return bool(self._calls)

    def running(self, call_id: str) -> ToolCall | None:
        """The call of a tool that has not answered yet."""
        return self._calls.get(call_id)

    def open_besides(self, response_id: str) -> bool:
        """Whether another response that has called tools goes on, and may call more."""
        return any(not turn.response_over for called_by, turn in self._turns.items() if called_by != response_id)

    def answered(self, call_id: str, output: str, *, responds: bool) -> Iterator[TellModel]:
        """A tool has answered; only its first answer counts."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        turn = self._turns[call.response_id]
        turn.running.discard(call_id)
        turn.waiting.append((call, output))
        turn.responds = turn.responds or responds
        yield from self._told(call.response_id)

    def response_done(self, response_id: str) -> Iterator[TellModel]:
        """No more tools are called by a response."""
        self._over[response_id] = None
        if len(self._over) > RESPONSES_KEPT:
            self._over.popitem(last=False)
        if turn := self._turns.get(response_id):
            turn.response_over = True
            yield from self._told(response_id)

    def _told(self, response_id: str) -> Iterator[TellModel]:
        turn = self._turns[response_id]
        if not turn.response_over:
            return
        waiting, turn.waiting = turn.waiting, []
        for left, (call, output) in zip(reversed(range(len(waiting))), waiting, strict=True):
            is_last = left == 0 and not turn.running
            yield TellModel(call, output, respond=is_last and turn.responds)
        if not turn.running:
            del self._turns[response_id]
