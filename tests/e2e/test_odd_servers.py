"""A server that is unlike the others, or talks nonsense now and then, is put up with."""

import asyncio
import base64
from typing import Any

from gateway.errors import PeerError
from tests.e2e.exchange import exchange, noise, played_to, received, said_by_agent, saying, sound

GREETING = "Hello."


ODDITIES: tuple[dict[str, Any], ...] = (
    {"malformed_once": True},
    {"unknown_events": True},
    {"response_created": False},
    {"rate_limits": False},
    {"conversation_created": True},
    {"output_item_done_first": True},
    {"overlapping_items": True},
    {"late_deltas": 2},
    {"transcription_fails": True},
    {"transcription_after_response": True},
    {"delta_ms": (1, 19, 333)},
    {"session_created_delay_ms": 300},
)


async def fault_found(**knobs: Any) -> str:
    """What goes wrong in a call to such a server: a greeting of two items, a question and an answer."""
    behaviour = saying((sound(300, 1), sound(200, 2)), (sound(250, 3),), **knobs)
    async with exchange(behaviour, greeting=GREETING) as ex, ex.call() as (phone, session):
        try:
            async with asyncio.timeout(5):
                await received(phone, 500)
                await phone.silent_for(50)
                phone.say(noise(200, 4))
                await received(phone, 750)
                await phone.quiet()
        except (PeerError, TimeoutError) as error:
            return f"cut short: {error}"
        await phone.hang_up()
        if not played_to(phone) == said_by_agent(session) == noise(300, 1) + noise(200, 2) + noise(250, 3):
            return "something else was heard"
        if session.truncations or phone.earpiece.clears:
            return f"forgotten: {session.truncations}"
        return "" if (await ex.counts()).get("calls_total{success}") == 1 else "not counted as a success"


async def test_odd_servers_are_put_up_with() -> None:
    """
    Greeting and answer are heard byte by byte, nothing of them is forgotten, and the caller ends the call.
    """
    faults = await asyncio.gather(*(fault_found(**knobs) for knobs in ODDITIES))
    assert [found for found in zip(ODDITIES, faults, strict=True) if found[1]] == []


async def test_deltas_that_come_twice_disturb_nobody() -> None:
    """
    The call goes on, and the caller is answered.
    """
    behaviour = saying((sound(600, 1),), (sound(250, 2),), duplicate_every=2)
    async with exchange(behaviour, greeting=GREETING) as ex, ex.call() as (phone, session):
        await received(phone, 600)
        phone.say(noise(200, 4))
        await session.happened(lambda session: len(said_by_agent(session)) == 6_800)
        await received(phone, 850)
        await phone.hang_up()
        assert (await ex.counts())["calls_total{success}"] == 1


async def test_older_names_are_understood() -> None:
    """
    Audio under the name that the retired beta had for it is heard like any other.
    """
    place = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    async with exchange() as ex, ex.call() as (phone, session):
        await session.happened(lambda session: session.appended_bytes)
        delta = base64.b64encode(noise(100)).decode()
        session.send({"type": "response.audio.delta", **place, "delta": delta})
        session.send({"type": "response.audio.done", **place})
        await phone.hears(at_least_ms=100)
        assert played_to(phone) == noise(100)


NONSENSE: list[dict[str, Any]] = [
    {"type": "response.output_audio.delta", "response_id": "r"},
    {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": None},
    {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": "%%%%"},
    {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": "AAA"},
    {"type": "response.output_audio.delta", "response_id": 7, "item_id": {}, "content_index": "x", "delta": {}},
    {"type": "response.created", "response": None},
    {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": 7}},
    {"type": "conversation.item.truncated", "item_id": "nobody", "audio_end_ms": "x"},
    {"type": "session.updated", "session": None},
    {"type": "error"},
    {"type": "error", "error": {"message": "No.", "code": "who_knows", "event_id": "gw_999"}},
    {"type": "input_audio_buffer.speech_stopped"},
    {"type": ""},
]


async def test_nonsense_from_the_model_reaches_nobody() -> None:
    """
    Events with missing, wrong or impossible fields are skipped: not one byte of them is played, and the call goes on.
    """
    async with exchange(saying((sound(300),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=100)
        for event in NONSENSE:
            session.send(dict(event))
        await phone.silent_for(100)
        phone.say(noise(200, 1))
        await received(phone, 600)
        assert phone.warnings == {}
        assert played_to(phone) == noise(300) * 2
        await phone.hang_up()
        assert (await ex.counts())["calls_total{success}"] == 1
