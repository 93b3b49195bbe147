"""`gateway sim`, as somebody runs it who has no trunk."""

import re
import socket
from pathlib import Path

import pytest

from gateway.cli.sim import EXAMPLE_KEY, EXAMPLE_SECRET
from tests.e2e.exchange import NUMBER
from tests.e2e.test_commands import command, outcome, voice_url

LINE = f"""\
line: front-desk
numbers: "{NUMBER}"
greeting: Hello.
barge_in: confirmed
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration folder with one line that answers, and one that does not."""
    folder = tmp_path / "lines"
    folder.mkdir()
    folder.joinpath("front-desk.yaml").write_text(LINE)
    folder.joinpath("closed.yaml").write_text("line: closed\nnumbers: +15550120\nreject: busy\n")
    return tmp_path


def free_port() -> int:
    """A port that is free, as is the one above it."""
    while True:
        with socket.socket() as one, socket.socket() as above:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                above.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def needed(shown: str) -> dict[str, str]:
    """What the command says that the gateway has to run with."""
    return dict(re.findall(r"^  (\w+)=(\S+)$", shown, re.MULTILINE))


async def test_sim_says_what_there_is(config: Path) -> None:
    """
    Without a word of what to play it prints its help.
    """
    status, output, errors = await outcome("sim", config=config)
    assert (status, errors) == (0, "")
    assert re.search(r"sip +play the service", output)


async def test_sim_sip_rings_and_shows_how_a_call_goes(config: Path, tmp_path: Path) -> None:
    """
    A gateway that runs with what it is said to need answers; a line that turns callers away does so, with status 1.
    """
    port = str(free_port())
    status, output, errors = await outcome("sim", "sip", NUMBER, "--port", port, config=config)
    assert status == 2
    assert "gateway serve" in errors
    variables = needed(output)
    assert (variables["OPENAI_API_KEY"], variables["OPENAI_WEBHOOK_SECRET"]) == (EXAMPLE_KEY, EXAMPLE_SECRET)
    state = str(tmp_path / "state")
    async with command("serve", config=config, GATEWAY_STATE=state, **variables) as process:
        address = (await voice_url(process)).removesuffix("/twilio/voice")
        ring = ("sim", "sip", "--port", port, "--gateway", address)
        status, output, errors = await outcome(*ring, NUMBER, config=config)
        assert (status, errors) == (0, "")
        assert re.search(r"agent    “Hello\.”", output)
        assert "call over: the caller hung up" in output
        status, output, errors = await outcome(*ring, "+15550120", config=config)
        assert (status, errors) == (1, "")
        assert "the caller is told 486" in output
        wrong = await outcome(*ring, NUMBER, config=config, OPENAI_WEBHOOK_SECRET="whsec_c2VjcmV0")
        assert wrong[0] == 2
        assert "answers HTTP 403" in wrong[2]
        assert "c2VjcmV0" not in wrong[1] + wrong[2]


async def test_serve_says_what_cannot_be_done_by_sip(config: Path, tmp_path: Path) -> None:
    """
    In one line of its log, which names the lines; and check refuses a secret without a key.
    """
    secrets = {"OPENAI_WEBHOOK_SECRET": EXAMPLE_SECRET, "OPENAI_API_KEY": EXAMPLE_KEY}
    async with command("serve", config=config, GATEWAY_STATE=str(tmp_path / "state"), **secrets) as process:
        await voice_url(process)
        assert process.stderr is not None
        told = [(await process.stderr.readline()).decode() for _ in range(2)]
    assert "/openai/webhook" in told[0]
    assert told[1].rstrip().endswith("these lines cut at once: front-desk")
    status, _, errors = await outcome("check", config=config, OPENAI_WEBHOOK_SECRET=EXAMPLE_SECRET)
    assert status == 2
    assert "OPENAI_API_KEY" in errors
