"""What a function is to a model, and what a call of it comes to."""

import asyncio
import json
import sys
import threading
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from gateway.agent import AgentEvent, RunTool, ToolAnswered, ToolCall
from gateway.realtime import (
    AgentHands,
    BackgroundResult,
    FunctionTool,
    RealtimeAgent,
    RunContextWrapper,
    ToolContext,
    ToolError,
    UserError,
    function_tool,
)
from tests.realtime.ear import soon


class Guest(BaseModel):
    """Who comes."""

    name: str


class View(Enum):
    """Where the window is."""

    SEA = "sea"
    YARD = "yard"


async def answer(tool: FunctionTool, arguments: str = "{}", *, context: object = None) -> ToolAnswered:
    """What the model is told of a call."""
    events: asyncio.Queue[AgentEvent] = asyncio.Queue()
    hands = AgentHands(RealtimeAgent("A", tools=[tool]), events.put_nowait, context=RunContextWrapper(context))
    hands.carry_out(RunTool(ToolCall("call_1", tool.name, arguments)))
    event = await soon(events.get())
    await soon(hands.close())
    assert isinstance(event, ToolAnswered)
    return event


async def error(tool: FunctionTool, arguments: str = "{}") -> str:
    """What the model is told of a call that fails."""
    told = json.loads((await answer(tool, arguments)).output)
    assert list(told) == ["error"]
    return str(told["error"])


def schema(function: Any) -> Mapping[str, Any]:
    """The properties that a model is told of."""
    properties: Mapping[str, Any] = function_tool(function).params_json_schema["properties"]
    return properties


def test_a_tool_is_described_by_the_hints_and_the_docstring() -> None:
    """
    Its name, what it is for, what it takes, what may be left out; and nothing else may be said.
    """

    @function_tool
    def book(date: str, guests: int = 2, *, view: View = View.SEA, kind: Literal["single", "double"] = "double") -> str:
        """
        Book a room.

        Args:
            date: The first night.
            guests (int): How many sleep there,
                children too.

        Returns:
            Whether it worked.
        """
        return f"{date} {guests} {view} {kind}"

    assert (book.name, book.description) == ("book", "Book a room.")
    properties = book.params_json_schema["properties"]
    assert properties["date"] == {"type": "string", "description": "The first night."}
    assert properties["guests"] == {
        "type": "integer",
        "description": "How many sleep there, children too.",
        "default": 2,
    }
    assert properties["kind"]["enum"] == ["single", "double"]
    assert book.params_json_schema["required"] == ["date"]
    assert book.params_json_schema["additionalProperties"] is False


def sphinx(date: str) -> None:
    """
    Book.

    :param date: The first night,
        local time.
    :returns: Nothing.
    """


def numpy(date: str) -> None:
    """
    Book.

    Parameters
    ----------
    date : str
        The first night,
        local time.

    Returns
    -------
    None
    """


def google(date: str) -> None:
    """
    Book.

    Args:
        date (str): The first night, local time.

    Raises:
        ValueError: For the past.
    """


def annotated(date: Annotated[str, "The first night, local time."]) -> None:
    """Book."""


def with_field(date: Annotated[str, Field(description="The first night, local time.")]) -> None:
    """Book."""


@pytest.mark.parametrize("function", [sphinx, numpy, google, annotated, with_field])
def test_parameters_are_described_in_everybodys_manner(function: Any) -> None:
    """
    In the docstring or beside the hint.
    """
    assert function_tool(function).description == "Book."
    assert schema(function)["date"]["description"] == "The first night, local time."


def test_names_that_a_schema_uses_itself_are_names_like_any_other() -> None:
    """
    A parameter may be called `schema`, `copy`, `json` or `model_name`, or begin with an underscore.
    """

    def odd(schema: str, copy: int, json: float, model_name: bool, _hidden: str) -> None: ...

    assert list(schema(odd)) == ["schema", "copy", "json", "model_name", "_hidden"]


async def test_arguments_come_as_what_the_hints_say() -> None:
    """
    Models, enumerations and numbers that are spelled as text; positional ones too.
    """

    @function_tool
    async def book(guest: Guest, view: View, nights: int, /, note: str | None = None) -> list[object]:
        return [guest.name, view is View.SEA, nights, note]

    told = await answer(book, '{"guest": {"name": "Ada"}, "view": "sea", "nights": "3"}')
    assert told.output == '["Ada",true,3,null]'


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("{", "malformed arguments"),
        ("[1]", "malformed arguments"),
        ("{}", "nights: Field required"),
        ('{"nights": "many"}', "nights: Input should be a valid integer"),
        ('{"nights": 2, "pets": 1}', "pets: Extra inputs are not permitted"),
        ('{"nights": -1}', "nights: Input should be greater than"),
    ],
)
async def test_arguments_that_make_no_sense_are_told_to_the_model(arguments: str, named: str) -> None:
    """
    By name, and the tool does not run.
    """
    ran = []

    @function_tool
    async def book(nights: Annotated[int, Field(ge=0)]) -> None:
        ran.append(nights)

    assert named in await error(book, arguments)
    assert ran == []


async def test_what_is_no_argument_is_passed_over_where_that_is_allowed() -> None:
    """
    With `strict_mode=False`, and without any arguments at all.
    """

    @function_tool(strict_mode=False)
    async def book(nights: int = 1) -> int:
        return nights

    assert (await answer(book, '{"nights": 2, "pets": 1}')).output == "2"
    assert (await answer(book, "")).output == "1"


async def test_a_tool_may_want_the_context() -> None:
    """
    By the hint of its first parameter: the user's object, and which call it is; the model is not told of it.
    """

    @function_tool
    async def book(context: ToolContext[dict[str, str]], date: str) -> list[str | None]:
        return [context.context["caller"], context.tool_name, context.tool_call_id, context.tool_arguments, date]

    assert list(book.params_json_schema["properties"]) == ["date"]
    told = await answer(book, '{"date": "today"}', context={"caller": "+15550100"})
    assert json.loads(told.output) == ["+15550100", "book", "call_1", '{"date": "today"}', "today"]


async def test_a_tool_that_is_not_async_holds_nothing_up() -> None:
    """
    It runs in a thread: the loop goes on while it waits.
    """
    free = threading.Event()

    @function_tool
    def slow() -> str:
        return "free" if free.wait(5) else "held up"

    told = asyncio.ensure_future(answer(slow))
    asyncio.get_running_loop().call_later(0.01, free.set)
    assert (await soon(told)).output == "free"


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("sunny", "sunny"),
        ({"rooms": [1, 2]}, '{"rooms":[1,2]}'),
        (Guest(name="Ada"), '{"name":"Ada"}'),
        (None, "null"),
        (b"\xff".hex, None),
    ],
)
async def test_words_are_told_as_they_are_and_all_else_as_json(output: object, told: str | None) -> None:
    """
    What JSON has no form for is told by its `str`.
    """

    @function_tool
    async def find() -> object:
        return output

    assert (await answer(find)).output == (json.dumps(str(output)) if told is None else told)


async def test_far_too_much_is_cut_and_the_model_knows() -> None:
    """
    At 64 KiB, between two characters.
    """

    @function_tool
    async def read() -> str:
        return "é" * 100_000

    told = (await answer(read)).output
    assert len(told.encode()) < 66_000
    assert told.startswith("é" * 32_768 + "…")
    assert "200000 bytes" in told


async def test_what_a_tool_raises_is_told_to_the_model(caplog: pytest.LogCaptureFixture) -> None:
    """
    The operator sees the traceback, unless the tool meant it for the model.
    """

    @function_tool
    async def fails() -> None:
        raise ValueError("no such room")

    @function_tool
    async def tells() -> None:
        raise ToolError("no such room")

    assert await error(tells) == "no such room"
    assert not caplog.records
    assert await error(fails) == "no such room"
    assert "ValueError" in caplog.text


@pytest.mark.parametrize("leaves", [lambda: next(iter(())), lambda: sys.exit(2)])
async def test_no_way_of_leaving_a_thread_is_missed(leaves: Any, caplog: pytest.LogCaptureFixture) -> None:
    """
    Neither `StopIteration` nor `SystemExit` leaves the model without an answer.
    """

    @function_tool
    def leave() -> None:
        leaves()

    assert "it ended with" in await error(leave)


async def test_a_tool_may_say_what_its_failure_is_called() -> None:
    """
    In words of its own, or not at all.
    """

    def worded(context: RunContextWrapper[Any], error: Exception) -> str:
        return f"sorry: {error}"

    @function_tool(failure_error_function=worded)
    async def polite() -> None:
        raise ToolError("closed")

    @function_tool(failure_error_function=None)
    async def discreet() -> None:
        raise ToolError("the password is 1234")

    assert (await answer(polite)).output == "sorry: closed"
    assert await error(discreet) == "the tool failed"


async def test_a_tool_that_takes_too_long_is_given_up() -> None:
    """
    The model is told; a time-out of the tool's own making is told as what it is.
    """

    @function_tool(timeout=0.01)
    async def slow() -> None:
        await asyncio.Event().wait()

    @function_tool(timeout=60)
    async def impatient() -> None:
        raise TimeoutError("the booking system is slow")

    assert await error(slow) == "slow did not answer within 0.01 s"
    assert await error(impatient) == "the booking system is slow"


async def test_a_tool_that_breaks_itself_off_is_answered() -> None:
    """
    Whatever is cancelled in it.
    """

    @function_tool
    async def broken() -> None:
        raise asyncio.CancelledError

    assert await error(broken) == "broken was broken off"


async def test_an_answer_need_not_be_spoken_of() -> None:
    """
    A background result asks for no response.
    """

    @function_tool
    async def note() -> BackgroundResult:
        return BackgroundResult({"noted": True})

    assert await answer(note) == ToolAnswered("call_1", '{"noted":true}', responds=False)


def collects(*rooms: str) -> None:
    """Take any number."""


def unknown(date: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821 - on purpose
    """Has a hint that nobody knows."""


def opaque(lock: type(threading.Lock())) -> None:  # type: ignore[valid-type]
    """Has a hint that no JSON fits."""


@pytest.mark.parametrize(
    ("function", "named"), [(collects, r"\*rooms"), (unknown, "Nowhere"), (opaque, "cannot be described")]
)
def test_a_function_that_no_model_could_call_is_refused(function: Any, named: str) -> None:
    """
    When it is made a tool, and by name.
    """
    with pytest.raises(UserError, match=named):
        function_tool(function)
