"""A provider that sends nonsense harms its own call at most, and that only when it goes on and on."""

import json

import pytest

from gateway.sim.faults import PhoneFaults
from gateway.sim.realtime import Session
from tests.e2e.exchange import Exchange, exchange, noise, played_to, said_by_agent, saying, sound
from tests.e2e.hand_stream import STREAM_SID, HandStream, media_frame, start_frame, started

VOICE = noise(20)
MALFORMED: list[str | bytes] = [
    "",
    "not JSON",
    "{",
    "[]",
    "null",
    '"media"',
    "{}",
    '{"event":null}',
    '{"event":7}',
    '{"event":"media"}',
    '{"event":"media","media":null}',
    '{"event":"media","media":{}}',
    '{"event":"media","media":{"payload":7}}',
    '{"event":"media","media":{"payload":""}}',
    '{"event":"media","media":{"payload":"%%%%"}}',
    '{"event":"media","media":{"payload":"AAA"}}',
    '{"event":"media","media":{"payload":"AAAA","timestamp":"-20"}}',
    '{"event":"media","media":{"payload":"AAAA","timestamp":"1e9"}}',
    '{"event":"mark"}',
    '{"event":"mark","mark":{"name":null}}',
    '{"event":"dtmf","dtmf":{"digit":"12"}}',
    '{"event":"start","start":{}}',
    '{"event":"start"}',
    b"",
    b"\x00\xff" * 80,
    media_frame(VOICE).encode(),
]
HARMLESS = [
    '{"event":"noise"}',
    '{"event":"connected"}',
    '{"event":"mark","mark":{"name":"nobody sent this"}}',
    '{"event":"mark","mark":{"name":"e0.999999"}}',
    '{"event":"mark","mark":{"name":"e7.1"}}',
    '{"event":"media","media":{"payload":"AAAA"},"surprise":[{"deep":[[[[]]]]}]}',
    '{"event":"dtmf","dtmf":{"digit":"#"}}',
]


async def goes_on(stream: HandStream, session: Session) -> None:
    """Wait until a frame that is sent now has reached the model."""
    heard_bytes = session.appended_bytes
    await stream.send(media_frame(VOICE))
    await session.happened(lambda session: session.appended_bytes >= heard_bytes + len(VOICE))


async def test_malformed_frames_are_skipped_and_counted() -> None:
    """
    Fewer than twenty in ten seconds do the call no harm, whatever is wrong with them.
    """
    async with exchange() as ex:
        for batch in (MALFORMED[:13], MALFORMED[13:]):
            async with started(await ex.invited("CA1"), "CA1") as stream:
                session = await ex.server.next_session()
                await goes_on(stream, session)
                await stream.send(*batch)
                await goes_on(stream, session)
                assert session.appended_bytes == 2 * len(VOICE)
            await session.happened(lambda session: session.closed)
        assert (await ex.counts())["errors_total{provider}"] == len(MALFORMED)


@pytest.mark.parametrize("frame", MALFORMED)
async def test_a_malformed_frame_counts_as_one(frame: str | bytes) -> None:
    """
    Each kind is counted against the provider, and the caller is heard on.
    """
    async with exchange() as ex, started(await ex.invited("CA1"), "CA1") as stream:
        await stream.send(frame)
        await goes_on(stream, await ex.server.next_session())
        assert (await ex.counts())["errors_total{provider}"] == 1


async def test_what_is_not_known_is_no_fault() -> None:
    """
    Unknown events, fields and marks are ignored, and not held against the provider.
    """
    async with exchange() as ex, started(await ex.invited("CA1"), "CA1") as stream:
        session = await ex.server.next_session()
        for _ in range(5):
            await stream.send(*HARMLESS)
        await goes_on(stream, session)
        counts = await ex.counts()
        assert "errors_total{provider}" not in counts
        assert counts["dtmf_total"] == 5


async def test_twenty_malformed_frames_end_the_call() -> None:
    """
    With the twentieth in ten seconds the stream is closed with 1008, the session too, and the call counts as rejected.
    """
    async with exchange() as ex, started(await ex.invited("CA1"), "CA1") as stream:
        session = await ex.server.next_session()
        await stream.send(*["{"] * 19)
        await goes_on(stream, session)
        await stream.send("{")
        assert await stream.closed() == 1008
        await session.happened(lambda session: session.closed, timeout_s=2)
        assert (await ex.counts())["calls_total{rejected}"] == 1


async def test_a_frame_over_the_limit_ends_the_call() -> None:
    """
    More than 64 KiB in one frame is not read: the stream is closed with 1009, and the session too.
    """
    async with exchange() as ex, started(await ex.invited("CA1"), "CA1") as stream:
        session = await ex.server.next_session()
        await stream.send(json.dumps({"event": "noise", "x": "x" * 60 * 1024}))
        await goes_on(stream, session)
        await stream.send(json.dumps({"event": "noise", "x": "x" * 70 * 1024}))
        assert await stream.closed() == 1009
        await session.happened(lambda session: session.closed, timeout_s=2)
        assert len(ex.gateway.calls) == 0


async def test_a_second_start_is_ignored() -> None:
    """
    A call cannot be turned into another one: what follows still goes to the stream that was let in.
    """
    async with exchange(saying((sound(200),)), greeting="Hello.") as ex:
        first, second = await ex.invited("CA1"), await ex.invited("CA2")
        async with started(first, "CA1") as stream:
            await stream.send(start_frame("CA2", second.parameters, stream_sid="MZ9"))
            session = await ex.server.next_session()
            await goes_on(stream, session)
            assert (await stream.expect("media"))["streamSid"] == STREAM_SID
            assert len(ex.server.sessions) == len(ex.gateway.calls) == 1
        async with started(second, "CA2"):
            await ex.server.next_session()


async def steady_call(ex: Exchange, faults: PhoneFaults) -> None:
    """A greeting and a hang-up; all that the agent said was heard."""
    async with ex.call(faults=faults) as (phone, session):
        await phone.hears(at_least_ms=400)
        assert played_to(phone) == said_by_agent(session)
        assert len(ex.gateway.calls) == 1
        await phone.hang_up()
        await session.happened(lambda session: session.closed)


@pytest.mark.parametrize(
    "faults",
    [
        PhoneFaults(garbage_every=1),
        PhoneFaults(gap_at_ms=100, gap_ms=200),
        PhoneFaults(no_marks=True),
        PhoneFaults(double_marks=True),
        PhoneFaults(lose_mark_every=2),
        PhoneFaults(mark_delay_ms=500),
    ],
)
async def test_a_careless_provider_is_put_up_with(faults: PhoneFaults) -> None:
    """
    Noise between frames, gaps, and marks that are lost, late or doubled do not disturb a call.
    """
    async with exchange(saying((sound(400),)), greeting="Hello.") as ex:
        await steady_call(ex, faults)
        assert (await ex.counts())["calls_total{success}"] == 1
