"""What the provider leaves out of the caller's audio is silence to the model, and takes its time."""

import asyncio

from gateway.sim.faults import PhoneFaults
from tests.e2e.exchange import Exchange, exchange, noise, said_by_caller, saying
from tests.e2e.interruptions import SHORT

SILENCE = b"\xff"
WORDS = noise(600, 1)


async def heard_with(ex: Exchange, gap_at_ms: float, gap_ms: float) -> bytes:
    """A call in which the caller speaks, and frames are missing; the caller's turn as the server has it."""
    async with ex.call(faults=PhoneFaults(gap_at_ms=gap_at_ms, gap_ms=gap_ms)) as (phone, session):
        phone.say(WORDS)
        await phone.spoken()
        await session.happened(said_by_caller)
        await phone.hang_up()
        return said_by_caller(session)[0]


async def test_frames_that_are_missing_are_silence() -> None:
    """
    The server's clock is not behind the caller's: where frames are missing there is silence for as long, to the byte.
    """
    async with exchange(saying((SHORT,))) as ex:
        gaps_ms = [(200, 100), (400, 20), (240, 180)]
        turns = await asyncio.gather(*(heard_with(ex, *gap_ms) for gap_ms in gaps_ms))
    for turn, (gap_at_ms, gap_ms) in zip(turns, gaps_ms, strict=True):
        spoken_byte = turn.index(WORDS[:160])
        gap_byte = gap_at_ms * 8 - spoken_byte
        left = WORDS[:gap_byte] + SILENCE * (gap_ms * 8) + WORDS[gap_byte + gap_ms * 8 :]
        assert turn[spoken_byte : spoken_byte + len(WORDS)] == left


async def test_a_caller_who_falls_silent_in_mid_word_is_answered() -> None:
    """
    When nothing comes any more the turn is closed, and answered, before anything comes again.
    """
    gap = PhoneFaults(gap_at_ms=300, gap_ms=1_300)
    async with exchange(saying((SHORT,))) as ex, ex.call(faults=gap) as (phone, session):
        phone.say(WORDS)
        await phone.hears(at_least_ms=50)
        assert phone.stream.now_ms() < gap.gap_at_ms + gap.gap_ms
        (turn,) = said_by_caller(session)
        spoken_byte = turn.index(WORDS[:160])
        said = WORDS[: 300 * 8 - spoken_byte]
        assert turn[spoken_byte:] == said + SILENCE * (len(turn) - spoken_byte - len(said))
        await session.happened(lambda session: session.appended_bytes >= 1_700 * 8)
        await phone.hang_up()
        assert said_by_caller(session) == [turn]
        assert abs(session.appended_bytes / 8 - (phone.stream.stopped_ms or 0)) <= 40 + ex.heartbeat.late_ms
