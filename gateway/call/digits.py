"""
The keys that a caller presses, when the model asks for them.

Which keys, how many and for how long is for the model to say, within what the line allows; how they are counted is not.
The input ends with the last key that was asked for, with the terminator, when the next key does not come in time, or
when the caller says something instead. Time is counted from the last key, and not before the caller has heard what the
agent has to say along with it. Keys that were pressed a moment before count: callers are faster than models.
"""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.agent import ToolAnswered, ToolCall
from gateway.audio.dtmf import KEYS
from gateway.call.arguments import BadArgumentsError, arguments_of, number_in
from gateway.call.plan import DigitRules
from gateway.call.quiet import Quiet

COLLECT = "collect_digits"
EARLY_MS = 3_000.0
"""Keys count that were pressed so long before they were asked for."""

EndedBy = Literal["count", "terminator", "timeout", "caller_spoke"]


def collect_tool(rules: DigitRules) -> Mapping[str, Any]:
    """The tool, as the realtime API describes it."""
    timeout_s = rules.timeout_ms / 1000
    return {
        "type": "function",
        "name": COLLECT,
        "description": (
            "Wait for the caller to press keys on the phone. Say first what to enter; call this along with it. Answers "
            "with the digits, and with what ended the input: count, terminator, timeout or caller_spoke."
        ),
        "parameters": {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1, "maximum": rules.most, "description": "Keys at most."},
                "terminator": {
                    "type": "string",
                    "enum": [*KEYS[:12], ""],
                    "description": f"Key that ends the input; {rules.terminator!r} if left out, empty for none.",
                },
                "timeout_s": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": timeout_s,
                    "description": f"How long the next key is waited for; {timeout_s:g} if left out.",
                },
            },
            "required": [],
        },
    }


@dataclass(slots=True)
class _Input:
    call_id: str
    count: int
    terminator: str
    timeout_ms: float
    asked_ms: float
    since_ms: float
    """When it was asked for, or the last key was pressed."""
    digits: str = ""


class Digits:
    """The keys of one call."""

    def __init__(self, rules: DigitRules | None, quiet: Quiet) -> None:
        self._rules = rules
        self._quiet = quiet
        self._early: deque[tuple[str, float]] = deque(maxlen=rules.most if rules else 0)
        self._input: _Input | None = None

    @property
    def wants(self) -> bool:
        """Whether the model has asked for keys."""
        return self._input is not None

    @property
    def cut(self) -> bool:
        """Whether the next key cuts what the agent is saying."""
        return bool(self._rules and self._rules.cuts and self._input and not self._input.digits)

    def wanted(self, call: ToolCall, now_ms: float) -> ToolAnswered | None:
        """The model asks for keys; answers if that is over at once."""
        rules = self._rules
        if rules is None:
            return _refused(call, "keys cannot be collected in this call")
        if self._input is not None:
            return _refused(call, "keys are being collected already")
        try:
            self._input = _read(call, rules, now_ms)
        except BadArgumentsError as error:
            return _refused(call, str(error))
        early = [key for key, pressed_ms in self._early if now_ms - pressed_ms <= EARLY_MS]
        self._early.clear()
        while early:
            if answered := self.pressed(early.pop(0), now_ms):
                self._early.extend((key, now_ms) for key in early)
                return answered
        return None

    def pressed(self, key: str, now_ms: float) -> ToolAnswered | None:
        """The caller presses a key; answers if the input ends with it."""
        found = self._input
        if found is None:
            self._early.append((key, now_ms))
            return None
        if key == found.terminator:
            return self._ended("terminator")
        found.digits, found.since_ms = found.digits + key, now_ms
        return self._ended("count") if len(found.digits) == found.count else None

    def caller_said(self, began_ms: float) -> ToolAnswered | None:
        """The caller says something; instead, if that began after keys were asked for."""
        return self._ended("caller_spoke") if self._input and began_ms > self._input.asked_ms else None

    def next_deadline_ms(self) -> float | None:
        """When the next key is late."""
        found = self._input
        return self._quiet.due_ms(found.timeout_ms, since_ms=found.since_ms) if found else None

    def tick(self, now_ms: float) -> ToolAnswered | None:
        """Time has passed."""
        found = self._input
        if found and self._quiet.lasted(found.timeout_ms, since_ms=found.since_ms, now_ms=now_ms):
            return self._ended("timeout")
        return None

    def _ended(self, by: EndedBy) -> ToolAnswered:
        """The model answers what the caller pressed; what they said is answered anyway."""
        found, self._input = self._input, None
        assert found is not None, "only an input that was wanted ends"
        output = json.dumps({"digits": found.digits, "ended_by": by})
        return ToolAnswered(found.call_id, output, responds=by != "caller_spoke")


def _read(call: ToolCall, rules: DigitRules, now_ms: float) -> _Input:
    wanted = arguments_of(call)
    terminator = wanted.get("terminator")
    if terminator is None:
        terminator = rules.terminator
    if not isinstance(terminator, str) or len(terminator) > 1 or terminator not in KEYS:
        raise BadArgumentsError("terminator is no key; expected one of 0-9, * and #, or nothing")
    count = number_in(wanted, "count", rules.most, most=rules.most)
    timeout_s = number_in(wanted, "timeout_s", rules.timeout_ms / 1000, most=rules.timeout_ms / 1000)
    return _Input(call.call_id, max(1, int(count)), terminator, timeout_s * 1000, now_ms, now_ms)


def _refused(call: ToolCall, why: str) -> ToolAnswered:
    return ToolAnswered(call.call_id, json.dumps({"error": why}))
