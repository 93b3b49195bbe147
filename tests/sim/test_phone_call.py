"""A call is placed, carried out and ended as Twilio does it."""

import asyncio

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from gateway.errors import LocalProtocolError, PeerError, RemoteProtocolError
from gateway.sim.carrier import Ending
from gateway.sim.faults import PhoneFaults
from gateway.sim.journal import PhoneEvent
from gateway.sim.phone import Phone
from gateway.sim.twiml import Hangup, Redirect, Say
from tests.sim.application import Application, serving

TOKEN = "tok_example_0123456789"


async def test_the_webhook_is_told_of_the_call() -> None:
    """
    The first request says who calls whom, that it rings, and under which name the call goes.
    """
    async with serving() as app, Phone(app.voice_url, to="+15550111", caller="+15550122") as phone:
        app.pages["/voice"] = "<Response><Reject/></Response>"
        await phone.dial()
        (form,) = app.forms("/voice")
        assert form["CallSid"] == phone.call_sid
        assert (form["From"], form["To"]) == ("+15550122", "+15550111")
        assert (form["CallStatus"], form["Direction"]) == ("ringing", "inbound")
        assert await phone.ended() == Ending.REJECTED


async def test_every_request_is_signed() -> None:
    """
    Twilio's own validator accepts webhook, handshake and status callbacks.
    """
    async with serving() as app, Phone(app.voice_url, auth_token=TOKEN) as phone:
        app.pages["/voice"] = app.connect(statusCallback=f"http://{app.host}/stream-status")
        app.pages["/stream-status"] = "ok"
        await phone.dial()
        await phone.hang_up()
        assert len(app.requests) == 4
        for request in app.requests:
            assert RequestValidator(TOKEN).validate(request.url, request.form, request.signature), request.url


async def test_the_wrong_token_is_noticed() -> None:
    """
    A phone with another account's token signs, and wrongly.
    """
    faults = PhoneFaults(wrong_auth_token=True)
    async with serving() as app, Phone(app.voice_url, auth_token=TOKEN, faults=faults) as phone:
        with pytest.raises(PeerError, match="404"):
            await phone.dial()
        (request,) = app.requests
        assert request.signature
        assert not RequestValidator(TOKEN).validate(request.url, request.form, request.signature)


async def test_the_stream_is_told_its_parameters() -> None:
    """
    `start` follows `connected`, and carries every `<Parameter>` of the TwiML.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = app.connect('<Parameter name="tok" value="a b"/>')
        await phone.dial()
        socket = await app.socket()
        (start,) = await socket.expect("start")
        assert [message["event"] for message in socket.received[:2]] == ["connected", "start"]
        assert start["start"]["customParameters"] == {"tok": "a b"}
        assert start["start"]["callSid"] == phone.call_sid


async def test_a_call_may_do_without_a_webhook() -> None:
    """
    `connect` goes to the stream at once; when the server closes it, the call is over.
    """
    async with serving() as app, Phone() as phone:
        await phone.connect(app.stream_url, {"tok": "1"})
        socket = await app.socket()
        (start,) = await socket.expect("start")
        await socket.close(code=1008)
        assert start["start"]["customParameters"] == {"tok": "1"}
        assert await phone.ended() == Ending.AGENT_HUNG_UP
        assert phone.stream.close_code == 1008


async def test_hanging_up_stops_the_stream_and_reports_it() -> None:
    """
    `stop` is the last message, then the socket closes, then both callbacks come.
    """
    async with serving() as app:
        app.pages |= {"/voice": app.connect(statusCallback=f"http://{app.host}/stream"), "/call": "ok"}
        async with Phone(app.voice_url, status_url=f"http://{app.host}/call") as phone:
            await phone.dial()
            socket = await app.socket()
            await socket.expect("media")
            await phone.hang_up()
            await socket.closed()
        assert await phone.ended() == Ending.CALLER_HUNG_UP
        assert socket.received[-1]["event"] == "stop"
        assert [form["StreamEvent"] for form in app.forms("/stream") if form] == [
            "stream-started",
            "stream-stopped",
        ]
        assert [form["CallStatus"] for form in app.forms("/call")] == ["completed"]


async def test_what_follows_the_stream_is_carried_out_when_the_server_closes_it() -> None:
    """
    The verbs behind `<Connect>` wait for the end of the stream, and a redirect replaces the rest.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = app.connect(after="<Say>Sorry</Say><Redirect>/more</Redirect><Say>Never</Say>")
        app.pages["/more"] = "<Response><Hangup/></Response>"
        await phone.dial()
        socket = await app.socket()
        await socket.expect("start")
        assert phone.fallback == []
        await socket.close()
        assert await phone.ended() == Ending.AGENT_HUNG_UP
        assert phone.fallback == [Say("Sorry"), Redirect(f"http://{app.host}/more"), Hangup()]


async def test_the_action_decides_what_happens_after_the_stream() -> None:
    """
    With an `action` the next verbs come from there, by the method it names, and may open another stream.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        inner = f'<Stream url="{app.stream_url}"/>'
        app.pages["/voice"] = (
            f'<Response><Connect action="/after" method="GET">{inner}</Connect><Say>Never</Say></Response>'
        )
        app.pages["/after"] = f"<Response><Connect>{inner}</Connect><Dial>+15550123</Dial></Response>"
        await phone.dial()
        for _ in range(2):
            socket = await app.socket()
            await socket.expect("start")
            await socket.close()
        assert await phone.ended() == Ending.TRANSFERRED
        assert len({stream.stream_sid for stream in phone.streams}) == 2
        (after,) = [request for request in app.requests if "/after" in request.url]
        assert after.method == "GET"
        assert "CallStatus=in-progress" in after.url


async def test_a_refused_handshake_falls_through_to_the_next_verb() -> None:
    """
    Without a stream the call goes on with what is behind it, and the refusal is logged.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.refuse_streams = True
        app.pages["/voice"] = app.connect(after="<Say>All lines are busy</Say>")
        await phone.dial()
        assert await phone.ended() == Ending.AGENT_HUNG_UP
        assert phone.fallback == [Say("All lines are busy")]
        assert phone.warnings == {31920: 1}


@pytest.mark.parametrize("webhook", [True, False])
async def test_a_refused_handshake_with_nothing_behind_it_fails_the_call(webhook: bool) -> None:
    """
    Where there is nothing to fall back to, whoever placed the call is told.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.refuse_streams = True
        app.pages["/voice"] = app.connect()
        with pytest.raises(PeerError, match="answered 403, expected 101"):
            await (phone.dial() if webhook else phone.connect(app.stream_url))
        assert await phone.ended() == Ending.FAILED


async def test_a_webhook_that_answers_nonsense_fails_the_call() -> None:
    """
    The error quotes what the webhook answered.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = "<html>oops</html>"
        with pytest.raises(RemoteProtocolError, match="expected <Response>, found <html>"):
            await phone.dial()


async def test_nobody_there_fails_the_call() -> None:
    """
    A server that does not listen is a `PeerError`, whichever way the call was placed.
    """
    async with serving() as app:
        gone = Application(host=app.host)
    for placed in (Phone(gone.voice_url).dial(), Phone().connect(gone.stream_url)):
        with pytest.raises(PeerError, match=r"^(11200|31902): "):
            await placed


async def test_redirects_do_not_go_round_for_ever() -> None:
    """
    A webhook that redirects to itself ends the call.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = "<Response><Redirect>/voice</Redirect></Response>"
        with pytest.raises(RemoteProtocolError, match="at most 20"):
            await phone.dial()


async def test_a_running_call_can_be_given_other_verbs() -> None:
    """
    An update ends the stream with `stop`, as Twilio's REST API does, and carries out the verbs.
    """
    async with serving() as app, Phone(app.voice_url) as phone:
        app.pages["/voice"] = app.connect(after="<Say>Never</Say>")
        await phone.dial()
        socket = await app.socket()
        await socket.expect("media")
        await phone.update("<Response><Say>Moment</Say><Dial>+15550123</Dial></Response>")
        assert await phone.ended() == Ending.TRANSFERRED
        assert phone.fallback[0] == Say("Moment")
        assert socket.received[-1]["event"] == "stop"


async def test_phones_may_share_a_session() -> None:
    """
    A session that was given is used by many calls at once, and left open.
    """
    async with serving() as app, aiohttp.ClientSession() as session:
        phones = [Phone(session=session) for _ in range(5)]
        await asyncio.gather(*(phone.connect(app.stream_url) for phone in phones))
        await asyncio.gather(*(phone.hang_up() for phone in phones))
        assert len({phone.call_sid for phone in phones}) == 5
        assert not session.closed


async def test_events_are_told_as_they_happen() -> None:
    """
    Whoever asked for events gets the same ones that are kept, in order of time.
    """
    told: list[PhoneEvent] = []
    async with serving() as app, Phone(app.voice_url, on_event=told.append) as phone:
        app.pages["/voice"] = app.connect(after="<Hangup/>")
        await phone.dial()
        await (await app.socket()).close()
        await phone.ended()
        assert told == phone.events
        assert [event.kind for event in told] == ["twiml", "stream_began", "stream_ended", "verb", "ended"]
        assert [event.at_ms for event in told] == sorted(event.at_ms for event in told)


async def test_dropping_a_call_ends_it() -> None:
    """
    Leaving the `async with` while the call runs takes the stream down, and says so.
    """
    async with serving() as app:
        async with Phone() as phone:
            await phone.connect(app.stream_url)
            socket = await app.socket()
        await socket.closed()
        assert await phone.ended() == Ending.DROPPED


async def test_a_phone_is_used_for_one_call() -> None:
    """
    Speaking before the call, or calling twice, is a mistake of ours.
    """
    phone = Phone()
    with pytest.raises(LocalProtocolError):
        phone.say(b"hello")
    async with serving() as app, phone:
        await phone.connect(app.stream_url)
        with pytest.raises(LocalProtocolError):
            await phone.connect(app.stream_url)
