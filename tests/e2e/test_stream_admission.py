"""Whose media streams are let in; nothing that costs anything happens for the others."""

import asyncio
import json
from collections.abc import Mapping

import pytest
from twilio.request_validator import RequestValidator
from websockets.exceptions import InvalidStatus

from gateway.sim.faults import PhoneFaults
from gateway.sim.twiml import Connect, read_twiml
from tests.e2e.exchange import NUMBER, TOKEN, Exchange, exchange, noise, saying, sound
from tests.e2e.hand_stream import HandStream, hand_stream, media_frame, start_frame, started

POLICY_VIOLATION = 1008
START_WITHIN_S = 5.0
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
VOICE = noise(20)


def stream_url(ex: Exchange) -> str:
    """Where streams go."""
    return ex.address.replace("http", "ws", 1) + "/twilio/media"


async def refused(ex: Exchange, call_sid: str, parameters: dict[str, str]) -> bool:
    """Whether a stream is turned away, before any session is opened for it."""
    before = len(ex.server.sessions)
    async with hand_stream(stream_url(ex)) as stream:
        await stream.start(call_sid, parameters)
        return await stream.closed() == POLICY_VIOLATION and len(ex.server.sessions) == before


async def test_a_session_is_opened_for_a_good_token_only() -> None:
    """
    Neither the handshake nor voice opens one; the start with the token of the call does.
    """
    async with exchange() as ex:
        invited = await ex.invited("CA1")
        async with hand_stream(invited.url) as stream:
            await stream.send(CONNECTED, media_frame(VOICE), media_frame(VOICE))
            assert await refused(ex, "CA9", {})
            assert ex.server.sessions == []
            await stream.send(start_frame("CA1", invited.parameters))
            await ex.server.next_session()


@pytest.mark.parametrize("parameters", [{}, {"token": ""}, {"token": "guess"}, {"Token": "x"}, {"token": "x" * 4_000}])
async def test_a_token_that_was_not_given_out_opens_nothing(parameters: dict[str, str]) -> None:
    """
    Without the token, or with one that is made up, the stream is closed with 1008 and counted.
    """
    async with exchange() as ex:
        await ex.invited("CA1")
        assert await refused(ex, "CA1", parameters)
        assert (await ex.counts())["streams_refused_total{bad_token}"] == 1


async def test_a_token_is_good_once() -> None:
    """
    After its call, and during it, it opens nothing more.
    """
    async with exchange() as ex:
        invited = await ex.invited("CA1")
        async with started(invited, "CA1"):
            session = await ex.server.next_session()
            assert await refused(ex, "CA1", invited.parameters)
        await session.happened(lambda session: session.closed)
        assert await refused(ex, "CA1", invited.parameters)


async def test_a_token_is_good_for_its_call() -> None:
    """
    The token of one call opens no stream of another, even if that other one is expected too.
    """
    async with exchange() as ex:
        first, _ = await ex.invited("CA1"), await ex.invited("CA2")
        assert await refused(ex, "CA2", first.parameters)


async def test_a_token_is_good_for_a_minute() -> None:
    """
    A stream may come 59 s after the webhook and not 60 s after it.
    """
    now_s = 1_000.0
    async with exchange(clock_s=lambda: now_s) as ex:
        early, late = await ex.invited("CA1"), await ex.invited("CA2")
        now_s += 59
        async with started(early, "CA1"):
            await ex.server.next_session()
        now_s += 1
        assert await refused(ex, "CA2", late.parameters)


async def test_a_call_has_one_stream() -> None:
    """
    A second stream of a live call is refused, though its token is good, and the first one goes on.
    """
    async with exchange(saying((sound(200),))) as ex:
        invited, again = await ex.invited("CA1"), await ex.invited("CA1")
        async with started(invited, "CA1") as stream:
            session = await ex.server.next_session()
            assert await refused(ex, "CA1", again.parameters)
            heard_bytes = session.appended_bytes
            await stream.send(media_frame(VOICE))
            await session.happened(lambda session: session.appended_bytes == heard_bytes + len(VOICE))
            assert (await ex.counts())["streams_refused_total{duplicate}"] == 1


async def closed_within(stream: HandStream, limit_s: float) -> bool:
    """Whether a stream is turned away in time."""
    before_s = asyncio.get_running_loop().time()
    code = await stream.closed()
    return code == POLICY_VIOLATION and asyncio.get_running_loop().time() - before_s < limit_s


async def idle_stream(ex: Exchange, *frames: str | bytes) -> bool:
    """Whether a stream that never starts is turned away after the 5 s, and a little."""
    async with hand_stream(stream_url(ex)) as stream:
        await stream.send(*frames)
        return await closed_within(stream, START_WITHIN_S + 1)


async def test_a_stream_starts_within_five_seconds() -> None:
    """
    One that only connects, talks nonsense, or starts in a format that was not agreed is closed with 1008.
    """
    async with exchange() as ex:
        start = json.loads(start_frame("CA1", (await ex.invited("CA1")).parameters))
        start["start"]["mediaFormat"]["sampleRate"] = 16_000
        streams: list[tuple[str | bytes, ...]] = [
            (),
            (CONNECTED,),
            (CONNECTED, "{", b"\x00"),
            (media_frame(VOICE),),
            (json.dumps(start),),
        ]
        assert all(await asyncio.gather(*(idle_stream(ex, *frames) for frames in streams)))
        assert ex.server.sessions == []
        counts = await ex.counts()
        assert sum(counts.values()) - 1 == counts["streams_refused_total{no_start}"] == len(streams)


async def test_voice_before_the_start_is_not_listened_to_for_long() -> None:
    """
    A phone that streams and never says for what call is turned away after a second's worth of frames.
    """
    async with exchange() as ex, ex.phone(faults=PhoneFaults(no_start=True)) as phone:
        await phone.dial()
        await phone.ended()
        assert phone.stream.close_code == POLICY_VIOLATION
        assert phone.stream.now_ms() < 3_000
        assert ex.server.sessions == []


async def test_a_few_frames_before_the_start_do_no_harm() -> None:
    """
    Media that comes early is dropped, and the call begins all the same.
    """
    early = PhoneFaults(early_media_frames=5)
    async with exchange(saying((sound(200),)), greeting="Hello.") as ex, ex.call(faults=early) as (phone, _):
        await phone.hears(at_least_ms=100)


async def test_a_stream_that_ends_before_it_starts_is_counted() -> None:
    """
    It leaves nothing but a count.
    """
    async with exchange() as ex:
        async with hand_stream(stream_url(ex)) as stream:
            await stream.send(CONNECTED)
        assert await refused(ex, "CA1", {})
        assert await ex.counts() == {"streams_refused_total{no_start}": 1, "streams_refused_total{bad_token}": 1}


async def test_altered_parameters_open_nothing() -> None:
    """
    A phone whose parameters were tampered with is refused, and the caller hears the apology.
    """
    async with exchange() as ex, ex.phone(faults=PhoneFaults(wrong_parameters=True)) as phone:
        await phone.dial()
        await phone.ended()
        assert phone.stream.close_code == POLICY_VIOLATION
        assert [type(verb).__name__ for verb in phone.fallback] == ["Say", "Hangup"]
        assert ex.server.sessions == []


def signed(url: str, token: str = TOKEN, form: Mapping[str, str] | None = None) -> dict[str, str]:
    """The signature of a handshake, or of a form, by Twilio's own package."""
    signature: str = RequestValidator(token).compute_signature(url, dict(form or {}))
    return {"X-Twilio-Signature": signature}


async def test_a_handshake_with_a_bad_signature_is_refused() -> None:
    """
    It is answered with 403 before the upgrade; the address is signed with `wss`, as the answer wrote it.
    """
    public = "https://gw.example.com"
    wrong = [
        signed("wss://gw.example.com/twilio/media", "another"),
        signed("https://gw.example.com/twilio/media"),
        signed("wss://gw.example.com/twilio/media?x=1"),
        {"X-Twilio-Signature": ""},
    ]
    async with exchange(auth_token=TOKEN, public_url=public) as ex:
        for headers in wrong:
            with pytest.raises(InvalidStatus, match="403"):
                async with hand_stream(stream_url(ex), **headers):
                    pass
        assert await ex.counts() == {"streams_refused_total{bad_signature}": len(wrong)}
        async with hand_stream(stream_url(ex), **signed("wss://gw.example.com/twilio/media")) as stream:
            await stream.start("CA1", {})
            assert await stream.closed() == POLICY_VIOLATION


async def test_without_a_signature_the_token_decides() -> None:
    """
    A handshake that claims none is let through to show its token, as some proxies strip headers.
    """
    async with exchange(saying((sound(200),)), auth_token=TOKEN, greeting="Hello.") as ex:
        assert await refused(ex, "CA1", {"token": "guess"})
        form = {"CallSid": "CA1", "From": "+15550100", "To": NUMBER}
        headers = signed(f"{ex.address}/twilio/voice", form=form)
        async with ex.http.post(f"{ex.address}/twilio/voice", data=form, headers=headers) as answer:
            connect = read_twiml(await answer.text(), ex.address)[0]
        assert isinstance(connect, Connect)
        async with started(connect, "CA1") as stream:
            await stream.expect("media")
