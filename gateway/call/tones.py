"""
Keys that the agent presses.

They are tones among what the agent says, since a stream has no other way to press a key: behind the speech of the
response that wants them, and never in the middle of any. The model is told when they were heard, or that somebody who
spoke has cut them off.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.agent import ToolAnswered, ToolCall
from gateway.audio.dtmf import KEYS, PAUSE, tones
from gateway.call.arguments import BadArgumentsError, arguments_of
from gateway.call.commands import Command
from gateway.call.speech import Speech
from gateway.playback.playout import ItemKey
from gateway.protocol.arbiter import ResponseArbiter

PRESS = "send_dtmf"
MOST_KEYS = 32
PRESS_TOOL: Mapping[str, Any] = {
    "type": "function",
    "name": PRESS,
    "description": (
        "Press keys on the phone, to get on with a machine at the other end. What you say along with it is said first. "
        "Answers when the tones were heard."
    ),
    "parameters": {
        "type": "object",
        "properties": {
            "digits": {
                "type": "string",
                "pattern": f"^[0-9*#A-D{PAUSE}]{{1,{MOST_KEYS}}}$",
                "description": f"Keys in their order; {PAUSE} waits for half a second.",
            }
        },
        "required": ["digits"],
    },
}


class Tones:
    """The keys that one call's agent wants pressed: waiting, or on their way to being heard."""

    def __init__(self, speech: Speech, arbiter: ResponseArbiter) -> None:
        self._speech = speech
        self._arbiter = arbiter
        self._waiting: dict[str, str] = {}
        self._played: dict[str, ItemKey] = {}

    @property
    def unheard(self) -> bool:
        """Whether keys are on their way."""
        return bool(self._played)

    def wanted(self, call: ToolCall) -> ToolAnswered | None:
        """The model wants keys pressed; answers if that cannot be done."""
        try:
            self._waiting[call.call_id] = _keys_wanted(call)
        except BadArgumentsError as error:
            return ToolAnswered(call.call_id, json.dumps({"error": str(error)}))
        return None

    def play(self, now_ms: float) -> Iterator[Command]:
        """Press what is to be pressed, when nobody is in the middle of saying something."""
        if not self._waiting or self._arbiter.active or self._speech.stopped:
            return
        waiting, self._waiting = self._waiting, {}
        for call_id, keys in waiting.items():
            key = self._played[call_id] = (f"keys {call_id}", 0)
            yield from self._speech.press(key, b64encode(tones(keys)).decode(), now_ms=now_ms)

    def heard(self) -> Iterator[ToolAnswered]:
        """What became of keys, as soon as that is known."""
        for call_id, key in list(self._played.items()):
            item = self._speech.ledger.items[key]
            if item.heard_whole or item.truncated:
                del self._played[call_id]
                yield ToolAnswered(call_id, json.dumps(_outcome(item.heard_whole, item.heard_ms)))


def _keys_wanted(call: ToolCall) -> str:
    keys = arguments_of(call).get("digits")
    if not isinstance(keys, str) or not 0 < len(keys) <= MOST_KEYS or set(keys) - {*KEYS, PAUSE}:
        raise BadArgumentsError(f"digits are no keys; expected 1 to {MOST_KEYS} of 0-9, *, #, A-D and {PAUSE}")
    return keys


def _outcome(heard_whole: bool, heard_ms: int) -> dict[str, object]:
    if heard_whole:
        return {"status": "pressed"}
    return {"error": f"somebody spoke, and the tones were cut off after {heard_ms} ms; press the keys again"}
