"""Which calls a restart knows of: those that were kept, that nobody else holds, and nothing that is over."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.sip_registry import KeptCall, SipRegistry

CALL = KeptCall("rtc_1", "desk", 1_000.0, "+15550100", "+15550199", ("recording",))


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[SipRegistry]:
    """A gateway's registry, which lets go of everything in the end as a process does."""
    ours = SipRegistry(folder)
    try:
        yield ours
    finally:
        await ours.close()


async def test_what_was_kept_is_found_when_nobody_holds_it(tmp_path: Path) -> None:
    """
    All of it, once, and only after the one that kept it is gone.
    """
    folder = tmp_path / "made" / "for it"
    async with registry(folder) as ours, registry(folder) as other:
        await ours.keep(CALL)
        assert await other.orphans() == await ours.orphans() == []
    async with registry(folder) as later, registry(folder) as too_late:
        assert await later.orphans() == [CALL]
        assert await later.orphans() == await too_late.orphans() == []


async def test_what_became_of_a_call_replaces_what_was_known(tmp_path: Path) -> None:
    """
    Also when it is less.
    """
    shorter = KeptCall("rtc_1", "d")
    async with registry(tmp_path) as ours:
        await ours.keep(CALL)
        await ours.keep(shorter)
    async with registry(tmp_path) as later:
        assert await later.orphans() == [shorter]


async def test_what_is_over_is_forgotten(tmp_path: Path) -> None:
    """
    Whoever kept it; and what was never kept can be forgotten too.
    """
    async with registry(tmp_path) as ours:
        await ours.keep(CALL)
        await ours.forget("rtc_1")
        await ours.forget("rtc_2")
        await ours.keep(KeptCall("rtc_3"))
    async with registry(tmp_path) as later:
        assert [call.call_id for call in await later.orphans()] == ["rtc_3"]
        await later.forget("rtc_3")
        assert await later.orphans() == []
    async with registry(tmp_path) as last:
        assert await last.orphans() == []


async def test_what_cannot_be_written_is_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    The call goes on all the same, and the log says what is wrong with which setting.
    """
    in_the_way = tmp_path / "state"
    in_the_way.write_text("")
    async with registry(in_the_way) as ours:
        await ours.keep(CALL)
        assert await ours.orphans() == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "GATEWAY_STATE" in caplog.text


async def test_callers_are_nobody_elses_business(tmp_path: Path) -> None:
    """
    The folder and its files are for us alone.
    """
    async with registry(tmp_path / "state") as ours:
        await ours.keep(CALL)
        (file,) = (tmp_path / "state").iterdir()
        assert [path.stat().st_mode & 0o077 for path in (file, file.parent)] == [0, 0]
