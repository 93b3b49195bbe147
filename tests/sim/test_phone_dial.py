"""A caller who is put through: who is rung, for how long, and what the application is told of it."""

import pytest

from gateway.sim.callee import Callee
from gateway.sim.carrier import Ending
from gateway.sim.codes import AnswerError
from gateway.sim.phone import Phone
from gateway.sim.twiml import Dial, Hangup, Say, read_twiml
from tests.sim.application import Application, serving

DESK = "+15550155"
THEN = f'<Response><Dial action="/dialled" timeout="1" callerId="+15550199"><Number>{DESK}</Number></Dial></Response>'


async def dialled(app: Application, callee: Callee, then: str = "<Response><Hangup/></Response>") -> Phone:
    """A call that is put through to *callee*, and over."""
    app.pages["/voice"], app.pages["/dialled"] = THEN, then
    async with Phone(app.voice_url, callees={DESK: callee}) as phone:
        await phone.dial()
        await phone.ended()
        return phone


@pytest.mark.parametrize(
    ("callee", "status"),
    [
        (Callee(rings_ms=20, talks_ms=50), "completed"),
        (Callee("busy", rings_ms=20), "busy"),
        (Callee("failed"), "failed"),
        (Callee("no-answer"), "no-answer"),
        (Callee(rings_ms=60_000), "no-answer"),
    ],
    ids=["taken", "busy", "failed", "given up", "too long"],
)
async def test_the_application_is_told_what_became_of_it(callee: Callee, status: str) -> None:
    """
    It is asked what to do next, with Twilio's word for it, and the call ends as one that was or was not put through.
    """
    async with serving() as app:
        phone = await dialled(app, callee)
        (form,) = app.forms("/dialled")
    assert (form["DialCallStatus"], form["CallStatus"], form["CallSid"]) == (status, "in-progress", phone.call_sid)
    assert form["DialBridged"] == str(status == "completed").lower()
    assert [type(verb) for verb in phone.fallback] == [Dial, Hangup]
    assert phone.fallback[0] == Dial(DESK, f"http://{app.host}/dialled", 1, "+15550199")
    assert await phone.ended() is (Ending.TRANSFERRED if status == "completed" else Ending.AGENT_HUNG_UP)


async def test_a_caller_who_could_not_be_put_through_goes_on() -> None:
    """
    With the verbs of the answer; without an `action`, with those that follow.
    """
    async with serving() as app:
        phone = await dialled(app, Callee("busy"), "<Response><Say>They are busy.</Say></Response>")
        assert phone.fallback[1:] == [Say("They are busy.")]
        app.pages["/voice"] = f"<Response><Dial>{DESK}</Dial><Say>Bye.</Say></Response>"
        async with Phone(app.voice_url, callees={DESK: Callee("busy")}) as phone:
            await phone.dial()
            assert await phone.ended() is Ending.AGENT_HUNG_UP
            assert phone.fallback[1:] == [Say("Bye.")]


@pytest.mark.parametrize("answers", [False, True], ids=["rings", "talks"])
async def test_a_caller_may_hang_up(answers: bool) -> None:
    """
    While it rings or afterwards: the application learns that the call is over, and whether anybody answered.
    """
    callee = Callee(talks_ms=60_000) if answers else Callee(rings_ms=60_000)
    async with serving() as app, Phone(app.voice_url, callees={DESK: callee}) as phone:
        app.pages |= {"/voice": app.connect(), "/dialled": "<Response><Say>Never</Say></Response>"}
        await phone.dial()
        await phone.update(THEN.replace('timeout="1"', 'timeout="90"'))
        await phone.happened("answered" if answers else "verb")
        await phone.hang_up()
        assert await phone.ended() is Ending.CALLER_HUNG_UP
        (form,) = app.forms("/dialled")
        assert (form["CallStatus"], form["DialCallStatus"]) == ("completed", "completed" if answers else "canceled")
        assert [type(verb) for verb in phone.fallback] == [Dial]


async def test_a_call_that_is_put_through_can_be_given_other_verbs() -> None:
    """
    Nobody is asked what came of it then.
    """
    async with serving() as app, Phone(app.voice_url, callees={DESK: Callee(rings_ms=60_000)}) as phone:
        app.pages["/voice"] = app.connect()
        await phone.dial()
        await phone.update(THEN)
        await phone.happened("verb")
        await phone.update("<Response><Say>Moment</Say></Response>")
        assert await phone.ended() is Ending.AGENT_HUNG_UP
        assert phone.fallback[1:] == [Say("Moment")]
        assert app.forms("/dialled") == []


def test_what_twilio_would_not_dial_is_refused() -> None:
    """
    With the number of its error.
    """
    for twiml, code in {
        '<Response><Dial timeout="0">+15550155</Dial></Response>': 13212,
        '<Response><Dial timeout="soon">+15550155</Dial></Response>': 13212,
        "<Response><Dial><Fax>+15550155</Fax></Dial></Response>": 12200,
    }.items():
        with pytest.raises(AnswerError) as caught:
            read_twiml(twiml, "https://gw.example.com/voice")
        assert caught.value.code == code
