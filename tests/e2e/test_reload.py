"""Lines that are changed while calls go on: nobody is lost, and nothing that is broken is ever used."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from gateway.cli.serve import read_configuration, running
from gateway.lines.files import ConfigFiles
from gateway.settings import load_settings
from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.realtime import RealtimeServer, Session
from gateway.tools.http_client import HttpClient
from gateway.web.reload import LOOK_EVERY_S
from tests.e2e.exchange import NUMBER, Exchange, entries, saying, sound
from tests.e2e.heartbeat import Heartbeat
from tests.lines.folder import written

T = TypeVar("T")
WITHIN_S = 1.0
"""How soon a change is used, on a machine that has nothing else to do."""
PATIENCE_S = 10.0
CALLS = 20


def line(url: str, instructions: str, **keys: str) -> str:
    """A line file."""
    more = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return f"line: desk\nnumbers: {NUMBER}\nurl: {url}\ngreeting: Hello.\ninstructions: {instructions}\n{more}"


@asynccontextmanager
async def served(folder: Path, look_every_s: float = LOOK_EVERY_S) -> AsyncIterator[Exchange]:
    """A gateway that reads its lines from *folder*, and reads them again."""
    async with asyncio.timeout(50), RealtimeServer(saying((sound(60_000),))) as server:
        written(folder, {"lines/desk.yaml": line(server.url, "First.")})
        settings, services = load_settings(None, port=0, config=folder), HttpClient()
        read = partial(read_configuration, settings, services)
        configuration = read(ConfigFiles(folder))
        async with (
            aiohttp.ClientSession() as http,
            running(settings, configuration, services, read=read, look_every_s=look_every_s) as gateway,
        ):
            with Heartbeat() as heartbeat:
                yield Exchange(server, gateway, http, heartbeat)


async def readiness(ex: Exchange) -> dict[str, str]:
    """What the gateway says of itself."""
    async with ex.http.get(f"{ex.address}/readyz") as answer:
        assert answer.status == 200
        found: dict[str, str] = json.loads(await answer.text())
        return found


async def told(ask: Callable[[], Awaitable[T | None]]) -> T:
    """Ask until there is an answer."""
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await ask()) is None:  # noqa: ASYNC110 - a gateway that is asked from outside sets no event
            await asyncio.sleep(0.01)
        return answer


async def exchanged(ex: Exchange, before: str) -> str:
    """Wait until another configuration is used; answers with its hash."""

    async def ask() -> str | None:
        sha = (await readiness(ex))["config"]
        return None if sha == before else sha

    return await told(ask)


async def refused(ex: Exchange) -> str:
    """Wait until what is in the files is refused; answers with why."""

    async def ask() -> str | None:
        return (await readiness(ex)).get("config_refused")

    return await told(ask)


async def put_back(ex: Exchange) -> None:
    """Wait until nothing is refused."""

    async def ask() -> bool | None:
        return None if "config_refused" in await readiness(ex) else True

    await told(ask)


def replace(folder: Path, name: str, text: str) -> None:
    """Exchange a file as editors do: another one gets its name."""
    new = folder / f".{Path(name).name}.new"
    new.write_text(text, encoding="utf-8")
    os.replace(new, folder / name)


async def greeted(ex: Exchange, stack: AsyncExitStack) -> tuple[Phone, Session]:
    """A call that goes on."""
    phone, session = await stack.enter_async_context(ex.call())
    await phone.hears(at_least_ms=100)
    return phone, session


async def test_twenty_reloads_under_twenty_calls_lose_none(tmp_path: Path) -> None:
    """
    Every call goes on hearing its agent, ends as its caller wants, and says with what it began.
    """
    async with served(tmp_path, look_every_s=0.05) as ex, AsyncExitStack() as stack:
        first = (await readiness(ex))["config"]
        calls = [await greeted(ex, stack) for _ in range(CALLS)]
        shas = [first]
        for number in range(20):
            replace(tmp_path, "lines/desk.yaml", line(ex.server.url, f"Version {number}."))
            shas.append(await exchanged(ex, shas[-1]))
        heard = [sum(len(chunk.audio) for chunk in phone.earpiece.chunks) for phone, _ in calls]
        assert all(phone.stream.stopped_ms is None for phone, _ in calls)
        async with ex.call() as (late, session):
            await late.hears(at_least_ms=100)
            assert session.config["instructions"] == "Version 19."
            await late.hang_up()
        await asyncio.gather(*(phone.hears(at_least_ms=200) for phone, _ in calls))
        await asyncio.gather(*(phone.hang_up() for phone, _ in calls))
        assert {await phone.ended() for phone, _ in calls} == {Ending.CALLER_HUNG_UP}
        assert {session.config["instructions"] for _, session in calls} == {"First."}
        ended = [entry for phone, _ in [*calls, (late, None)] for entry in await entries(ex, phone, "ended")]
        counts = await ex.counts()
    assert all(heard)
    assert len(set(shas)) == 21
    assert [entry["details"]["config"] for entry in ended] == [first] * CALLS + [shas[-1]]
    assert counts["calls_total{success}"] == CALLS + 1
    assert counts["config_reloads_total{reloaded}"] == 20
    assert counts[f"config_info{{{shas[-1]}}}"] == 1
    assert len([name for name in counts if name.startswith("config_info")]) == 1


async def test_a_change_is_used_within_a_second(tmp_path: Path) -> None:
    """
    At least once in three tries, since others may use the machine.
    """
    took_s = []
    async with served(tmp_path) as ex:
        sha, loop = (await readiness(ex))["config"], asyncio.get_running_loop()
        for number in range(3):
            began_s = loop.time()
            replace(tmp_path, "lines/desk.yaml", line(ex.server.url, f"Version {number}."))
            sha = await exchanged(ex, sha)
            took_s.append(loop.time() - began_s)
    assert min(took_s) < WITHIN_S


BROKEN = {
    "a key": (
        "lines/desk.yaml",
        "line: desk\nnumbers: '*'\nnumbrs: 1\n",
        "lines/desk.yaml:3:1: numbrs: is an unknown key",
    ),
    "half a file": ("lines/desk.yaml", 'line: desk\nnumbers: "', "lines/desk.yaml:2:10: this quote is never closed"),
    "an agent": ("agents/b.yaml", "voice: cedar\n", "agents/b.yaml:1:1: voice: is an unknown key"),
    "prices": ("prices.yaml", "currency: euro\n", "prices.yaml:1:11: currency: `euro` is not a currency"),
    "a key that is needed": (
        "lines/two.yaml",
        "line: two\nnumbers: '*'\n",
        "lines/two.yaml: backend: openai needs OPENAI_API_KEY",
    ),
}


@pytest.mark.parametrize(("name", "text", "said"), BROKEN.values(), ids=BROKEN)
async def test_what_is_broken_changes_nothing(
    name: str, text: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is told where it is wrong, in one line of the log and to operators, and counted; callers go on being answered.
    What is put back is no longer held against anybody.
    """
    caplog.set_level(logging.INFO)
    async with served(tmp_path) as ex:
        before = (await readiness(ex))["config"]
        sound_text = (tmp_path / "lines/desk.yaml").read_text()
        written(tmp_path, {name: text})
        why = await refused(ex)
        assert said in why
        assert (await readiness(ex))["config"] == before
        async with ex.call() as (phone, session):
            await phone.hears(at_least_ms=100)
            assert session.config["instructions"] == "First."
            await phone.hang_up()
        counts = await ex.counts()
        assert (counts["config_reloads_total{refused}"], counts["config_stale"]) == (1, 1)
        if name == "lines/desk.yaml":
            written(tmp_path, {name: sound_text})
        else:
            (tmp_path / name).unlink()
        await put_back(ex)
        assert "config_stale" not in await ex.counts()
    records = [record for record in caplog.records if "configuration refused" in record.message]
    assert [record.levelname for record in records] == ["ERROR"]
    assert said in records[0].message
    assert "\n" not in records[0].message


async def test_a_refusal_is_mended_by_the_next_change(tmp_path: Path) -> None:
    """
    Nobody has to restart anything.
    """
    async with served(tmp_path) as ex:
        before = (await readiness(ex))["config"]
        written(tmp_path, {"lines/desk.yaml": "line: [\n"})
        await refused(ex)
        written(tmp_path, {"lines/desk.yaml": line(ex.server.url, "Mended.")})
        await exchanged(ex, before)
        assert "config_refused" not in await readiness(ex)


async def test_files_that_lines_name_are_looked_at_too(tmp_path: Path) -> None:
    """
    Instructions, agents and holidays; one that was missing is found when it comes.
    """
    async with served(tmp_path) as ex:
        sha = (await readiness(ex))["config"]
        text = line(ex.server.url, "x").replace("instructions: x", "instructions_file: text/desk.txt")
        written(tmp_path, {"lines/desk.yaml": text})
        assert "`text/desk.txt` is no file" in await refused(ex)
        for instructions in ("One.", "Other."):
            written(tmp_path, {"text/desk.txt": instructions})
            sha = await exchanged(ex, sha)
        async with ex.call() as (phone, session):
            await phone.hears(at_least_ms=100)
            assert session.config["instructions"] == "Other."
            await phone.hang_up()


async def test_lines_come_and_go(tmp_path: Path) -> None:
    """
    A new file answers its number, and a file that is gone no more; its calls go on.
    """
    number = "+15550177"
    async with served(tmp_path) as ex, AsyncExitStack() as stack:
        sha = (await readiness(ex))["config"]
        second = line(ex.server.url, "Second.").replace("desk", "second").replace(NUMBER, number)
        written(tmp_path, {"lines/second.yaml": second})
        sha = await exchanged(ex, sha)
        phone, session = await stack.enter_async_context(ex.call(to=number))
        await phone.hears(at_least_ms=100)
        assert session.config["instructions"] == "Second."
        (tmp_path / "lines/second.yaml").unlink()
        await exchanged(ex, sha)
        assert await ex.ring("CA9", To=number) == await ex.ring("CA9", To="+15550000")
        await phone.hears(at_least_ms=200)
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP


async def test_a_line_may_begin_to_need_the_built_in_server(tmp_path: Path) -> None:
    """
    It is started then.
    """
    async with served(tmp_path) as ex:
        sha = (await readiness(ex))["config"]
        local = f"line: desk\nnumbers: {NUMBER}\nbackend: local\ngreeting: Hello.\n"
        written(tmp_path, {"lines/desk.yaml": local})
        await exchanged(ex, sha)
        async with ex.phone(to=NUMBER) as phone:
            await phone.dial()
            await phone.hears(at_least_ms=100)
            await phone.hang_up()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="MISSING: there is no SIGHUP here")
async def test_a_signal_has_everything_read_anew(tmp_path: Path) -> None:
    """
    Changed or not.
    """
    async with served(tmp_path) as ex:
        os.kill(os.getpid(), signal.SIGHUP)

        async def ask() -> float | None:
            return (await ex.counts()).get("config_reloads_total{reloaded}")

        assert await told(ask) == 1


async def test_files_that_are_only_touched_are_not_taken_for_new(tmp_path: Path) -> None:
    """
    Nor those that are no part of the configuration.
    """
    async with served(tmp_path) as ex:
        written(tmp_path, {"README.md": "Hello.", "lines/notes.txt": "Hello.", "lines/.desk.yaml.swp": "Hello."})
        os.utime(tmp_path / "lines/desk.yaml")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                await exchanged(ex, (await readiness(ex))["config"])
        assert not [name for name in await ex.counts() if name.startswith("config_reloads")]


def children() -> set[str]:
    """The processes that this one has started and that are still there."""
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text(encoding="ascii").split())


def with_server(ex: Exchange, allow: str, instructions: str) -> dict[str, str]:
    """A line whose agent has tools of a server."""
    return {"lines/desk.yaml": f"{line(ex.server.url, instructions)}tools:\n- {{{SERVER}, allow: [{allow}]}}\n"}


SERVER = f"type: mcp, command: [{sys.executable}, {Path(__file__).parents[1] / 'tools' / 'kitchen.py'}]"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="MISSING: there is no /proc here")
async def test_servers_of_tools_are_there_before_their_lines_and_stay_for_their_calls(tmp_path: Path) -> None:
    """
    A tool that the server has not is refused; what an old configuration has running ends with its last call.
    """
    before = children()
    async with served(tmp_path) as ex, AsyncExitStack() as stack:
        sha = (await readiness(ex))["config"]
        written(tmp_path, with_server(ex, "cuont", "None."))
        assert "did you mean `count`" in await refused(ex)
        written(tmp_path, with_server(ex, "count", "One."))
        sha = await exchanged(ex, sha)
        (first,) = children() - before
        phone, session = await greeted(ex, stack)
        assert [tool["name"] for tool in session.config["tools"]] == ["count"]
        written(tmp_path, with_server(ex, "count, menu", "Two."))
        sha = await exchanged(ex, sha)
        assert len(children() - before) == 2
        await phone.hang_up()
        await phone.ended()

        async def ask() -> bool | None:
            return None if first in children() else True

        await told(ask)
        assert len(children() - before) == 1
    assert children() == before
