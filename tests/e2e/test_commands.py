"""The command, as an operator runs it."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from tests.e2e.exchange import NUMBER

LINE = f"""\
line: front-desk
numbers: "{NUMBER}"
backend: local
greeting: Hello.
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration folder with one good line."""
    folder = tmp_path / "lines"
    folder.mkdir()
    folder.joinpath("front-desk.yaml").write_text(LINE)
    return tmp_path


@asynccontextmanager
async def command(*arguments: str, config: Path, **variables: str) -> AsyncIterator[Process]:
    """`gateway` in a process of its own, in an environment without settings."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "OPENAI_"))}
    environ |= {"GATEWAY_CONFIG": str(config), "GATEWAY_PORT": "0", **variables}
    line = (sys.executable, "-W", "ignore", "-m", "gateway", *arguments)
    process = await asyncio.create_subprocess_exec(*line, stdout=PIPE, stderr=PIPE, env=environ)
    try:
        async with asyncio.timeout(20):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(*arguments: str, config: Path, **variables: str) -> tuple[int | None, str, str]:
    """Exit status, standard output and standard error of a command that ends by itself."""
    async with command(*arguments, config=config, **variables) as process:
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


async def voice_url(process: Process) -> str:
    """The address that `serve` says the webhook has to be set to."""
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb"http://\S+/twilio/voice", line):
            return found[0].decode()
    raise AssertionError("expected an address, found the end of the log")


async def test_check_finds_nothing_wrong(config: Path) -> None:
    """
    With everything in order it says which lines there are, and its status is 0.
    """
    status, output, errors = await outcome("check", config=config)
    assert (status, errors) == (0, "")
    assert "front-desk" in output
    assert NUMBER in output


async def test_check_says_everything_that_is_wrong(config: Path) -> None:
    """
    Every problem is named at once, each with the file or the variable, and the status is 2.
    """
    config.joinpath("lines", "second.yaml").write_text("line: Second\nnumbers: 12\n")
    status, output, errors = await outcome("check", config=config, GATEWAY_HOST="0.0.0.0", GATEWAY_COLOUR="red")
    assert (status, output) == (2, "")
    for named in ("second.yaml", "line", "numbers", "GATEWAY_TWILIO_AUTH_TOKEN", "GATEWAY_COLOUR"):
        assert named in errors


@pytest.mark.parametrize("arguments", [(), ("fly",), ("serve", "--fast")])
async def test_a_command_that_does_not_exist_is_explained(arguments: tuple[str, ...], config: Path) -> None:
    """
    Its status is 2, and standard error says how to use the command.
    """
    status, output, errors = await outcome(*arguments, config=config)
    assert (status, output) == (2, "")
    assert "usage: gateway" in errors


async def test_serve_refuses_what_check_refuses(config: Path) -> None:
    """
    It does not listen to the world without a secret, nor with broken lines, and shows no traceback.
    """
    exposed = await outcome("serve", config=config, GATEWAY_HOST="0.0.0.0")
    broken = await outcome("serve", config=config / "nowhere")
    for status, _, errors in (exposed, broken):
        assert status == 2
        assert errors.startswith("gateway: ")
        assert "Traceback" not in errors


async def test_serve_answers_calls_with_the_built_in_server(config: Path) -> None:
    """
    A call is greeted; an interrupt ends it in the fallback, the log says so in one line, and the status is 0.
    """
    async with command("serve", config=config) as process:
        async with Phone(await voice_url(process), to=NUMBER) as phone:
            await phone.dial()
            await phone.hears(at_least_ms=100)
            process.send_signal(signal.SIGINT)
            assert await phone.ended() is Ending.AGENT_HUNG_UP
        _, errors = await process.communicate()
        assert process.returncode == 0
    assert errors.count(b"call ended  duration_ms=") == 1
    assert b"Traceback" not in errors
    assert b"Hello" not in errors


async def test_serve_lets_calls_end_when_it_is_told_to_stop(config: Path) -> None:
    """
    After SIGTERM new callers are told politely, the call under way goes on, and with its end the status is 0.
    """
    async with command("serve", config=config) as process:
        url = await voice_url(process)
        async with Phone(url, to=NUMBER) as phone, Phone(url, to=NUMBER) as late:
            await phone.dial()
            await phone.hears(at_least_ms=50)
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            await process.stderr.readuntil(b"draining")
            await late.dial()
            assert (await late.ended(), late.streams) == (Ending.AGENT_HUNG_UP, [])
            await phone.hears(at_least_ms=300)
            await phone.hang_up()
            assert await phone.ended() is Ending.CALLER_HUNG_UP
        assert await process.wait() == 0


async def test_serve_may_be_told_to_stop_twice(config: Path) -> None:
    """
    A second SIGTERM cuts off what is under way.
    """
    async with command("serve", config=config) as process:
        async with Phone(await voice_url(process), to=NUMBER) as phone:
            await phone.dial()
            await phone.hears(at_least_ms=50)
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            await process.stderr.readuntil(b"draining")
            process.send_signal(signal.SIGTERM)
            assert await phone.ended() is Ending.AGENT_HUNG_UP
        assert await process.wait() == 0


async def test_call_shows_how_a_call_goes(config: Path) -> None:
    """
    It prints who spoke, the ledger while it grows and the account of each item, and its status is 0.
    """
    async with command("serve", config=config) as process:
        address = (await voice_url(process)).removesuffix("/twilio/voice")
        status, output, errors = await outcome("call", NUMBER, "--gateway", address, config=config)
    assert (status, errors) == (0, "")
    for shown in (
        r"agent    “Hello\.”",
        r"ledger   …\w{5}  generated",
        r"discarded ms +heard words\n",
        "heard whole  Hello",
    ):
        assert re.search(shown, output), shown
