"""The five lines that the README of the configuration begins with, over the simulated phone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.lines import Line, Ring, load_lines, route
from gateway.sim.realtime import Behaviour, Call, Say, Session
from tests.e2e.exchange import Exchange, asked, entries, exchange, noise, saying, sound
from tests.lines.folder import written

README = (Path(__file__).parents[2] / "config" / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Five lines to start from\n")[1].split("\n## ")[0]
EXAMPLES = {
    text.split("\n")[0].removeprefix("line: "): text for text in re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
}
CALLER = "+15550100"


def example(folder: Path, name: str, *changes: tuple[str, str]) -> Line:
    """One of the five, with texts in it exchanged."""
    text = EXAMPLES[name]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (line,) = load_lines(written(folder, {f"lines/{name}.yaml": text}))
    return line


@asynccontextmanager
async def answered(line: Line, behaviour: Behaviour) -> AsyncIterator[Exchange]:
    """A gateway with this line alone."""
    keys = {name: getattr(line, name) for name in line.model_fields_set - {"numbers", "when"}}
    async with exchange(behaviour, **keys) as ex:
        yield ex


def outputs(session: Session) -> list[Any]:
    """What the model was told by tools, in order."""
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    return [json.loads(item["output"]) for item in items if item["type"] == "function_call_output"]


def test_there_are_five() -> None:
    """
    And they are what the section says.
    """
    assert list(EXAMPLES) == ["receptionist", "after-hours", "tables", "support", "bilingual"]


async def test_the_receptionist_takes_a_message(tmp_path: Path) -> None:
    """
    It greets, knows what day it is, and can put callers through to the kitchen and nowhere else.
    """
    line = example(tmp_path, "receptionist")
    message = {"name": "Ada", "number": CALLER, "text": "Please call back."}
    async with answered(line, saying((sound(200),), (Call("take_message", message),), (sound(300),))) as ex:
        async with ex.call(caller=CALLER) as (phone, session):
            await phone.hears(at_least_ms=150)
            phone.say(noise(300))
            await phone.hears(at_least_ms=450)
            tools = {tool["name"]: tool for tool in session.config["tools"]}
            await phone.hang_up()
        assert [entry["kind"] for entry in await entries(ex, phone, "tool_answered")] == ["tool_answered"]
    assert str(datetime.now(UTC).year) in session.config["instructions"]
    assert tools.keys() == {"hang_up", "transfer", "take_message"}
    assert tools["transfer"]["parameters"]["properties"]["destination"]["enum"] == ["kitchen"]
    assert "error" not in outputs(session)[0]


@pytest.mark.parametrize(
    ("at", "line"),
    [
        ("2026-11-20T10:00:00+01:00", "receptionist"),
        ("2026-11-20T19:00:00+01:00", "after-hours"),
        ("2026-11-22T12:00:00+01:00", "after-hours"),
        ("2026-12-25T12:00:00+01:00", "after-hours"),
        ("2026-12-28T07:59:00+01:00", "after-hours"),
        ("2026-12-28T08:00:00+01:00", "receptionist"),
    ],
)
def test_after_hours_another_line_answers(tmp_path: Path, at: str, line: str) -> None:
    """
    At night, at the weekend and on holidays; the number is the same.
    """
    lines = load_lines(written(tmp_path, {f"lines/{name}.yaml": EXAMPLES[name] for name in EXAMPLES}))
    routed = route(lines, Ring(("+15550101",), CALLER, datetime.fromisoformat(at)))
    assert routed.line is not None
    assert routed.line.line == line


async def test_the_line_after_hours_takes_calls(tmp_path: Path) -> None:
    """
    In its own words.
    """
    line = example(tmp_path, "after-hours")
    async with answered(line, saying((sound(200),))) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=150)
        await phone.hang_up()
    assert "We are asleep" in asked(session, "response.create")[0]["response"]["instructions"]


@dataclass
class Tables:
    """A service that books tables."""

    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    async def free(self, request: web.Request) -> web.Response:
        """When a table is free."""
        self.seen.append((request.path_qs, dict(request.headers)))
        return web.json_response({"free": [{"time": "19:30", "table": 4}, {"time": "21:00", "table": 2}]})

    async def book(self, request: web.Request) -> web.Response:
        """Too busy the first time."""
        self.keys.append(request.headers.get("Idempotency-Key"))
        if len(self.keys) == 1:
            return web.Response(status=503)
        self.seen.append((request.path_qs, await request.json()))
        return web.json_response({"booking": "B-17"}, status=201)


@asynccontextmanager
async def listening(tables: Tables) -> AsyncIterator[str]:
    """Where the service is."""
    app = web.Application()
    app.add_routes([web.get("/days/{day}", tables.free), web.post("/bookings", tables.book)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_table_is_booked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the service's key, with the caller's number, and once, however often it is asked.
    """
    monkeypatch.setenv("TABLES_KEY", "key_1")
    looks = Call("free_tables", {"day": "2026-11-27", "guests": 4})
    books = Call("book_table", {"day": "2026-11-27", "time": "19:30", "guests": 4, "name": "Ada"})
    tables = Tables()
    async with listening(tables) as url:
        local = f"allow_private: [127.0.0.0/8]\n    url: {url}"
        line = example(tmp_path, "tables", ("url: https://tables.example.com", local))
        async with (
            answered(line, saying((sound(200),), (looks,), (books,), (sound(300),))) as ex,
            ex.call(caller=CALLER) as (phone, session),
        ):
            await phone.hears(at_least_ms=150)
            phone.say(noise(300))
            await phone.hears(at_least_ms=450)
            await phone.hang_up()
    assert outputs(session) == [{"result": ["19:30", "21:00"]}, {"result": {"booking": "B-17"}}]
    (path, headers), (_, booked) = tables.seen
    assert path == "/days/2026-11-27?guests=4"
    assert headers["Authorization"] == "Bearer key_1"
    assert booked == {"day": "2026-11-27", "time": "19:30", "guests": 4, "name": "Ada", "phone": CALLER}
    assert len(tables.keys) == 2
    assert len(set(tables.keys)) == 1
    assert tables.keys[0]


async def test_support_hands_over_and_promises_nothing(tmp_path: Path) -> None:
    """
    Whoever speaks: what must not be said is cut, and the line's words are said in its place.
    """
    promise = Say("I promise that you will have your money back within a day, and a cake with it.", noise(3_000))
    replies = saying((sound(200),), (Call("transfer_to_billing", {}),), (promise,), (sound(300),))
    async with answered(example(tmp_path, "support"), replies) as ex:
        async with ex.call(caller=CALLER) as (phone, session):
            await phone.hears(at_least_ms=150)
            phone.say(noise(300))
            await phone.cleared()
            await phone.hears(at_least_ms=200)
            await phone.hang_up()
        assert [entry["text"] for entry in await entries(ex, phone, "handed_over")] == ["billing"]
        assert len(await entries(ex, phone, "guardrail")) == 1
    assert session.config["instructions"] == f"You answer questions about bills. The caller's number is {CALLER}."
    assert "I cannot promise that on the phone." in asked(session, "response.create")[-1]["response"]["instructions"]


async def test_keys_choose_the_language(tmp_path: Path) -> None:
    """
    Without asking the model: 1 hands over, 2 is answered, and another key is told to be none.
    """
    line = example(tmp_path, "bilingual")
    async with answered(line, saying((sound(200),), (sound(300),))) as ex:
        async with ex.call() as (phone, session):
            await phone.hears(at_least_ms=150)
            phone.press("2")
            await session.happened(lambda session: len(asked(session, "response.create")) == 2)
            await phone.hears(at_least_ms=250)
            phone.press("1")
            await session.happened(lambda session: "German" in session.config["instructions"])
            await phone.hang_up()
        assert [entry["text"] for entry in await entries(ex, phone, "handed_over")] == ["german"]
    assert "We are open day and night." in asked(session, "response.create")[1]["response"]["instructions"]
