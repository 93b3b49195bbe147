"""What callers meet who are not answered: a line that tells them something, puts them through, or is full."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from gateway.lines import Instead, When
from gateway.sim.carrier import Ending
from gateway.sim.sip import SipCall
from gateway.sim.twiml import Connect, Dial, Hangup, Reject, Say, Verb
from tests.e2e.exchange import Exchange, exchange, saying, sound
from tests.e2e.sip_exchange import SipExchange, sip_exchange, told_of

CLOSED = "We are closed."
TURNED: dict[str, tuple[dict[str, Any], list[Verb], str]] = {
    "rejected": ({"reject": "declined"}, [Reject("rejected")], "rejected"),
    "busy": ({"reject": "busy"}, [Reject("busy")], "rejected"),
    "told": ({"message": CLOSED}, [Say(CLOSED), Hangup()], "not_answered"),
    "put through": ({"forward": "+15550155"}, [Dial("+15550155")], "not_answered"),
    "put through by SIP": ({"forward": "sip:desk@pbx.example"}, [Dial("sip:desk@pbx.example")], "not_answered"),
}


@pytest.mark.parametrize(("keys", "verbs", "outcome"), TURNED.values(), ids=TURNED)
async def test_a_line_need_not_answer(keys: dict[str, Any], verbs: list[Verb], outcome: str) -> None:
    """
    The provider is told what to do instead; nothing is opened, and nothing expected.
    """
    async with exchange(**keys) as ex:
        assert await ex.ring("CA1") == verbs
        assert await ex.counts() == {f"webhooks_total{{{outcome}}}": 1}
        assert ex.server.sessions == []


FULL: dict[str, tuple[Any, list[Verb]]] = {
    "as it is": (Instead(reject=486), [Reject("busy")]),
    "told": (Instead(message=CLOSED), [Say(CLOSED), Hangup()]),
    "put through": (Instead(forward="tel:+15550155"), [Dial("+15550155")]),
}


@pytest.mark.parametrize(("busy", "verbs"), FULL.values(), ids=FULL)
async def test_two_calls_for_the_last_place_get_one(busy: Any, verbs: list[Verb]) -> None:
    """
    Together, time and again; and the next one is taken when that call is over.
    """
    async with exchange(max_calls=1, busy=busy, greeting="Hello.") as ex:
        answers = await asyncio.gather(*(ex.ring(f"CA{number}") for number in range(8)))
        taken = [answer for answer in answers if isinstance(answer[0], Connect)]
        assert len(taken) == 1
        assert [answer for answer in answers if answer not in taken] == [verbs] * 7
        counts = await ex.counts()
        assert (counts["webhooks_total{answered}"], counts["webhooks_total{busy}"]) == (1, 7)


async def test_a_place_is_free_when_its_call_is_over() -> None:
    """
    The caller after that is answered.
    """
    async with exchange(saying((sound(400),)), max_calls=1, greeting="Hello.") as ex:
        async with ex.call() as (phone, _):
            await phone.hears(at_least_ms=100)
            assert await refused(ex)
            await phone.hang_up()
            await phone.ended()
        async with ex.call() as (phone, _):
            await phone.hears(at_least_ms=100)
            await phone.hang_up()


async def refused(ex: Exchange) -> bool:
    """Whether another caller is turned away now."""
    async with ex.phone() as other:
        await other.dial()
        return await other.ended() is Ending.REJECTED


async def test_a_provider_that_says_a_call_is_over_frees_its_place() -> None:
    """
    Before any stream has come.
    """
    async with exchange(max_calls=1) as ex:
        await ex.invited("CA1")
        assert await ex.ring("CA2") == [Reject("busy")]
        form = {"CallSid": "CA1", "CallStatus": "completed"}
        async with ex.http.post(f"{ex.address}/twilio/status", data=form) as answer:
            assert answer.status == HTTPStatus.NO_CONTENT
        assert isinstance((await ex.ring("CA2"))[0], Connect)


async def test_a_line_by_sip_has_the_same_places(tmp_path: Path) -> None:
    """
    Callers who are one too many are told 486; when the first call ends the next is taken.
    """
    async with sip_exchange(state=tmp_path, max_calls=1, greeting="Hello.") as ex:
        call, _ = await ex.followed()
        other = ex.rings()
        await other.decided()
        assert other.status_code == 486
        call.hang_up()
        await told_of(ex, call.call_id)
        await (await let_in(ex)).accepted()
        await ex.server.next_session()


async def let_in(ex: SipExchange) -> SipCall:
    """Ring until somebody is, since a place is free a little later than its call is over."""
    while True:
        call = ex.rings()
        await call.decided()
        if call.status_code is None:
            return call


async def test_by_sip_nothing_can_be_said_to_who_is_not_answered(tmp_path: Path) -> None:
    """
    They are told that nobody is there.
    """
    async with sip_exchange(state=tmp_path, message=CLOSED) as ex:
        call = ex.rings()
        await call.decided()
        assert call.status_code == 480


async def test_who_calls_decides_who_answers() -> None:
    """
    Numbers, headers and STIR/SHAKEN come from the provider's webhook.
    """
    conditions = (When(caller=("+1555*",), stir="B", headers={"x-account": ("gold",)}),)
    async with exchange(when=conditions) as ex:
        fields = {"SipHeader_X-Account": "gold", "StirVerstat": "TN-Validation-Passed-B-Diverted"}
        assert isinstance((await ex.ring("CA1", **fields))[0], Connect)
        for spoilt in (
            {"From": "anonymous"},
            {"SipHeader_X-Account": "tin"},
            {"StirVerstat": "TN-Validation-Failed-A"},
        ):
            assert isinstance((await ex.ring("CA2", **{**fields, **spoilt}))[0], Say)
