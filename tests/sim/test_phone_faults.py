"""Each fault is what it says, and nothing else."""

import asyncio

from gateway.sim.carrier import Ending
from gateway.sim.faults import PhoneFaults
from gateway.sim.phone import Phone
from tests.sim.application import Socket, serving
from tests.sim.test_phone_stream import SPEECH, call


async def played_and_flushed(socket: Socket, phone: Phone) -> None:
    """Two marks whose audio is played, two whose audio is cleared, and one more."""
    await socket.mark("played_1")
    await socket.mark("played_2")
    await socket.play(SPEECH)
    await socket.mark("flushed_1")
    await socket.mark("flushed_2")
    await phone.hears(at_least_ms=20)
    await socket.send("clear")
    await socket.mark("last")


async def marks_of(faults: PhoneFaults, count: int) -> list[str]:
    """The marks that come back in that scene."""
    async with call(faults=faults) as (phone, socket):
        await played_and_flushed(socket, phone)
        return await socket.marks(count)


async def test_flushed_marks_may_be_dropped() -> None:
    """
    Only the marks whose audio was played come back.
    """
    names = await marks_of(PhoneFaults(drop_flushed_marks=True), 3)
    assert names == ["played_1", "played_2", "last"]


async def test_some_marks_may_be_lost() -> None:
    """
    One in so many does not come back.
    """
    names = await marks_of(PhoneFaults(lose_mark_every=2), 3)
    assert names == ["played_1", "flushed_1", "last"]


async def test_marks_may_come_back_twice() -> None:
    """
    Each is doubled, in place.
    """
    names = await marks_of(PhoneFaults(double_marks=True), 10)
    assert names[:4] == ["played_1", "played_1", "played_2", "played_2"]


async def test_marks_may_come_back_late() -> None:
    """
    They are late by that much, and keep their order.
    """
    async with call(faults=PhoneFaults(mark_delay_ms=60)) as (phone, socket):
        sent_ms = phone.stream.now_ms()
        await played_and_flushed(socket, phone)
        assert await socket.marks(5) == ["played_1", "played_2", "flushed_1", "flushed_2", "last"]
        assert phone.stream.now_ms() - sent_ms >= 80


async def test_no_mark_may_come_back_at_all() -> None:
    """
    The stream goes on without any.
    """
    async with call(faults=PhoneFaults(no_marks=True)) as (phone, socket):
        cleared = asyncio.create_task(phone.cleared())
        await played_and_flushed(socket, phone)
        await cleared
        await phone.hang_up()
        await socket.closed()
        assert socket.all("mark") == []


async def test_start_may_never_come() -> None:
    """
    The phone connects and sends media, but does not say for what stream.
    """
    async with serving() as app, Phone(faults=PhoneFaults(no_start=True)) as phone:
        await phone.connect(app.stream_url)
        socket = await app.socket()
        await socket.expect("media", 3)
        assert [message["event"] for message in socket.received[:2]] == ["connected", "media"]


async def test_media_may_come_before_start() -> None:
    """
    So many frames come early.
    """
    async with call(faults=PhoneFaults(early_media_frames=2)) as (_, socket):
        kinds = [message["event"] for message in socket.received[:4]]
    assert kinds == ["connected", "media", "media", "start"]


async def test_parameters_may_be_altered() -> None:
    """
    Every name is there, with another value.
    """
    async with serving() as app, Phone(faults=PhoneFaults(wrong_parameters=True)) as phone:
        await phone.connect(app.stream_url, {"tok": "secret"})
        (start,) = await (await app.socket()).expect("start")
        assert start["start"]["customParameters"].keys() == {"tok"}
        assert start["start"]["customParameters"]["tok"] != "secret"


async def test_garbage_may_come_between_frames() -> None:
    """
    After every second frame there is one that means nothing.
    """
    async with call(faults=PhoneFaults(garbage_every=2)) as (_, socket):
        await socket.expect("noise", 2)
        kinds = [message["event"] for message in socket.received[2:8]]
    assert kinds == ["media", "media", "noise", "media", "media", "noise"]


async def test_media_may_stop_for_a_while() -> None:
    """
    The frames of that time are missing, and those after it are on time.
    """
    async with call(faults=PhoneFaults(gap_at_ms=40, gap_ms=60)) as (_, socket):
        media = await socket.expect("media", 4)
    assert [message["media"]["timestamp"] for message in media[:4]] == ["0", "20", "100", "120"]


async def test_the_socket_may_close_without_stop() -> None:
    """
    The server learns of the end by the close alone.
    """
    async with call(faults=PhoneFaults(close_without_stop=True)) as (phone, socket):
        await phone.hang_up()
        await socket.closed()
        assert socket.all("stop") == []


async def test_the_socket_may_stay_open_after_stop() -> None:
    """
    The phone is done, and the socket closes only when the server closes it.
    """
    async with call(faults=PhoneFaults(stop_without_close=True)) as (phone, socket):
        await phone.hang_up()
        await socket.expect("stop")
        over = asyncio.create_task(phone.ended())
        assert socket.received[-1]["event"] == "stop"
        assert not over.done()
        await socket.close()
        assert await over == Ending.CALLER_HUNG_UP
