"""The commands about lines, as an operator runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.test_commands import outcome
from tests.lines.folder import written

OFFICE = """\
line: office
numbers: +15550133
zone: Europe/Berlin
holidays: [2026-12-25]
when:
  hours: {mon-fri: 09:00-17:30, holidays: closed}
backend: local
handoffs: [billing]
agents: {billing: {instructions: You send bills.}}
"""
FILES = {
    "lines/a-office.yaml": OFFICE,
    "lines/b-vip.yaml": "line: vip\nnumbers: +15550133\nwhen: {caller: +49*, headers: {X-Account: gold}}\n",
    "lines/c-closed.yaml": "line: closed\nnumbers: +15550133\nmessage: We are closed.\n",
    "lines/d-fax.yaml": "line: fax\nnumbers: [sip:fax]\nforward: +15550155\n",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An office with hours, one customer who matters, and nobody at night."""
    return written(tmp_path, FILES)


async def routed(config: Path, *arguments: str) -> tuple[int | None, list[str]]:
    """Status and output of `gateway lines route`, which says nothing else."""
    status, output, errors = await outcome("lines", "route", *arguments, config=config)
    assert errors == ""
    return status, output.splitlines()


async def test_lines_are_listed(config: Path) -> None:
    """
    One row each, without any key; status 0.
    """
    status, output, errors = await outcome("lines", "list", config=config)
    rows = [row.split("  ") for row in output.splitlines()]
    assert (status, errors) == (0, "")
    assert [row[0].strip() for row in rows] == ["line", "office", "vip", "closed", "fax"]
    for shown in ("+15550133", "hours", "caller, headers", "office, billing", "local gpt-realtime", "told a message"):
        assert shown in output
    assert "put through to tel:+15550155" in output


async def test_a_route_is_explained_step_by_step(config: Path) -> None:
    """
    Which lines were looked at, for which of their numbers, and why each was or was not taken.
    """
    at = ("--to", "+15550133", "--from", "+49301234", "--at", "2026-12-24T20:00")
    assert await routed(config, *at) == (
        0,
        [
            "a call to +15550133 from +49301234 at Thu 2026-12-24 20:00 CET",
            "1. office, for +15550133: no, it is 2026-12-24 20:00 CET, a thu: 09:00-17:30, and not now",
            "2. vip, for +15550133: no, there is no X-Account, and not gold",
            "3. closed, for +15550133: yes, it has no conditions",
            "closed has the caller told a message",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (("--at", "2026-12-24T10:00"), "office answers, by local gpt-realtime"),
        (("--at", "2026-12-24T10:00", "--zone", "America/New_York"), "office answers, by local gpt-realtime"),
        (("--at", "2026-12-24T23:00+14:00"), "office answers, by local gpt-realtime"),
        (("--at", "2026-12-25T10:00"), "closed has the caller told a message"),
        (
            ("--at", "2026-12-25T10:00", "--from", "+4930", "--header", "x-account=gold"),
            "vip answers, by openai gpt-realtime",
        ),
    ],
)
async def test_a_route_depends_on_the_call(arguments: tuple[str, ...], last: str, config: Path) -> None:
    """
    On who calls, when, and with what.
    """
    status, output = await routed(config, "--to", "+15550133", *arguments)
    assert (status, output[-1]) == (0, last)


async def test_users_are_called_as_they_are_written(config: Path) -> None:
    """
    With `sip:` in front, and a host or none.
    """
    for called in ("sip:fax", "sip:fax@gw.example.com", "fax"):
        assert (await routed(config, "--to", called))[1][-1] == "fax has the caller put through to tel:+15550155"


async def test_nobody_has_a_status_of_its_own(config: Path) -> None:
    """
    1, whether no line has the number or none is for the call.
    """
    status, output = await routed(config, "--to", "+15550100")
    assert (status, output[1:]) == (1, ["nobody answers: no line has the number"])
    (config / "lines/c-closed.yaml").unlink()
    status, output = await routed(config, "--to", "+15550133", "--at", "2026-12-24T20:00")
    assert (status, output[-1]) == (1, "nobody answers: no line is for this call")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "tomorrow"), "write like 2026-12-24T20:00"),
        (("--zone", "Mars/Olympus"), "Mars/Olympus"),
        (("--header", "gold"), "write NAME=VALUE"),
    ],
)
async def test_what_cannot_be_understood_is_told(arguments: tuple[str, ...], said: str, config: Path) -> None:
    """
    With status 2, and without a traceback.
    """
    status, output, errors = await outcome("lines", "route", "--to", "+15550133", *arguments, config=config)
    assert (status, output) == (2, "")
    assert errors.startswith("gateway: ")
    assert said in errors


async def test_broken_lines_are_told_as_check_tells_them(config: Path) -> None:
    """
    With status 2 and the place.
    """
    written(config, {"lines/e.yaml": "line: e\n"})
    status, output, errors = await outcome("lines", "list", config=config)
    assert (status, output) == (2, "")
    assert "e.yaml:1:1: numbers: is missing" in errors


async def test_lines_alone_explains_itself(config: Path) -> None:
    """
    So nobody has to guess.
    """
    status, output, _ = await outcome("lines", config=config)
    assert status == 0
    assert "route" in output


async def test_the_schema_is_printed_or_written(config: Path) -> None:
    """
    For lines, or for another kind of file.
    """
    status, output, _ = await outcome("schema", config=config)
    assert (status, json.loads(output)["required"]) == (0, ["line", "numbers"])
    file = config / "agent.schema.json"
    assert (await outcome("schema", "agent", "--out", str(file), config=config))[:2] == (0, "")
    assert "handoff_description" in json.loads(file.read_text())["properties"]
    status, _, errors = await outcome("schema", "line", "--out", str(config / "no" / "x"), config=config)
    assert (status, "cannot be written" in errors) == (2, True)


async def test_check_says_what_becomes_of_each_line(config: Path) -> None:
    """
    And asks for no key on behalf of lines that answer nobody.
    """
    config.joinpath("lines", "b-vip.yaml").unlink()
    status, output, errors = await outcome("check", config=config)
    assert (status, errors) == (0, "")
    assert "closed: +15550133 -> told a message" in output
