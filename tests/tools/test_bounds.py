"""How often a tool may be used is bounded: in one phone call, and in a minute over all of them."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool, function_tool
from gateway.tools.bounds import MINUTE_S, Bounds, MinuteCount

STEPS_S = st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.5, 30.0, 59.9, 60.0, 200.0]), max_size=60)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now_s


class Bell:
    """A tool, and how often it was used."""

    def __init__(self) -> None:
        self.rung = 0
        self.tool = function_tool(name_override="ring")(self.ring)

    async def ring(self, hard: bool = False) -> str:
        """Ring, or break."""
        self.rung += 1
        if hard:
            raise ValueError("the rope is torn")
        return "ding"


async def use(tool: FunctionTool, arguments: str = "{}") -> str:
    """What the model is told of a use."""
    context = ToolContext(context=None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=arguments)
    return str(await tool.on_invoke_tool(context, arguments))


async def uses(tools: Sequence[FunctionTool]) -> list[bool]:
    """Which of these uses were made."""
    return [await use(tool) == "ding" for tool in tools]


@given(most=st.integers(1, 5), steps_s=STEPS_S)
def test_no_minute_has_more_and_none_is_refused_for_less(most: int, steps_s: list[float]) -> None:
    """
    Wherever the minute begins; and what was refused does not count.
    """
    count, now_s, admitted_s = MinuteCount(most), 0.0, list[float]()
    for step_s in steps_s:
        now_s += step_s
        lately = sum(now_s - at_s < MINUTE_S for at_s in admitted_s)
        assert count.admits(now_s) == (lately < most)
        if lately < most:
            admitted_s.append(now_s)


async def test_each_phone_call_has_a_count_of_its_own() -> None:
    """
    A tool may be used so often in one, whatever others do.
    """
    bell, bounds = Bell(), Bounds(max_per_call=2)
    first, second = bounds.for_a_call(bell.tool), bounds.for_a_call(bell.tool)
    assert await uses([first, first, first, second, second, second]) == [True, True, False, True, True, False]
    assert bell.rung == 4


async def test_all_phone_calls_share_the_minute() -> None:
    """
    When it is over the tool may be used again; what a call's own bound has refused takes nothing from others.
    """
    bell, clock = Bell(), Clock()
    bounds = Bounds(max_per_call=2, max_per_minute=3, clock_s=clock)
    first, second = bounds.for_a_call(bell.tool), bounds.for_a_call(bell.tool)
    assert await uses([first, first, first, second, second]) == [True, True, False, True, False]
    clock.now_s += MINUTE_S
    assert await uses([second, second]) == [True, False]


async def test_a_use_that_failed_counts() -> None:
    """
    It was a load on whatever is behind the tool.
    """
    ring = Bounds(max_per_call=1).for_a_call(Bell().tool)
    with pytest.raises(ValueError, match="the rope is torn"):
        await use(ring, '{"hard": true}')
    assert await uses([ring]) == [False]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (Bounds(max_per_call=1), "ring may be used once in one conversation; it was not used again"),
        (Bounds(max_per_minute=1), "ring may be used once in a minute; it was not used, try again later"),
    ],
)
async def test_the_model_is_told(bounds: Bounds, told: str) -> None:
    """
    As of any failure, so that it can say so to the caller.
    """
    ring = bounds.for_a_call(Bell().tool)
    assert await use(ring) == "ding"
    assert json.loads(await use(ring)) == {"error": told}


async def test_without_a_bound_there_is_none() -> None:
    """
    And the tool is described as before.
    """
    bell = Bell()
    ring = Bounds().for_a_call(bell.tool)
    assert all(await uses([ring] * 1000))
    assert (ring.name, ring.description) == (bell.tool.name, bell.tool.description)
