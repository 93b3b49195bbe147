"""
How the agent hangs up.

The model calls `hang_up` while its last words are still to be heard. So the call goes on until the last mark behind
them has come back, or until that has taken too long; and a caller who speaks first is listened to instead.
"""

import json
from dataclasses import dataclass

from gateway.call.plan import Goodbye
from gateway.protocol.inputs import SendToolOutput

HANG_UP = "hang_up"
HANG_UP_TOOL = {
    "type": "function",
    "name": HANG_UP,
    "description": (
        "End the phone call. Call it when the conversation is over and the caller has nothing more to say. "
        "The caller hears what you are saying to its end first."
    ),
    "parameters": {"type": "object", "properties": {}, "required": []},
}


@dataclass(slots=True)
class Farewell:
    """A hang-up that waits for the last words."""

    call_id: str
    """Of the model's function call."""
    deadline_ms: float
    text: str | None

    @classmethod
    def begun(cls, goodbye: Goodbye, call_id: str, now_ms: float) -> "Farewell":
        """The model wants to hang up."""
        return cls(call_id, now_ms + goodbye.wait_ms, goodbye.text)

    def accepted(self) -> SendToolOutput:
        """Tell the model that there are words to say."""
        return SendToolOutput(self.call_id, json.dumps({"status": "saying goodbye, then hanging up"}))

    def cancelled(self) -> SendToolOutput:
        """Tell the model that the call goes on."""
        return SendToolOutput(self.call_id, json.dumps({"status": "not hung up", "reason": "the caller spoke first"}))


def already_begun(call_id: str) -> SendToolOutput:
    """Tell the model that it need not hang up twice."""
    return SendToolOutput(call_id, json.dumps({"status": "hanging up already"}))
