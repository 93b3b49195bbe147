"""What a call remembers, and what callers leave."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.agent import AgentEvent, RunTool, ToolAnswered, ToolCall
from gateway.agents import CallContext
from gateway.agents.own_tools import own_tools
from gateway.call.events import Event, MessageTaken
from gateway.lines import Line
from gateway.realtime import AgentHands, RealtimeAgent, RunContextWrapper
from gateway.tools.messages import FILE_NAME, Messages
from tests.tools.services import soon

AGENT: RealtimeAgent[CallContext] = RealtimeAgent(name="desk")


class Desk:
    """A call on a line, and what came of its tools."""

    def __init__(self, folder: Path, **line: Any) -> None:
        self.told: list[Event | AgentEvent] = []
        self.file = folder / FILE_NAME
        self.line = Line(line="desk", numbers=("*",), **line)
        self.context = CallContext.of(self.line, "CA1", "+15550100", "+15550199")
        tools = tuple(own_tools(self.line, self.context, Messages(folder), self.told.append))
        self.hands = AgentHands(AGENT, self.told.append, context=RunContextWrapper(self.context), tools=tools)

    async def answers(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """What the model is told when it calls a tool."""
        self.hands.carry_out(RunTool(ToolCall("call_1", tool, json.dumps(arguments))))
        await soon(self.hands.idle())
        (answered,) = [event for event in self.told if isinstance(event, ToolAnswered)]
        self.told.remove(answered)
        found: dict[str, Any] = json.loads(answered.output)
        return found

    def kept(self) -> Iterator[dict[str, str]]:
        """The messages that are on the disk."""
        return (json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines())


async def test_a_line_without_them_has_none(tmp_path: Path) -> None:
    """
    An agent can do what its line says, and no more.
    """
    assert (await Desk(tmp_path).hands.profile()).tools == ()
    desk = Desk(tmp_path, variables={"room": ""}, set=("room",), take_message=True)
    assert [tool["name"] for tool in (await desk.hands.profile()).tools] == ["set", "take_message"]


async def test_what_is_set_stands_in_every_gap() -> None:
    """
    Of the variables that the line names, and as text.
    """
    desk = Desk(Path(), variables={"room": "none", "price": "80"}, set=("room",))
    assert await desk.answers("set", name="room", value="12") == {"status": "set", "name": "room", "value": "12"}
    assert (desk.context.values()["room"], desk.context.values()["price"]) == ("12", "80")
    assert desk.line.variables["room"] == "none"


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "price", "value": "1"},
        {"name": "caller", "value": "+1"},
        {"name": "room"},
        {"name": "room", "value": 12},
        {"name": "room", "value": "x" * 1_001},
    ],
)
async def test_nothing_else_can_be_set(arguments: dict[str, Any]) -> None:
    """
    Neither what the line keeps to itself, nor who calls.
    """
    desk = Desk(Path(), variables={"room": "none", "price": "80"}, set=("room",))
    before = desk.context.values()
    assert "error" in await desk.answers("set", **arguments)
    assert {**desk.context.values(), "now": ""} == {**before, "now": ""}


async def test_a_message_is_one_line_of_json(tmp_path: Path) -> None:
    """
    With who it is from, as they said and as the provider did; a message is told of when it is on the disk.
    """
    desk = Desk(tmp_path / "state", take_message=True)
    text = 'Call me,\nplease. "Ünal" \u2028 '
    assert await desk.answers("take_message", text=text, name="Ünal", number="+15550111") == {"status": "taken"}
    assert await desk.answers("take_message", text="Never mind.") == {"status": "taken"}
    first, second = desk.kept()
    assert (first["text"], first["name"], first["number"], first["caller"]) == (
        text.strip(),
        "Ünal",
        "+15550111",
        "+15550100",
    )
    assert (second["name"], second["number"], second["line"], second["call_sid"]) == ("", "+15550100", "desk", "CA1")
    assert desk.told == [MessageTaken("Ünal", "+15550111", text.strip()), MessageTaken("", "+15550100", "Never mind.")]
    assert desk.file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("arguments", [{}, {"text": " "}, {"text": "x" * 10_001}, {"text": "a", "name": "x" * 201}])
async def test_what_is_no_message_is_not_taken(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """
    The model is told why.
    """
    desk = Desk(tmp_path, take_message=True)
    assert "error" in await desk.answers("take_message", **arguments)
    assert not desk.file.exists()
    assert desk.told == []


async def test_a_message_that_cannot_be_written_is_not_lost_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The model is told to tell the caller; the log says why, and not what the message was.
    """
    (tmp_path / "state").write_text("no folder")
    desk = Desk(tmp_path / "state", take_message=True)
    assert "not taken" in (await desk.answers("take_message", text="Call me."))["error"]
    assert "a message was not taken" in caplog.text
    assert "Call me" not in caplog.text
    assert desk.told == []


async def test_messages_of_many_calls_do_not_mix(tmp_path: Path) -> None:
    """
    Each is a line of its own, whoever else leaves one.
    """
    messages = Messages(tmp_path)
    told: list[Event | AgentEvent] = []
    line = Line(line="desk", numbers=("*",), take_message=True)
    context = CallContext.of(line, "CA1", "+15550100", "+15550199")
    hands = AgentHands(AGENT, told.append, tools=tuple(own_tools(line, context, messages, told.append)))
    for number in range(20):
        hands.carry_out(
            RunTool(ToolCall(f"call_{number}", "take_message", json.dumps({"text": f"{number} " + "x" * 9_000})))
        )
    await soon(hands.idle())
    kept = [json.loads(line)["text"].split()[0] for line in messages.file.read_text().splitlines()]
    assert sorted(kept, key=int) == [str(number) for number in range(20)]
