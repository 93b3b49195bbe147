"""The caller cuts in while the provider, the model or the line is not as it should be."""

import asyncio

from gateway.sim.faults import PhoneFaults
from gateway.sim.realtime import Say
from gateway.sim.truth import Truth
from gateway.sim.verdict import judge
from tests.e2e.exchange import exchange, noise, saying, sound
from tests.e2e.interruptions import GREETING, NET, SHORT, cut, cut_in, far, interrupted, near

SPEECH_STARTED = {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_x"}


async def test_a_provider_may_drop_flushed_marks() -> None:
    """
    Without the echo that dates the clear the cut comes from the clock, within 60 ms.
    """
    faults = PhoneFaults(drop_flushed_marks=True)
    async with exchange(saying((sound(2_500),), (SHORT,)), greeting=GREETING) as ex:
        verdicts = await interrupted(ex, 800, inbound=NET, outbound=NET, faults=faults)
        assert near(ex, verdicts[0], 60)
        assert (await ex.counts())["barge_ins_total{clock}"] == 1


async def test_a_provider_may_send_no_marks() -> None:
    """
    Without a single mark the agent is still told, by the clock alone: not past what was sent, nor far off.
    """
    faults = PhoneFaults(no_marks=True)
    async with exchange(saying((sound(2_500),), (SHORT,)), greeting=GREETING) as ex:
        verdict = (await interrupted(ex, 800, faults=faults))[0]
    assert near(ex, verdict, 60)


async def test_marks_may_come_twice_or_not_at_all() -> None:
    """
    Marks that are doubled, or lost one in three, leave the cut where it belongs.
    """
    faults = (PhoneFaults(double_marks=True), PhoneFaults(lose_mark_every=3))
    async with exchange(saying((sound(2_500),), (SHORT,)), greeting=GREETING) as ex:
        first = [
            verdicts[0] for verdicts in await asyncio.gather(*(interrupted(ex, 800, faults=one) for one in faults))
        ]
    assert far(ex, first, 60) == []


async def test_a_server_that_counts_less_is_believed() -> None:
    """
    When the server's item is shorter than what it sent, it is asked once more, with its own number.
    """
    short_counting = saying((sound(2_000),), (SHORT,), missing_tail_ms=1_200)
    async with exchange(short_counting, greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=1_000)
        phone.say(noise(200, 1))
        await cut(session, 2)
        await phone.hears(at_least_ms=50)
        await phone.hang_up()
        assert [(cut.outcome, cut.audio_end_ms == 800) for cut in session.truncations] == [
            ("invalid_value", False),
            ("accepted", True),
        ]
        assert "truncates_total{refused}" not in await ex.counts()


async def test_a_refused_truncate_ends_nothing() -> None:
    """
    A server that will not cut is asked twice at most, the refusal is counted, and the caller is answered.
    """
    stubborn = saying((sound(2_000),), (SHORT,), missing_tail_ms=9_000)
    async with exchange(stubborn, greeting=GREETING) as ex, ex.call() as (phone, session):
        await cut_in(phone, session, heard_ms=500)
        await phone.hears(at_least_ms=90)
        assert 1 <= len(session.truncations) <= 2
        assert {cut.outcome for cut in session.truncations} == {"invalid_value"}
        assert (await ex.counts())["truncates_total{refused}"] == 1
        assert len(ex.gateway.calls) == 1


async def test_late_audio_is_not_heard() -> None:
    """
    What the model still sends of an answer that was cut off never reaches the phone, and is forgotten by the model.
    """
    late = saying(
        (sound(3_000, 1), sound(1_000, 2)),
        (SHORT,),
        speed=2,
        delta_ms=(100,),
        leaked_deltas=5,
        late_deltas=2,
        interrupt_lag_ms=150,
    )
    async with exchange(late, greeting=GREETING) as ex, ex.call(inbound=NET, outbound=NET) as (phone, session):
        await cut_in(phone, session, heard_ms=500)
        await phone.hears(at_least_ms=50)
        await phone.hang_up()
        (clear,) = phone.earpiece.clears
        items = {item.id: bytes(item.parts[0].generated) for item in session.items if item.response_id}
        cut_off = next(iter(items))
        pieces = Truth(items, phone.earpiece).pieces
        first = [piece for piece in pieces if piece.item == list(items).index(cut_off)]
        assert all(piece.chunk < clear.received_chunks for piece in first)
        assert [cut.item_id for cut in session.truncations] == [cut_off]
        verdict = judge(session, phone.earpiece)[0]
        assert verdict.sent_ms < verdict.generated_ms
        assert near(ex, verdict)


async def test_hearing_the_caller_twice_changes_nothing() -> None:
    """
    However often the server says that the caller speaks, there is one clear and one truncate for each item.
    """
    two = saying((sound(1_500, 1), sound(1_500, 2)), (SHORT,))
    async with exchange(two, greeting=GREETING) as ex, ex.call(inbound=NET, outbound=NET) as (phone, session):
        await phone.hears(at_least_ms=500)
        for _ in range(3):
            session.send(dict(SPEECH_STARTED))
        await phone.cleared()
        session.send(dict(SPEECH_STARTED))
        await session.happened(lambda session: len(session.truncations) >= 2)
        session.send(dict(SPEECH_STARTED))
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=50)
        await phone.hang_up()
        assert [cut.outcome for cut in session.truncations] == ["accepted"] * 2
        assert len(phone.earpiece.clears) == 1
        assert near(ex, judge(session, phone.earpiece)[0])


async def test_a_line_may_forbid_interruption() -> None:
    """
    Where the caller's speech does not stop the agent, nothing is cleared and nothing is cut.
    """
    turns = {"type": "server_vad", "silence_duration_ms": 200, "interrupt_response": False}
    patient = saying((Say("Good morning.", noise(1_000)),), (SHORT,), speed=4)
    async with exchange(patient, greeting=GREETING, turn_detection=turns) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=200)
        phone.say(noise(200, 1))
        await phone.hears(at_least_ms=1_000)
        await phone.hang_up()
        assert (phone.earpiece.clears, session.truncations) == ([], [])
