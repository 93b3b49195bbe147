"""The agent passes callers on, and takes back those whom nobody takes."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest

from gateway.sim.callee import Callee
from gateway.sim.carrier import Ending
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, Call, Session
from gateway.sim.rest import RestFaults, TwilioRest
from gateway.sim.signature import HEADER, sign
from gateway.sim.twiml import Dial, Hangup, Say
from gateway.sim.verdict import Verdict, judge
from tests.e2e.exchange import (
    TOKEN,
    Exchange,
    asked,
    entries,
    exchange,
    heard_by,
    noise,
    received,
    said_by_agent,
    saying,
    sound,
)
from tests.e2e.interruptions import GREETING, NET, SHORT, far

DESK = "+15550155"
LAST_WORDS = sound(400, 1)
PASSES_ON = (LAST_WORDS, Call("transfer", {"destination": "desk"}))
SORRY = sound(300, 2)
LONG = sound(4_000, 3)
NO_FAULTS = RestFaults()
BUSY = Callee("busy", rings_ms=100)


@asynccontextmanager
async def connecting(
    behaviour: Behaviour, callee: Callee = BUSY, *, faults: RestFaults = NO_FAULTS, **line: Any
) -> AsyncIterator[tuple[Exchange, Phone, Session, TwilioRest]]:
    """A call on a line whose agent passes it on to *callee*."""
    async with TwilioRest(TOKEN, faults=faults) as rest:
        options = {"greeting": GREETING, "transfer": {"desk": DESK}, **line}
        async with (
            exchange(behaviour, auth_token=TOKEN, twilio_api_url=rest.url, **options) as ex,
            ex.call(auth_token=TOKEN, inbound=NET, outbound=NET, callees={DESK: callee}) as (phone, session),
        ):
            rest.register(phone)
            yield ex, phone, session, rest


def told_model(session: Session) -> list[str]:
    """What the model was told about its transfers."""
    items = [event["item"] for event in asked(session, "conversation.item.create")]
    return [json.loads(item["output"])["error"] for item in items if item["type"] == "function_call_output"]


async def told(ex: Exchange, phone: Phone) -> tuple[list[str], str, str]:
    """What is told of a call that is over: what came of its transfers, and how it ended."""
    (ended,) = await entries(ex, phone, "ended")
    transfers = [entry["text"] for entry in await entries(ex, phone, "transfer")]
    return transfers, ended["details"]["result"], ended["text"]


async def test_a_call_that_somebody_takes_is_over_for_the_agent() -> None:
    """
    Its last words are heard first, and the session is kept for as long as it rings; the caller is put through once.
    """
    callee = Callee(rings_ms=200, talks_ms=200)
    wanted = {"to": DESK, "timeout_s": 40, "caller_id": "+15550199", "when": "Always."}
    async with connecting(saying(PASSES_ON), callee, transfer={"desk": wanted}) as (ex, phone, session, rest):
        await phone.happened("verb")
        assert heard_by(phone) == said_by_agent(session)
        assert not session.closed
        (tool,) = asked(session, "session.update")[0]["session"]["tools"]
        assert "desk: Always." in tool["description"]
        assert DESK not in json.dumps(tool)
        assert await phone.ended() is Ending.TRANSFERRED
        dial, hangup = phone.fallback
        assert isinstance(dial, Dial)
        assert (dial.to, dial.timeout_s, dial.caller_id, hangup) == (DESK, 40, "+15550199", Hangup())
        assert re.fullmatch(rf"{ex.address}/twilio/transferred/[\w-]{{32}}", dial.action)
        await session.happened(lambda session: session.closed)
        assert await told(ex, phone) == (["transferred"], "success", "transferred")
        counts = await ex.counts()
        assert (counts["transfers_total{transferred}"], counts["calls_total{success}"]) == (1, 1)
    assert [[*request.form] for request in rest.requests] == [["Twiml"]]


async def not_taken(status: Any) -> tuple[list[str], list[str]]:
    """A call that nobody takes, and that goes on; what the model and everyone else were told."""
    async with connecting(saying(PASSES_ON, (SORRY,)), Callee(status, rings_ms=50)) as (ex, phone, session, _):
        await phone.happened("stream_began", 2)
        await phone.hears(at_least_ms=300)
        assert heard_by(phone) == SORRY.audio
        assert len(ex.server.sessions) == 1
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP
        transfers, *ended = await told(ex, phone)
        assert ended == ["success", "caller_hung_up"]
        assert [await ex.counts()][0]["calls_total{success}"] == 1
        return told_model(session), transfers


async def test_a_call_that_nobody_takes_comes_back_to_the_agent() -> None:
    """
    The same session goes on, by a new stream, and the model knows why.
    """
    found = await asyncio.gather(*map(not_taken, ("busy", "no-answer", "failed")))
    assert [transfers for _, transfers in found] == [["busy"], ["no_answer"], ["failed"]]
    for (why,), said in zip((model for model, _ in found), ("is busy", "nobody answers", "be reached"), strict=True):
        assert said in why


async def cut_in_after(heard_ms: float) -> tuple[Exchange, list[Verdict]]:
    """A call that came back, and whose caller cuts in; what became of the items of the new stream."""
    async with connecting(saying(PASSES_ON, (LONG, SHORT))) as (ex, phone, session, _):
        await phone.happened("stream_began", 2)
        await phone.hears(at_least_ms=heard_ms)
        phone.say(noise(200, 1))
        await phone.cleared()
        await session.happened(lambda session: len(session.truncations) == 2)
        await phone.hang_up()
        new = [item.id for item in session.items if item.role == "assistant"][1:3]
        return ex, [verdict for verdict in judge(session, phone.earpiece) if verdict.item_id in new]


async def test_what_was_heard_is_known_on_the_new_stream_too() -> None:
    """
    Who cuts in there is understood to 25 ms, and what was queued behind it is forgotten.
    """
    for ex, verdicts in await asyncio.gather(*map(cut_in_after, (300, 700, 1_500))):
        assert len(verdicts) == 2
        assert verdicts[1].truncated_ms == 0
        assert not far(ex, verdicts)


REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


async def refused(faults: RestFaults) -> tuple[int, str]:
    """A call whose transfer the provider refuses; how often it was asked, and what the model was told."""
    async with connecting(saying(PASSES_ON, (SORRY,)), faults=faults) as (ex, phone, session, rest):
        await received(phone, 700)
        await phone.quiet()
        assert heard_by(phone) == said_by_agent(session)
        assert len(phone.streams) == 1
        await phone.hang_up()
        assert await told(ex, phone) == (["refused"], "success", "caller_hung_up")
        (why,) = told_model(session)
        return len(rest.requests), why


async def test_a_provider_that_refuses_leaves_the_call_with_the_agent(caplog: pytest.LogCaptureFixture) -> None:
    """
    On the same stream; the operator is told what the provider said, the model only that it was so.
    """
    faults = [RestFaults(refusals=(status,)) for status in REFUSALS]
    found = await asyncio.gather(*map(refused, [*faults, RestFaults(refusals=(HTTPStatus.BAD_GATEWAY,))]))
    assert [(times, "it was refused" in why) for times, why in found] == [(1, True)] * 4
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert sum("go on with the call elsewhere" in message for message in warnings) == 4
    assert TOKEN not in caplog.text
    assert DESK not in caplog.text


async def test_too_many_requests_are_waited_out() -> None:
    """
    The provider has not begun then, so it can be asked again.
    """
    faults = RestFaults(refusals=(HTTPStatus.TOO_MANY_REQUESTS,) * 2)
    async with connecting(saying(PASSES_ON), Callee(talks_ms=50), faults=faults) as (ex, phone, _, rest):
        assert await phone.ended() is Ending.TRANSFERRED
        assert await told(ex, phone) == (["transferred"], "success", "transferred")
    assert len(rest.requests) == 3


async def test_an_answer_that_got_lost_changes_nothing() -> None:
    """
    The stream has ended: the provider has done it, and is not asked to do it twice.
    """
    faults = RestFaults(lost_answers=1)
    async with connecting(saying(PASSES_ON, (SORRY,)), faults=faults) as (ex, phone, session, rest):
        await phone.happened("stream_began", 2)
        await phone.hears(at_least_ms=300)
        await phone.hang_up()
        assert await told(ex, phone) == (["busy"], "success", "caller_hung_up")
        assert "is busy" in told_model(session)[0]
    assert len(rest.requests) == 1


async def test_a_caller_may_hang_up_while_it_rings() -> None:
    """
    The provider says so where it was to ask what to do next, and the session is let go.
    """
    async with connecting(saying(PASSES_ON), Callee(rings_ms=60_000)) as (ex, phone, session, _):
        await phone.happened("verb")
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP
        await session.happened(lambda session: session.closed)
        assert await told(ex, phone) == (["caller_left"], "success", "caller_hung_up")


async def test_a_status_callback_tells_of_it_too() -> None:
    """
    Where the provider reports the end of calls, that is enough.
    """
    async with connecting(saying(PASSES_ON), Callee(rings_ms=60_000)) as (ex, phone, session, _):
        await phone.happened("verb")
        await posted(ex, "status", CallSid=phone.call_sid, CallStatus="completed")
        await session.happened(lambda session: session.closed)
        assert await told(ex, phone) == (["caller_left"], "success", "caller_hung_up")


async def listened_to(**line: Any) -> list[str]:
    """A call whose caller speaks before it could be passed on, and is answered; what the model was told of it."""
    behaviour = saying(
        (sound(1_500, 1), Call("transfer", {"destination": "desk"})),
        (SHORT,),
        transcribe=lambda *_: "Wait!",
        transcription_delay_ms=5,
    )
    async with connecting(behaviour, **line) as (_, phone, session, rest):
        await phone.hears(at_least_ms=200)
        phone.say(noise(400, 3))
        await session.happened(lambda session: said_by_agent(session).endswith(SHORT.audio or b""))
        await phone.silent_for(100)
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP
        assert rest.requests == []
        return told_model(session)


async def test_a_caller_who_speaks_first_is_listened_to() -> None:
    """
    On every line: the model is told that the call is not passed on, and the provider is never asked.
    """
    found = await asyncio.gather(*(listened_to(barge_in=mode) for mode in ("immediate", "off", "confirmed")))
    assert ["the caller spoke first" in why for told in found for why in told] == [True] * 3


async def test_a_line_may_have_words_for_it() -> None:
    """
    They are asked for when the agent wants to pass the call on, and heard to their end first.
    """
    behaviour = saying((LAST_WORDS, Call("transfer", {"destination": "desk"})), (SORRY,))
    wanted = {"to": "sip:desk@pbx.example.com", "say": "One moment, please."}
    async with connecting(behaviour, transfer={"desk": wanted}) as (_, phone, session, _rest):
        await phone.happened("verb")
        assert heard_by(phone) == said_by_agent(session) == (LAST_WORDS.audio or b"") + (SORRY.audio or b"")
        assert "One moment, please." in asked(session, "response.create")[1]["response"]["instructions"]
        (dial,) = [verb for verb in phone.fallback if isinstance(verb, Dial)]
        assert dial.to == "sip:desk@pbx.example.com"


async def test_a_call_may_be_passed_on_again_and_again() -> None:
    """
    Each time with a token of its own, over streams of its own, in one session.
    """
    behaviour = saying(PASSES_ON, PASSES_ON, PASSES_ON, (SORRY,))
    async with connecting(behaviour, Callee("failed")) as (ex, phone, session, rest):
        await phone.happened("stream_began", 4)
        await phone.hears(at_least_ms=300)
        await phone.hang_up()
        transfers, *_ = await told(ex, phone)
        assert (transfers, len(told_model(session))) == (["failed"] * 3, 3)
        assert len(ex.server.sessions) == 1
        assert (await ex.counts())["transfers_total{failed}"] == 3
    assert len({request.form["Twiml"] for request in rest.requests}) == 3


async def posted(ex: Exchange, page: str, token: str = TOKEN, **form: str) -> tuple[int, str]:
    """What the gateway answers to a request that is signed with *token*."""
    url = f"{ex.address}/twilio/{page}"
    async with ex.http.post(url, data=form, headers={HEADER: sign(token, url, form)}) as answer:
        return answer.status, await answer.text()


def action_of(phone: Phone) -> str:
    """The page that a call's transfer is told at."""
    (dial,) = [verb for verb in phone.fallback if isinstance(verb, Dial)]
    return dial.action.split("/twilio/")[1]


async def test_what_came_of_it_is_told_once_by_whom_it_concerns() -> None:
    """
    Unsigned it is nobody's; with another call's token, or a used one, the caller hears the fallback.
    """
    async with connecting(saying(PASSES_ON), Callee(rings_ms=60_000)) as (ex, phone, session, _):
        await phone.happened("verb")
        page, busy = action_of(phone), {"CallSid": phone.call_sid, "DialCallStatus": "busy"}
        assert (await posted(ex, page, "another", **busy))[0] == HTTPStatus.FORBIDDEN
        assert (await posted(ex, page, CallSid=phone.call_sid))[0] == HTTPStatus.BAD_REQUEST
        assert "<Say>" in (await posted(ex, "transferred/" + "x" * 32, **busy))[1]
        assert not session.closed
        status, again = await posted(ex, page, **busy)
        assert (status, "<Stream " in again) == (HTTPStatus.OK, True)
        assert "<Say>" in (await posted(ex, page, **busy))[1]
        assert "<Hangup" in (await posted(ex, page, CallSid=phone.call_sid, DialCallStatus="completed"))[1]
        assert told_model(session) == [
            "the call was not transferred: the line is busy; the caller is still on the line"
        ]


async def test_another_call_cannot_tell() -> None:
    """
    A token that was given with one call is used up by another, and tells nothing of either.
    """
    async with connecting(saying(PASSES_ON), Callee(rings_ms=60_000)) as (ex, phone, session, _):
        await phone.happened("verb")
        page = action_of(phone)
        for call_sid in ("CA" + "f" * 32, phone.call_sid):
            assert "<Say>" in (await posted(ex, page, CallSid=call_sid, DialCallStatus="busy"))[1]
        assert told_model(session) == []


@pytest.mark.parametrize(("status", "verbs"), [("busy", [Say, Hangup]), ("completed", [Hangup])])
async def test_a_call_that_is_not_known_any_more_gets_the_fallback(status: str, verbs: Sequence[type]) -> None:
    """
    After a restart there is no session to come back to.
    """
    async with exchange(auth_token=TOKEN) as ex:
        found, text = await posted(ex, "transferred/" + "t" * 32, CallSid="CA" + "0" * 32, DialCallStatus=status)
        assert found == HTTPStatus.OK
        assert re.findall(r"<(Say|Hangup|Connect)\b", text) == [verb.__name__ for verb in verbs]


async def test_a_model_that_is_lost_while_it_rings_is_missed_only_by_who_comes_back() -> None:
    """
    Its caller hears the fallback, and no new session is opened.
    """
    async with connecting(saying(PASSES_ON), Callee("busy", rings_ms=300)) as (ex, phone, session, _):
        await phone.happened("verb")
        session.drop()
        await phone.ended()
        assert [type(verb) for verb in phone.fallback] == [Dial, Say, Hangup]
        assert await told(ex, phone) == (["busy"], "fallback", "model_lost")
        assert len(ex.server.sessions) == 1


async def test_without_a_secret_nobody_can_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    """
    The model is told that it was refused, and the log says what is missing.
    """
    behaviour = saying(PASSES_ON, (SORRY,))
    async with exchange(behaviour, greeting=GREETING, transfer={"desk": DESK}) as ex, ex.call() as (phone, session):
        await session.happened(lambda session: said_by_agent(session).endswith(SORRY.audio or b""))
        await phone.hang_up()
        assert "it was refused" in told_model(session)[0]
    assert "without the provider's secret" in caplog.text


async def test_a_stream_that_nobody_waits_for_is_not_let_in() -> None:
    """
    Before the call is back, and when it is, only who brings the token that was given is its stream.
    """
    async with connecting(saying(PASSES_ON, (LONG,))) as (ex, phone, _, _rest):
        await phone.happened("stream_began", 2)
        async with Phone(auth_token=TOKEN) as stranger:
            await stranger.connect(f"{ex.gateway.settings.stream_base}/twilio/media", {"token": "x" * 32})
            await stranger.ended()
            assert stranger.stream.close_code == 1008
        await phone.hears(at_least_ms=300)
        assert (await ex.counts())["streams_refused_total{bad_token}"] == 1
