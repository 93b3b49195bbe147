"""Functions in Python that files name are tools, or it is said what is wrong with the name."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.lines.places import Place
from gateway.lines.problems import LinesError
from gateway.lines.tools.python import PythonTool
from gateway.lines.validation import validated
from gateway.lines.yaml_source import read_source
from gateway.realtime.tools import FunctionTool
from gateway.tools.imports import look_in
from gateway.tools.python import python_tool
from tests.tools.mcp_world import Model

MODULE = '''
import threading
from typing import Annotated
from gateway.realtime.tools import function_tool

def find_room(date: Annotated[str, "the first night"], guests: int = 2) -> dict:
    """Find a free room."""
    return {"room": f"{date} for {guests}", "thread": threading.get_ident()}

async def where() -> int:
    """Say in which thread it runs."""
    return threading.get_ident()

@function_tool(needs_approval=True, timeout=3.0, name_override="cancel")
def cancel_room(number: int) -> str:
    """Cancel a booking."""
    return "cancelled"

def variadic(*numbers: int) -> int:
    """Add."""
    return sum(numbers)

class Room:
    """No function."""

price = 80
'''


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of configuration with modules in it, which Python forgets again."""
    (tmp_path / "rooms.py").write_text(MODULE)
    (tmp_path / "flooded.py").write_text("1 / 0")
    before, modules = list(sys.path), set(sys.modules)
    look_in(tmp_path)
    yield tmp_path
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def tool(folder: Path, text: str) -> FunctionTool:
    """What comes of a tool as a file says it."""
    file, text = folder / "tool.yaml", f"type: python\n{text}"
    file.write_text(text)
    return python_tool(validated(PythonTool, read_source(file, text)), Place("hotel", file, ()))


def test_a_function_says_itself_what_it_is(folder: Path) -> None:
    """
    To the model: its name, its docstring, its parameters.
    """
    found = tool(folder, "function: rooms:find_room")
    assert (found.name, found.description) == ("find_room", "Find a free room.")
    assert found.params_json_schema["properties"]["date"] == {"type": "string", "description": "the first night"}
    assert found.params_json_schema["required"] == ["date"]
    assert (found.needs_approval, found.timeout_seconds) == (False, 10)


def test_a_file_may_say_it_otherwise(folder: Path) -> None:
    """
    And have somebody agree to each call, and bound its time.
    """
    found = tool(
        folder,
        "function: rooms:find_room\nname: search\ndescription: Look for a room.\napprove: always\ntimeout_s: 2.5\n",
    )
    assert (found.name, found.description) == ("search", "Look for a room.")
    assert (found.needs_approval, found.timeout_seconds) == (True, 2.5)


def test_what_is_a_tool_already_stays_as_it_is(folder: Path) -> None:
    """
    Where the file says nothing else; an approval that the code asks for cannot be done away with.
    """
    found = tool(folder, "function: rooms:cancel_room\napprove: never\n")
    assert (found.name, found.needs_approval, found.timeout_seconds) == ("cancel", True, 3.0)
    assert tool(folder, "function: rooms:cancel_room\ntimeout_s: 5\n").timeout_seconds == 5


async def test_a_function_that_waits_runs_in_a_thread_of_its_own(folder: Path) -> None:
    """
    One that is `async` runs where the audio does.
    """
    model = Model(tool(folder, "function: rooms:find_room"), tool(folder, "function: rooms:where"))
    room, here = await model.ask("find_room", date="Monday"), await model.ask("where")
    assert room["room"] == "Monday for 2"
    assert room["thread"] != here


async def test_arguments_that_do_not_fit_are_refused(folder: Path) -> None:
    """
    Before the function sees them; the model is told what is wrong.
    """
    told = await Model(tool(folder, "function: rooms:find_room")).ask("find_room", date="Monday", guests="a few")
    assert "guests" in json.dumps(told["error"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("rooms:find_rom", "`find_rom` is not there in rooms; did you mean `find_room`?"),
        ("rooms:price", "`price` is no function in rooms"),
        ("rooms:Room", "`Room` is no function in rooms"),
        ("rooms:variadic", "a tool has to name its parameters"),
        ("no_such_rooms:find", "ModuleNotFoundError: No module named 'no_such_rooms'"),
        ("flooded:find", "ZeroDivisionError: division by zero"),
        ("rooms", "write module:name, like bakery:front_desk"),
    ],
)
def test_what_is_wrong_with_a_name_is_said_where_it_is(folder: Path, name: str, told: str) -> None:
    """
    File, line, column and what to do; a module that fails is quoted.
    """
    with pytest.raises(LinesError) as caught:
        tool(folder, f"function: {name}\n")
    assert "tool.yaml:2:11: function: " in str(caught.value)
    assert told in str(caught.value)
