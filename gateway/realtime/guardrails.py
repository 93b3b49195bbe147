"""
Checks of what an agent says, while it says it.

    @output_guardrail
    async def no_prices(context, agent, output):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="$" in output)

A check that is not `async` runs in a thread, so that it may take its time.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from gateway.realtime.run_context import MaybeAwaitable, RunContextWrapper, settled
from gateway.realtime.threads import in_thread

if TYPE_CHECKING:
    from gateway.realtime.agent import RealtimeAgent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GuardrailFunctionOutput:
    """What a check found."""

    output_info: Any
    """Whatever it has to say of it."""
    tripwire_triggered: bool
    """Whether the agent must not say that."""


@dataclass(frozen=True, slots=True)
class OutputGuardrailResult:
    """What a check found, and in what."""

    guardrail: "OutputGuardrail"
    agent_output: str
    agent: "RealtimeAgent[Any]"
    output: GuardrailFunctionOutput


GuardrailFunction = Callable[
    [RunContextWrapper[Any], "RealtimeAgent[Any]", str], MaybeAwaitable[GuardrailFunctionOutput]
]


@dataclass(frozen=True, slots=True)
class OutputGuardrail:
    """A check of what an agent says."""

    guardrail_function: GuardrailFunction
    """Called with all that an item says so far."""
    name: str | None = None
    say: str | None = None
    """Said in a phone call in place of what it has cut; None leaves that to the agent."""

    def get_name(self) -> str:
        """Its own name, or its function's."""
        return self.name or str(getattr(self.guardrail_function, "__name__", "guardrail"))

    async def run(
        self, context: RunContextWrapper[Any], agent: "RealtimeAgent[Any]", agent_output: str
    ) -> OutputGuardrailResult:
        """Check *agent_output*."""
        check = self.guardrail_function
        if inspect.iscoroutinefunction(check):
            found = await check(context, agent, agent_output)
        else:
            found = await settled(await in_thread(check, context, agent, agent_output))
        return OutputGuardrailResult(self, agent_output, agent, found)


@overload
def output_guardrail(function: GuardrailFunction) -> OutputGuardrail: ...
@overload
def output_guardrail(*, name: str | None = None) -> Callable[[GuardrailFunction], OutputGuardrail]: ...


def output_guardrail(
    function: GuardrailFunction | None = None, *, name: str | None = None
) -> OutputGuardrail | Callable[[GuardrailFunction], OutputGuardrail]:
    """Make a guardrail of a function."""

    def made(function: GuardrailFunction) -> OutputGuardrail:
        return OutputGuardrail(function, name)

    return made if function is None else made(function)


async def first_tripped(
    guardrails: Sequence[OutputGuardrail], context: RunContextWrapper[Any], agent: "RealtimeAgent[Any]", text: str
) -> OutputGuardrailResult | None:
    """The first to find that *text* must not be said, as soon as it does, whatever the others still think."""
    checks = [asyncio.create_task(_look(one, context, agent, text)) for one in guardrails]
    try:
        for check in asyncio.as_completed(checks):
            result = await check
            if result is not None and result.output.tripwire_triggered:
                return result
        return None
    finally:
        for task in checks:
            task.cancel()


async def _look(
    guardrail: OutputGuardrail, context: RunContextWrapper[Any], agent: "RealtimeAgent[Any]", text: str
) -> OutputGuardrailResult | None:
    try:
        return await guardrail.run(context, agent, text)
    except Exception:
        logger.exception("the guardrail %s failed; what was said passes", guardrail.get_name())
        return None
