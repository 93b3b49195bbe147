"""Everything that an agent's run can ask of whoever drives it."""

from dataclasses import dataclass

from gateway.agent.profile import AgentProfile


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called."""

    call_id: str
    name: str
    arguments: str
    """JSON, by the model: may be anything."""
    response_id: str = ""
    """The response that calls it; empty when that is not known, or over."""
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a tool beside the audio; its answer is a `ToolAnswered`, whatever becomes of it."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class HandOver:
    """Find out who *agent* is; the answer is a `TookOver`, or a `ToolAnswered` if that failed."""

    call: ToolCall
    agent: str


@dataclass(frozen=True, slots=True)
class ChangeAgent:
    """Swap the model's instructions and tools, and nothing else."""

    profile: AgentProfile


@dataclass(frozen=True, slots=True)
class TellModel:
    """Tell the model what a tool answered."""

    call: ToolCall
    output: str
    respond: bool
    """Whether it is the last answer of its turn, so that the model goes on speaking as soon as it may."""


@dataclass(frozen=True, slots=True)
class CheckSpeech:
    """Have the guardrails look at what an item says so far; if one trips, that is a `SpeechTripped`."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CutSpeech:
    """Cut off a response that must not be heard, and have the model say something else instead."""

    response_id: str
    item_id: str
    guardrail: str
    """Name of the guardrail that tripped."""


Wish = RunTool | HandOver | ChangeAgent | TellModel | CheckSpeech | CutSpeech
