"""
Agents that do more than speak, the hands that do it for them, and guardrails.

Drawn apart from all else, so that a call without agents is the same call whatever agents there are.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from gateway.agent import AgentProfile
from tests.call.world.conditions import Conditions, HandsHabits, ModelHabits
from tests.call.world.hands import GUARDRAILS

SHARE = 0.35
"""Of the calls, so many are answered by such agents."""
NAMES = ("bakery", "cakes", "bills")
SHARED_TOOL = "opening_hours"
NOBODYS_TOOL = "look_up"
INSTEAD = "Let me put that another way."
"""Said in place of what a guardrail has cut."""
ANSWERS_MS = ((0, 0), (0, 300), (200, 2_000), (0, 8_000))
JUDGES_MS = ((0, 0), (50, 400), (50, 400), (200, 2_000), (0, 8_000))


def with_agents(plain: Conditions, rng: Random) -> Conditions:
    """The same call, at times answered by an agent of several."""
    if rng.random() > SHARE:
        return plain
    agents = tuple(_agents(rng.choice((2, 3)), rng))
    if rng.choice((False, True)):
        agents = tuple(replace(agent, instead=dict.fromkeys(GUARDRAILS, INSTEAD)) for agent in agents)
    return replace(
        plain,
        plan=replace(plain.plan, agent=agents[0]),
        model=_model(plain.model, agents, rng),
        agents=agents,
        hands=_hands(rng),
    )


def _agents(count: int, rng: Random) -> Iterator[AgentProfile]:
    """Each has a tool of its own and one that all have, and can hand over to all others, or to all but one."""
    for name in NAMES[:count]:
        others = [other for other in NAMES[:count] if other != name]
        handoffs = {f"transfer_to_{other}": other for other in others[: rng.choice((count, count, 1))]}
        tools = tuple(map(_tool, (f"{name}_prices", SHARED_TOOL, *handoffs)))
        yield AgentProfile(name, f"You answer for {name}.", tools, handoffs, guarded=rng.random() < 0.6)


def _tool(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": {"type": "object"}}


def _model(habits: ModelHabits, agents: tuple[AgentProfile, ...], rng: Random) -> ModelHabits:
    """It calls what any of the agents has, and what none has, whoever speaks; and what it says is worth a check."""
    known = dict.fromkeys(str(tool["name"]) for agent in agents for tool in agent.tools)
    return replace(
        habits,
        tools=(*known, SHARED_TOOL, NOBODYS_TOOL),
        calls_functions=rng.choice((0.3, 0.6, 0.9)),
        calls_at_once=rng.choice((1, 2, 4)),
        calls_early=rng.choice((0, 0.4)),
        doubles_calls=rng.choice((0, 0.2)),
        portions=rng.choice((0, 1, 1, 3)) if any(agent.guarded for agent in agents) else 0,
    )


def _hands(rng: Random) -> HandsHabits:
    return HandsHabits(
        answers_ms=rng.choice(ANSWERS_MS),
        forgets=rng.choice((0, 0, 0.2)),
        keeps_quiet=rng.choice((0, 0.3)),
        doubles=rng.choice((0, 0.2)),
        fails=rng.choice((0, 0.3)),
        trips=rng.choice((0.05, 0.2, 0.4, 0.6)),
        judges_ms=rng.choice(JUDGES_MS),
    )
