"""A gateway that dies leaves calls behind; the next one goes on with them, or ends them."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.sim.sip import SipCall, SipEnding
from tests.e2e.exchange import NUMBER, asked
from tests.e2e.sip_exchange import (
    KEY,
    SECRET,
    SipExchange,
    gateway_beside,
    is_played,
    kept,
    says,
    sip_exchange,
    told_of,
)
from tests.e2e.test_commands import command, voice_url

LINE = f"""\
line: test
numbers: "{NUMBER}"
greeting: Hello.
must_hear:
- id: recording
  text: This call is recorded.
turn_detection:
  type: server_vad
  silence_duration_ms: 200
"""


@asynccontextmanager
async def service(tmp_path: Path) -> AsyncIterator[SipExchange]:
    """A service, with a gateway beside it that is of no further interest."""
    async with sip_exchange(state=tmp_path / "other") as ex:
        yield ex


async def left_behind(ex: SipExchange, tmp_path: Path) -> SipCall:
    """A call that was greeted by a gateway which was killed then."""
    folder = tmp_path / "config" / "lines"
    folder.mkdir(parents=True)
    folder.joinpath("test.yaml").write_text(LINE)
    variables = {
        "GATEWAY_STATE": str(tmp_path / "state"),
        "GATEWAY_REALTIME_URL": ex.server.url,
        "GATEWAY_OPENAI_API_URL": ex.provider.url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_WEBHOOK_SECRET": SECRET,
    }
    async with command("serve", config=tmp_path / "config", **variables) as process:
        address = (await voice_url(process)).removesuffix("/twilio/voice")
        call = ex.provider.call(f"{address}/openai/webhook", called=NUMBER)
        session = await ex.server.next_session()
        await session.happened(lambda session: is_played(session, 2))
        says(call)
        await session.happened(lambda session: is_played(session, 3))
        process.kill()
        await process.wait()
    return call


@asynccontextmanager
async def restarted(
    ex: SipExchange, state: Path, *, api_url: str | None = None, **line: Any
) -> AsyncIterator[SipExchange]:
    """The next gateway, in the same place."""
    async with gateway_beside(api_url or ex.provider.url, ex.server.url, state, **line) as gateway:
        yield SipExchange(ex.server, gateway, ex.http, ex.heartbeat, provider=ex.provider)


async def test_a_restart_goes_on_with_the_call(tmp_path: Path) -> None:
    """
    It attaches within moments, says nothing again that was heard, answers the caller, and the call ends like any other.
    """
    state = tmp_path / "state"
    async with service(tmp_path) as ex:
        call = await left_behind(ex, tmp_path)
        assert kept(state) == [call.call_id]
        words = [{"id": "recording", "text": "This call is recorded."}]
        async with restarted(ex, state, greeting="Hello.", must_hear=words) as again:
            session = await ex.server.next_session()
            await session.happened(lambda session: asked(session, "session.update"))
            says(call)
            await session.happened(is_played)
            assert asked(session, "response.create") == []
            call.hang_up()
            assert (await told_of(again, call.call_id))[-1]["text"] == "caller_hung_up"
        assert len(ex.asked("accept")) == 1
    assert kept(state) == []


async def test_a_call_whose_line_is_gone_is_ended(tmp_path: Path) -> None:
    """
    Nobody knows any more who its agent was.
    """
    async with service(tmp_path) as ex:
        call = await left_behind(ex, tmp_path)
        async with restarted(ex, tmp_path / "state", line="another"):
            assert await call.ended() is SipEnding.AGENT_HUNG_UP
    assert kept(tmp_path / "state") == []


async def test_a_call_that_could_not_be_ended_is_left_to_the_next(tmp_path: Path) -> None:
    """
    A service that cannot be asked has not ended it, whoever stops.
    """
    state = tmp_path / "state"
    state.mkdir()
    async with service(tmp_path) as ex:
        call, _ = await ex.followed()
        known = {"call_id": call.call_id, "line": "test", "accepted_unix_s": time.time() - 60}
        (state / f"{call.call_id}.json").write_text(json.dumps(known))
        async with restarted(ex, state, api_url="http://127.0.0.1:9/v1"):
            session = await ex.server.next_session()
            await session.happened(lambda session: asked(session, "session.update"))
        assert (kept(state), call.ending) == ([call.call_id], None)
        async with restarted(ex, state, line="another"):
            assert await call.ended() is SipEnding.AGENT_HUNG_UP
    assert kept(state) == []


@pytest.mark.parametrize("text", ["", "{", '{"call_id": "rtc_other"}', None], ids=["empty", "cut", "another", "old"])
async def test_what_cannot_be_gone_on_with_is_ended(text: str | None, tmp_path: Path) -> None:
    """
    A file that cannot be read still has the call's name, and one that is too old is nobody's.
    """
    old = {"call_id": "", "line": "test", "accepted_unix_s": time.time() - 7_300}
    state = tmp_path / "state"
    state.mkdir()
    async with service(tmp_path) as ex:
        call, _ = await ex.followed()
        old["call_id"] = call.call_id
        (state / f"{call.call_id}.json").write_text(json.dumps(old) if text is None else text)
        async with restarted(ex, state):
            assert await call.ended() is SipEnding.AGENT_HUNG_UP
    assert kept(state) == []


async def test_a_call_that_somebody_carries_is_left_alone(tmp_path: Path) -> None:
    """
    Two gateways in one folder do not take each other's calls.
    """
    async with sip_exchange(state=tmp_path) as ex:
        call, session = await ex.followed()
        async with restarted(ex, tmp_path):
            says(call)
            await session.happened(is_played)
            assert (len(call.attached), call.ending) == (1, None)
        assert kept(tmp_path) == [call.call_id]


async def test_a_call_that_is_over_is_forgotten(tmp_path: Path) -> None:
    """
    The caller hung up while nobody was there.
    """
    async with service(tmp_path) as ex:
        call = await left_behind(ex, tmp_path)
        call.hang_up()
        async with restarted(ex, tmp_path / "state") as again:
            assert (await told_of(again, call.call_id))[-1]["text"] == "caller_hung_up"
    assert kept(tmp_path / "state") == []
