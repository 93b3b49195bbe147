"""Laws of what a gateway is configured with: agents and tools out of files, and one hash for all of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import CallContext, Configuration, load_configuration
from gateway.errors import ConfigError
from gateway.lines.files import ConfigFiles
from gateway.realtime import RealtimeAgent, RunContextWrapper
from gateway.realtime.run_context import ToolContext
from gateway.realtime.tools import FunctionTool
from gateway.tools.http_client import HttpClient
from tests.lines.folder import HEAD, written

PRICES = "currency: USD\nmodels:\n  gpt-realtime:\n    text: {input: 4, output: 16}\n"
TOOLS = "def bake(loaves: int) -> str:\n    '''Bake.'''\n    return f'{loaves} loaves'\n"
HTTP = """\
tools:
  - type: http
    name: find_room
    description: Find a room.
    parameters: {nights: integer}
    url: https://hotel.example/rooms
    query: {nights: "{{nights}}", for: "{{caller}}"}
    auth: {bearer: "${HOTEL_KEY}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of configuration; Python forgets the modules that are imported from it."""
    before, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def loaded(folder: Path, files: dict[str, str], **environment: str) -> Configuration:
    """Read a folder with *files* in it."""
    return load_configuration(ConfigFiles(written(folder, files)), HttpClient(), environment)


def first(configuration: Configuration) -> RealtimeAgent[Any]:
    """The agent of the first line, as a call has it."""
    return configuration.agent_of(next(iter(configuration.lines)))


async def prompt(agent: RealtimeAgent[Any], configuration: Configuration) -> str | None:
    """What the model is told to be, in a call at a known time."""
    line = next(iter(configuration.lines))
    context = CallContext.of(line, "CA1", "+15550100", "+15550199")
    at = CallContext(
        *("CA1", "+15550100", "+15550199", line.line),
        language=context.language,
        zone=context.zone,
        variables=context.variables,
        clock=lambda: datetime(2026, 12, 24, 19, 0, tzinfo=UTC),
    )
    return await agent.get_system_prompt(RunContextWrapper(at))


async def test_gaps_are_filled_when_an_agent_begins(folder: Path) -> None:
    """
    With what is known of the call, and what the line adds; what is filled in brings no gaps of its own.
    """
    text = "I am {{shop}}, {{caller}} called {{called}} ({{line}}, {{language}}) in {{call_sid}}. {{now}}."
    keys = f"zone: Europe/Berlin\nlanguage: de\nvariables: {{shop: '{{{{caller}}}}'}}\ninstructions: \"{text}\"\n"
    configuration = loaded(folder, {"lines/a.yaml": HEAD + keys})
    assert await prompt(first(configuration), configuration) == (
        "I am {{caller}}, +15550100 called +15550199 (a, de) in CA1. Thursday, 24 December 2026, 20:00 (Europe/Berlin)."
    )


async def test_instructions_may_have_a_file(folder: Path) -> None:
    """
    Whose gaps are filled too.
    """
    files = {"lines/a.yaml": HEAD + "instructions_file: text/a.txt\n", "text/a.txt": "You speak to {{caller}}.\n"}
    configuration = loaded(folder, files)
    assert await prompt(first(configuration), configuration) == "You speak to +15550100.\n"


def test_agents_hand_over_to_each_other(folder: Path) -> None:
    """
    Written out or shared, there and back again; the first is called as its line is.
    """
    agents = "agents:\n  sales: {instructions: Sales., handoffs: [a]}\n  bills: billing\n"
    keys = f"instructions: First.\nhandoffs: [sales, bills]\n{agents}"
    shared = "instructions: Bills.\nhandoff_description: Knows bills.\nhandoffs: [sales]\n"
    desk = first(loaded(folder, {"lines/a.yaml": HEAD + keys, "agents/billing.yaml": shared}))
    sales, bills = desk.handoffs
    assert isinstance(sales, RealtimeAgent)
    assert isinstance(bills, RealtimeAgent)
    assert [agent.name for agent in (desk, sales, bills)] == ["a", "sales", "bills"]
    assert [agent.instructions for agent in (desk, sales, bills)] == ["First.", "Sales.", "Bills."]
    assert (sales.handoffs, bills.handoffs) == ([desk], [sales])
    assert bills.handoff_description == "Knows bills."


def test_a_shared_agent_may_answer(folder: Path) -> None:
    """
    On several lines, each time as that line's own.
    """
    shared = "instructions: Bills.\nhandoffs: [sales]\n"
    keys = "agent: billing\nagents: {sales: {}}\n"
    files = {f"lines/{name}.yaml": f"line: {name}\nnumbers: +1555{n}\n{keys}" for n, name in enumerate("ab", 10)}
    configuration = loaded(folder, {**files, "agents/billing.yaml": shared})
    agents = [configuration.agent_of(line) for line in configuration.lines]
    assert [(agent.name, agent.instructions) for agent in agents] == [("a", "Bills."), ("b", "Bills.")]


def test_each_call_has_agents_of_its_own(folder: Path) -> None:
    """
    So that nothing that one call does to them is another's.
    """
    configuration = loaded(folder, {"lines/a.yaml": HEAD + "handoffs: [b]\nagents: {b: {handoffs: [a]}}\n"})
    one, other = first(configuration), first(configuration)
    assert one is not other
    assert one.handoffs[0] is not other.handoffs[0]


async def called(tool: object, **arguments: object) -> object:
    """Call a tool as the model does."""
    assert isinstance(tool, FunctionTool)
    text = json.dumps(arguments)
    context: ToolContext[Any] = ToolContext(None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=text)
    return await tool.on_invoke_tool(context, text)


async def test_a_function_is_a_tool(folder: Path) -> None:
    """
    Found in the folder of the configuration; what it may be used is counted for each call, and for all of them.
    """
    keys = "tools: [{type: python, function: 'the_oven:bake', max_per_call: 1, max_per_minute: 2}]\n"
    configuration = loaded(folder, {"lines/a.yaml": HEAD + keys, "the_oven.py": TOOLS})
    answers = []
    for _ in range(3):
        (tool,) = first(configuration).tools
        answers += [await called(tool, loaves=2), await called(tool, loaves=2)]
    assert [answer == "2 loaves" for answer in answers] == [True, False, True, False, False, False]
    assert "in one conversation" in str(answers[1])
    assert "in a minute" in str(answers[4])


def test_a_service_is_a_tool(folder: Path) -> None:
    """
    Its secret is found when the configuration is read, wherever that is.
    """
    (tool,) = first(loaded(folder, {"lines/a.yaml": HEAD + HTTP}, HOTEL_KEY="k")).tools
    assert isinstance(tool, FunctionTool)
    assert tool.name == "find_room"
    with pytest.raises(ConfigError, match=r"lines/a\.yaml:4:5: tools\[0\]: .*HOTEL_KEY.* is not set"):
        loaded(folder, {})


def test_a_function_that_is_not_there_is_told_where_it_is_named(folder: Path) -> None:
    """
    On a line, and in the file of a shared agent.
    """
    keys = "tools:\n  - {type: python, function: the_oven:bak}\n"
    files = {"lines/a.yaml": HEAD + keys, "the_oven.py": TOOLS}
    with pytest.raises(ConfigError, match=r"lines/a\.yaml:4:30: tools\[0\]\.function: .*did you mean `bake`"):
        loaded(folder, files)
    files = {"lines/a.yaml": HEAD + "agent: baker\n", "agents/baker.yaml": keys}
    with pytest.raises(ConfigError, match=r"agents/baker\.yaml:2:30: tools\[0\]\.function"):
        loaded(folder, files)


def test_the_hash_is_of_all_that_was_read(folder: Path) -> None:
    """
    It is the same wherever the folder is, changes with every file that is used, and with no other.
    """
    files = {
        "lines/a.yaml": HEAD + "instructions_file: text/a.txt\nhandoffs: [b]\nagents: [b]\n",
        "agents/b.yaml": "instructions: B.\n",
        "text/a.txt": "A.\n",
        "prices.yaml": PRICES,
    }
    before = loaded(folder / "one", files).sha256
    assert len(before) == 64
    assert loaded(folder / "two", files).sha256 == before
    assert loaded(folder / "one", {"README.md": "Hi.", "text/other.txt": "Hi."}).sha256 == before
    for name, text in files.items():
        assert loaded(folder / "one", {**files, name: f"{text}# changed\n"}).sha256 != before


def test_a_bound_on_costs_needs_prices(folder: Path) -> None:
    """
    What cannot be known cannot be bounded.
    """
    files = {"lines/a.yaml": HEAD + "max_cost: 0.5\n"}
    with pytest.raises(ConfigError, match=r"a\.yaml:3:11: max_cost: .*no price of gpt-realtime"):
        loaded(folder, files)
    assert loaded(folder, {"prices.yaml": PRICES}).prices


def test_everything_that_is_wrong_is_said_at_once(folder: Path) -> None:
    """
    In lines, in agents and in prices.
    """
    files = {"lines/a.yaml": HEAD + "voice:\n", "agents/b.yaml": "voice: x\n", "prices.yaml": "currency: euro\n"}
    with pytest.raises(ConfigError) as caught:
        loaded(folder, files)
    assert [line.split(":")[0].removeprefix(f"{folder}/") for line in str(caught.value).splitlines()] == [
        "agents/b.yaml",
        "lines/a.yaml",
        "prices.yaml",
    ]
