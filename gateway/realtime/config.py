"""How agents are run."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from gateway.agent import AgentProfile
from gateway.agent.speech_checks import DEBOUNCE_CHARACTERS
from gateway.protocol.model.settings import RealtimeSessionModelSettings
from gateway.realtime.guardrails import OutputGuardrail
from gateway.realtime.model import RealtimeModelConfig
from gateway.realtime.tool_calls import ToolErrorFormatter


class RealtimeGuardrailsSettings(TypedDict, total=False):
    """When guardrails look at what the agent says."""

    debounce_text_length: int
    """Each time so many characters were said, 100 unless told otherwise, and at the end."""


class RealtimeRunConfig(TypedDict, total=False):
    """How agents are run; whatever is left out is as usual."""

    model_settings: RealtimeSessionModelSettings
    """The session's, but for the agent's own instructions and tools."""
    output_guardrails: Sequence[OutputGuardrail]
    """For every agent, besides its own."""
    guardrails_settings: RealtimeGuardrailsSettings
    async_tool_calls: bool
    """False has the session wait for each tool before it tells or does anything else."""
    tool_error_formatter: ToolErrorFormatter
    """What the model is told of calls that nobody agreed to."""
    tracing_disabled: bool
    """Whether the server is asked to keep no trace."""


def initial_config(
    profile: AgentProfile, run_config: RealtimeRunConfig, model_config: RealtimeModelConfig
) -> RealtimeModelConfig:
    """
    How the model is connected: as the run has it, with the agent's own words and tools, unless *model_config* insists.

    What an agent says nothing of stays as the run has it.
    """
    of_agent = {"instructions": profile.instructions, "tools": profile.tools}
    settings: Mapping[str, Any] = {
        **run_config.get("model_settings", {}),
        **{name: value for name, value in of_agent.items() if value},
        **model_config.get("initial_model_settings", {}),
        **({"tracing": None} if run_config.get("tracing_disabled") else {}),
    }
    return {**model_config, "initial_model_settings": cast("RealtimeSessionModelSettings", settings)}


def debounce_characters(run_config: RealtimeRunConfig) -> int:
    """Each time so many characters were said, guardrails look at them."""
    return run_config.get("guardrails_settings", {}).get("debounce_text_length", DEBOUNCE_CHARACTERS)


def agent_settings(profile: AgentProfile) -> RealtimeSessionModelSettings:
    """What changes when another agent speaks: its words and its tools, and nothing else."""
    return {"instructions": profile.instructions, "tools": profile.tools}
