"""Who is let in by SIP: webhooks that are believed, calls that are taken once, and calls that are turned away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from gateway.lines import Line
from gateway.sim.sip import SipEnding, SipFaults, WebhookHabits
from tests.e2e.exchange import NUMBER, exchange
from tests.e2e.sip_exchange import KEY, SipExchange, is_played, kept, sip_exchange, told_of

QUICK = (0.01, 0.02)


async def test_a_call_that_is_told_of_twice_is_taken_once(tmp_path: Path) -> None:
    """
    By two webhooks of its own at once, each of them sent twice, by one that is retried, and by one that is replayed:
    every one of them is answered well, and there is one accept, one session and one greeting.
    """
    habits = WebhookHabits(twice=True, retry_pauses_s=QUICK)
    async with sip_exchange(state=tmp_path, habits=habits, faults=SipFaults(live_twin=True), greeting="Hello.") as ex:
        call = ex.rings()
        ex.provider.tell_of(call, ex.webhook_url)
        assert await ex.provider.told()
        session = await ex.server.next_session()
        await session.happened(is_played)
        for delivery in tuple(ex.provider.deliveries):
            assert (await ex.provider.replay(delivery)).status == HTTPStatus.OK
        counts = await ex.counts()
        call.hang_up()
        assert (await told_of(ex, call.call_id))[-1]["text"] == "caller_hung_up"
        assert (len(ex.asked("accept")), len(call.attached), len(ex.server.sessions)) == (1, 1, 1)
    assert (counts["webhooks_total{answered}"], counts["webhooks_total{duplicate}"]) == (1, 7)
    assert counts["webhooks_total{ignored}"] == 4


async def test_a_webhook_is_answered_before_the_call_is(tmp_path: Path) -> None:
    """
    A service that takes its time over what it is asked does not wait for its own webhook.
    """
    habits = WebhookHabits(retry_pauses_s=(), answer_within_s=0.25)
    async with sip_exchange(state=tmp_path, habits=habits, faults=SipFaults(delay_ms=500)) as ex:
        call = ex.rings()
        assert await ex.provider.told()
        assert call.session is None
        await call.accepted()


REFUSED = {
    "wrong secret": (WebhookHabits(wrong_secret=True, retry_pauses_s=QUICK), HTTPStatus.FORBIDDEN),
    "sent long ago": (WebhookHabits(late_by_s=301, retry_pauses_s=QUICK), HTTPStatus.FORBIDDEN),
    "unsigned": (WebhookHabits(unsigned=True, retry_pauses_s=QUICK), HTTPStatus.BAD_REQUEST),
}


@pytest.mark.parametrize(("habits", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_the_service_did_not_send_is_refused(
    habits: WebhookHabits, status: HTTPStatus, tmp_path: Path
) -> None:
    """
    And nothing is asked about the call.
    """
    async with sip_exchange(state=tmp_path, habits=habits) as ex:
        ex.rings()
        assert not await ex.provider.told()
        assert {delivery.status for delivery in ex.provider.deliveries} == {status}
        assert (await ex.counts())["webhooks_total{bad_signature}"] == 3
        assert ex.provider.requests == []


async def test_one_of_several_signatures_is_enough(tmp_path: Path) -> None:
    """
    As in the days after the secret was changed.
    """
    async with sip_exchange(state=tmp_path, habits=WebhookHabits(rotating=True)) as ex:
        await ex.rings().accepted()


async def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """
    However well it is signed.
    """
    async with sip_exchange(state=tmp_path) as ex:
        ex.provider.call(ex.webhook_url, headers=[("To", "x" * 70_000)])
        ex.rings()
        await ex.provider.told()
        statuses = [delivery.status for delivery in ex.provider.deliveries]
    assert HTTPStatus.REQUEST_ENTITY_TOO_LARGE in statuses
    assert HTTPStatus.OK in statuses


async def test_without_a_secret_nothing_is_believed() -> None:
    """
    The answer says what is not set.
    """
    async with exchange() as ex, ex.http.post(f"{ex.address}/openai/webhook", json={}) as answer:
        assert answer.status == HTTPStatus.NOT_FOUND
        assert "OPENAI_WEBHOOK_SECRET" in await answer.text()


async def test_a_gateway_that_drains_leaves_the_call_to_another(tmp_path: Path) -> None:
    """
    With 503, so that the webhook is sent again, and taken by whoever is there then.
    """
    async with sip_exchange(state=tmp_path, habits=WebhookHabits(retry_pauses_s=QUICK)) as ex:
        await ex.gateway.calls.drain()
        call = ex.rings()
        assert not await ex.provider.told()
        ex.gateway.calls.draining = False
        ex.provider.tell_of(call, ex.webhook_url)
        await call.accepted()
        assert (await ex.counts())["webhooks_total{draining}"] == 3


# Which line


def line(name: str, number: str, **fields: Any) -> Line:
    """A line that is known by its instructions."""
    return Line(line=name, numbers=(number,), instructions=name, **fields)


LINES = (
    line("desk", NUMBER),
    line("kitchen", "sip:proj_kitchen"),
    line("closed", "+15550120", reject="busy"),
    line("gone", "+15550121", reject=410),
)


@asynccontextmanager
async def four_lines(state: Path) -> AsyncIterator[SipExchange]:
    """A gateway that does not answer every number."""
    async with sip_exchange(state=state, lines=LINES) as ex:
        yield ex


@pytest.mark.parametrize(
    ("headers", "answers"),
    [
        ([("From", "<sip:x@y>"), ("To", f"<sip:{NUMBER}@sip.api.example>")], "desk"),
        ([("From", "<sip:x@y>"), ("To", f"<sip:{NUMBER[1:]}@sip.api.example>")], "desk"),
        ([("From", f"<sip:{NUMBER}@y>"), ("To", "<sip:proj_kitchen@sip.api.example>")], "kitchen"),
        ([("From", f"<sip:{NUMBER}@y>"), ("To", "<sip:proj_other@sip.api.example>")], "desk"),
        ([("To", "<sip:proj_other@y>"), ("Diversion", f"<sip:{NUMBER}@y>")], "desk"),
    ],
)
async def test_the_line_is_found_by_who_was_called(
    headers: list[tuple[str, str]], answers: str, tmp_path: Path
) -> None:
    """
    By `To` first, with or without the plus, by what trunks put elsewhere after that.
    """
    async with four_lines(tmp_path) as ex:
        call = ex.rings(headers=headers)
        assert (await call.accepted())["instructions"] == answers


@pytest.mark.parametrize(
    ("called", "status", "outcome"),
    [("+15550120", 486, "rejected"), ("+15550121", 410, "rejected"), ("+15550122", 404, "unknown_number")],
)
async def test_a_call_is_turned_away_with_the_status_that_the_line_names(
    called: str, status: int, outcome: str, tmp_path: Path
) -> None:
    """
    A number that nobody answers is not found.
    """
    async with four_lines(tmp_path) as ex:
        call = ex.rings(called=called)
        assert await call.ended() is SipEnding.REJECTED
        assert call.status_code == status
        assert (await ex.counts())[f"webhooks_total{{{outcome}}}"] == 1
        assert ex.asked("accept") == []


async def test_a_line_turns_calls_away_whoever_brings_them() -> None:
    """
    Twilio is told before it answers.
    """
    for reject, reason in (("busy", "busy"), ("declined", "rejected"), (480, "rejected")):
        async with exchange(reject=reject) as ex:
            (verb,) = await ex.ring("CA1")
            assert getattr(verb, "reason", verb) == reason


async def test_a_caller_who_left_before_the_accept_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The call is noted, and nothing is asked about it any more.
    """
    async with sip_exchange(state=tmp_path) as ex:
        call = ex.rings()
        call.hang_up()
        await ex.provider.told()
        last = (await told_of(ex, call.call_id))[-1]
        assert (last["details"]["result"], last["text"]) == ("rejected", "caller_left")
        counts = await ex.counts()
    assert counts["sip_accepts_total{caller_left}"] == 1
    assert "errors_total{model}" not in counts
    assert [asked.verb for asked in ex.provider.requests] == ["accept"]
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    assert kept(tmp_path) == []


async def test_many_calls_at_once_are_all_taken(tmp_path: Path) -> None:
    """
    Each once, none of them is lost, and nothing is kept when all are over.
    """
    async with sip_exchange(state=tmp_path, greeting="Hello.") as ex:
        calls = [ex.rings() for _ in range(20)]
        await asyncio.gather(*(call.accepted() for call in calls))
        sessions = await asyncio.gather(*(ex.server.next_session() for _ in calls))
        await asyncio.gather(*(session.happened(is_played) for session in sessions))
        assert len(kept(tmp_path)) == 20
        assert json.loads((tmp_path / f"{calls[0].call_id}.json").read_text())["line"] == "test"
        for call in calls:
            call.hang_up()
    assert kept(tmp_path) == []
    assert KEY not in str(ex.gateway)
