"""What comes of an agent's wishes."""

from dataclasses import dataclass

from gateway.agent.profile import AgentProfile
from gateway.agent.wishes import ToolCall


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """A tool has answered, failed or was refused; the model is told in any case."""

    call_id: str
    output: str
    responds: bool = True
    """False for an answer that the model keeps to itself until it speaks anyway."""


@dataclass(frozen=True, slots=True)
class TookOver:
    """It is known who takes over."""

    call_id: str
    profile: AgentProfile


@dataclass(frozen=True, slots=True)
class SpeechTripped:
    """What a response says must not be said."""

    response_id: str
    item_id: str
    guardrail: str


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """A tool waits until somebody approves of the call, or does not."""

    call: ToolCall


AgentEvent = ApprovalRequired | ToolAnswered | TookOver | SpeechTripped
