"""What a line's agents must not say is not heard to its end: on a simulated phone."""

from gateway.lines.guardrails import Patterns, Phrases
from gateway.sim.realtime import Say
from gateway.sim.verdict import judge
from tests.e2e.exchange import asked, entries, exchange, noise, saying, sound
from tests.e2e.interruptions import NET, near

PROMISE = "I promise you that nobody else has ever had such a room, and that nobody ever will, not at such a price."
INSTEAD = "I cannot promise anything on the phone."


async def test_the_lines_words_are_said_instead() -> None:
    """
    The agent is cut on the spot and forgets what was not heard; what is said then is the guardrail's own text.
    """
    guardrails = (Patterns(patterns=(r"\d+ euros?",)), Phrases(phrases=("I promise",), say=INSTEAD))
    replies = saying((Say(PROMISE, noise(6_000)),), (sound(300, 1),), speed=1.2)
    async with exchange(replies, guardrails=guardrails) as ex:
        async with ex.call(inbound=NET, outbound=NET) as (phone, session):
            phone.say(noise(300))
            await session.happened(lambda session: session.truncations)
            await phone.hears(at_least_ms=300)
            (cut,) = [verdict for verdict in judge(session, phone.earpiece) if verdict.truncated_ms is not None]
            await phone.hang_up()
        (tripped,) = await entries(ex, phone, "guardrail")
        assert near(ex, cut)
        assert (await ex.counts())["guardrails_tripped_total"] == 1
    assert tripped["text"] == "phrases"
    assert INSTEAD in asked(session, "response.create")[-1]["response"]["instructions"]
