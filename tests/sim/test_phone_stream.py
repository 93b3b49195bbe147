"""A media stream behaves to the letter of Twilio's documentation."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.errors import PeerError
from gateway.sim.network import Network
from gateway.sim.phone import Phone
from tests.sim.application import Socket, serving

SPEECH = bytes(range(200)) * 40
"""One second of something that is not silence."""


@asynccontextmanager
async def call(**options: Any) -> AsyncIterator[tuple[Phone, Socket]]:
    """A phone and the other end of its media stream."""
    async with serving() as app, Phone(**options) as phone, asyncio.timeout(10):
        await phone.connect(app.stream_url)
        socket = await app.socket()
        await socket.expect("start")
        yield phone, socket


def payloads(socket: Socket) -> bytes:
    """Everything that the caller has sent."""
    return b"".join(base64.b64decode(message["media"]["payload"]) for message in socket.all("media"))


async def test_media_never_stops() -> None:
    """
    20 ms of audio come every 20 ms, also in silence, numbered and dated without a gap.
    """
    async with call() as (_, socket):
        media = await socket.expect("media", 15)
    assert [message["media"]["chunk"] for message in media] == [str(n + 1) for n in range(len(media))]
    assert [message["media"]["timestamp"] for message in media] == [str(20 * n) for n in range(len(media))]
    assert {message["media"]["track"] for message in media} == {"inbound"}
    assert payloads(socket) == b"\xff" * 160 * len(media)
    numbers = [message["sequenceNumber"] for message in socket.received[1:]]
    assert numbers == [str(n + 1) for n in range(len(numbers))]


async def test_the_pace_does_not_drift() -> None:
    """
    However late single frames are, the number of frames follows the clock: 50 a second.
    """
    async with call() as (phone, socket):
        await socket.expect("media", 50)
        elapsed_ms = phone.stream.now_ms()
        assert 0 <= elapsed_ms - 49 * 20 < 200


async def test_what_the_caller_says_is_sent() -> None:
    """
    Speech goes out frame by frame, unchanged; its last frame is filled up with silence.
    """
    async with call() as (phone, socket):
        phone.say(SPEECH[:500])
        phone.say(SPEECH[500:1000])
        await phone.spoken()
        await socket.expect("media", int(socket.all("media")[-1]["media"]["chunk"]) + 1)
    assert SPEECH[:1000] + b"\xff" * 120 in payloads(socket)
    assert [event.kind for event in phone.events if "caller" in event.kind] == ["caller_speaks", "caller_spoke"]


async def test_a_caller_may_stop_in_the_middle_of_a_word() -> None:
    """
    After `hush` the rest of what was to be said is never sent.
    """
    async with call() as (phone, socket):
        phone.say(SPEECH)
        phone.hush()
        await phone.spoken()
        await socket.expect("media", 5)
    assert set(payloads(socket)) == {0xFF}


async def test_keys_are_sent_one_by_one() -> None:
    """
    Each key is a message of its own.
    """
    async with call() as (phone, socket):
        phone.press("4#")
        keys = await socket.expect("dtmf", 2)
    assert [key["dtmf"] for key in keys] == [{"track": "inbound_track", "digit": digit} for digit in "4#"]


async def test_a_mark_comes_back_when_its_audio_was_played() -> None:
    """
    Not when it arrives, and not before the marks in front of it.
    """
    async with call() as (phone, socket):
        await socket.play(SPEECH[:800])
        await socket.mark("first")
        await socket.play(SPEECH[800:1600])
        await socket.mark("second")
        assert await socket.marks(2) == ["first", "second"]
        assert phone.stream.now_ms() >= phone.earpiece.chunks[1].end_ms
        assert phone.earpiece.played_ms_since_clear(phone.stream.now_ms()) == 200


async def test_a_mark_on_an_empty_buffer_comes_back_at_once() -> None:
    """
    With nothing to play, there is nothing to wait for.
    """
    async with call() as (_, socket):
        await socket.mark("now")
        assert await socket.marks(1) == ["now"]


async def test_a_clear_empties_the_buffer_and_returns_every_mark() -> None:
    """
    Pending marks come back at once, in order and unchanged; what was not played never is.
    """
    async with call() as (phone, socket):
        cleared = asyncio.create_task(phone.cleared())
        await socket.play(SPEECH)
        for name in ("a", "b", "c"):
            await socket.mark(name)
        await phone.hears(at_least_ms=40)
        await socket.send("clear")
        assert await socket.marks(3) == ["a", "b", "c"]
        await cleared
        (clear,) = phone.earpiece.clears
        assert clear.at_ms < 900
        assert clear.flushed_marks == ("a", "b", "c")
        await phone.silent_for(60)
        heard = phone.earpiece.heard(phone.stream.now_ms()).strip(b"\xff")
        assert SPEECH.startswith(heard)
        assert 320 <= len(heard) < 8000


async def test_audio_after_a_clear_is_played() -> None:
    """
    A clear needs no undoing, and what was heard is counted from it.
    """
    async with call() as (phone, socket):
        cleared = asyncio.create_task(phone.cleared())
        await socket.play(SPEECH)
        await phone.hears(at_least_ms=20)
        await socket.send("clear")
        await socket.play(SPEECH[:320])
        await cleared
        await phone.hears(at_least_ms=40)
        await phone.quiet()
        assert phone.earpiece.chunks[1].played_bytes(phone.stream.now_ms()) == 320


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", 31950),
        (b"binary", 31950),
        ('{"event":"dance","streamSid":"SID"}', 31951),
        ('{"event":"clear","streamSid":"MZother"}', 31951),
        ('{"event":"clear"}', 31951),
        ('{"event":"media","streamSid":"SID","media":{"payload":"=?="}}', 31951),
        ('{"event":"media","streamSid":"SID","media":{}}', 31951),
        ('{"event":"media","streamSid":"SID","media":"x"}', 31951),
        ('{"event":"mark","streamSid":"SID","mark":{"name":7}}', 31951),
        ('["event"]', 31951),
        ("7", 31951),
    ],
)
async def test_what_is_no_message_is_counted_and_ignored(frame: str | bytes, code: int) -> None:
    """
    Twilio logs a warning, and the stream goes on.
    """
    async with call() as (phone, socket):
        if isinstance(frame, str):
            frame = frame.replace("SID", phone.stream.stream_sid)
        await socket.send_raw(frame)
        await socket.mark("after")
        assert await socket.marks(1) == ["after"]
        assert phone.warnings == {code: 1}
        assert not phone.earpiece.clears
        assert not phone.earpiece.chunks


async def test_the_network_is_late_in_both_directions() -> None:
    """
    A mark on an empty buffer takes the outbound and then the inbound delay to come back.
    """
    async with call(inbound=Network(60), outbound=Network(40)) as (_, socket):
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        await socket.mark("late")
        await socket.marks(1)
        assert loop.time() - sent_s >= 0.1 - 0.005


async def test_the_end_of_the_stream_is_as_late_as_its_messages() -> None:
    """
    Audio that was sent before the close is received before it.
    """
    async with call(outbound=Network(50, 30), seed=3) as (phone, socket):
        await socket.play(SPEECH)
        await socket.close()
        await phone.ended()
        assert [len(chunk.audio) for chunk in phone.earpiece.chunks] == [8000]


async def test_waiting_for_what_cannot_come_ends_with_the_stream() -> None:
    """
    Whoever waits to hear something is told when there is nothing more to come.
    """
    async with call() as (phone, socket):
        waiting = asyncio.create_task(phone.hears(at_least_ms=1000))
        await socket.play(SPEECH[:800])
        await phone.hears(at_least_ms=20)
        await socket.close()
        with pytest.raises(PeerError, match="closed the stream while waiting until the caller has heard 1000 ms"):
            await waiting


async def test_nothing_is_heard_after_hanging_up() -> None:
    """
    What was still to be played when the caller hung up is not counted as heard.
    """
    async with call() as (phone, socket):
        await socket.play(SPEECH)
        await phone.hears(at_least_ms=20)
        await phone.hang_up()
        assert phone.stream.stopped_ms
        assert phone.earpiece.chunks[0].played_bytes(10_000) <= phone.stream.stopped_ms * 8
