"""What an operator's machine can ask while calls come and go."""

import asyncio
import json

from prometheus_client.parser import text_string_to_metric_families

from gateway.sim.realtime import Call, Session
from gateway.sim.sounds import cough
from tests.e2e.exchange import Exchange, exchange, noise, saying, sound
from tests.e2e.hand_stream import started

GREETING = "Hello."
CLOSED_SETS = {
    "result": {"success", "fallback", "rejected", "failed"},
    "direction": {"inbound", "outbound"},
    "settled_by": {"flushed_echo", "played", "clock", "server"},
    "limit": {"duration", "no_input", "cost"},
    "outcome": {"heard", "unheard", "left_alone", "confirmed", "refused"}
    | {"answered", "unknown_number", "rejected", "bad_signature", "malformed", "duplicate", "draining", "ignored"}
    | {"accepted", "caller_left", "failed", "transferred", "not_through", "no_answer"}
    | {"not_answered", "busy", "reloaded"},
    "verdict": {"noise", "backchannel", "echo"},
    "blame": {"provider", "model", "gateway"},
    "kind": {f"{of}_{way}" for of in ("text", "audio", "image") for way in ("input", "cached_input", "output")}
    - {"image_output"}
    | {"transcription"},
    "status": {"completed", "cancelled", "incomplete", "failed", "in_progress"},
    "reason": {"bad_signature", "no_start", "bad_token", "duplicate", "malformed"},
}


async def fetch(ex: Exchange, path: str) -> tuple[int, str]:
    """Status and body of a page."""
    async with ex.http.get(ex.address + path) as answer:
        return answer.status, await answer.text()


async def measures(ex: Exchange) -> dict[str, float]:
    """Counts and sums of the histograms."""
    _, text = await fetch(ex, "/metrics")
    return {
        sample.name.removeprefix("gateway_"): sample.value
        for family in text_string_to_metric_families(text)
        if family.type == "histogram"
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


async def greeted(ex: Exchange, *, then_says: bytes = b"") -> Session:
    """A call that hears its greeting, perhaps cuts into it, and hangs up."""
    async with ex.call() as (phone, session):
        await phone.hears(at_least_ms=300)
        if then_says:
            phone.say(then_says)
            await phone.cleared()
            await session.happened(lambda session: session.truncations)
        await phone.hang_up()
        await session.happened(lambda session: session.closed)
        return session


async def test_known_calls_have_exact_counts() -> None:
    """
    After three calls, one of them interrupted and one pressing keys, every figure is what it has to be.
    """
    behaviour = saying((sound(1_200),), (), delta_ms=(120,))
    async with exchange(behaviour, greeting=GREETING) as ex:
        sessions = await asyncio.gather(greeted(ex), greeted(ex, then_says=noise(150, 1)))
        async with ex.call() as (phone, _):
            phone.press("12#")
            await phone.hears(at_least_ms=100)
            await phone.hang_up()
            frames = int(phone.stream.stopped_ms or 0) // 20 + 1
        counts = await ex.counts()
    counts = {name: count for name, count in counts.items() if not name.startswith("tokens_total")}
    inbound, outbound = counts.pop("frames_total{inbound}"), counts.pop("frames_total{outbound}")
    expected = sum(session.appended_bytes for session in sessions) // 160 + frames
    assert abs(inbound - expected) <= 1
    assert outbound == 30
    assert counts.pop("responses_total{completed}") in {3, 4}
    assert counts.pop("flushed_marks_total") >= 5
    assert counts == {
        "webhooks_total{answered}": 3,
        "calls_total{success}": 3,
        "barge_ins_total{flushed_echo}": 1,
        "truncates_total{heard}": 1,
        "truncates_total{confirmed}": 1,
        "dtmf_total": 3,
    }


async def test_calls_under_way_are_counted() -> None:
    """
    The gauge is the number of calls, and goes back to nothing.
    """
    async with exchange() as ex:
        async with started(await ex.invited("CA1"), "CA1"), started(await ex.invited("CA2"), "CA2"):
            sessions = [await ex.server.next_session() for _ in range(2)]
            assert (await ex.counts())["calls_active"] == 2
            assert json.loads((await fetch(ex, "/readyz"))[1])["calls"] == 2
        for session in sessions:
            await session.happened(lambda session: session.closed)
        assert "calls_active" not in await ex.counts()


async def test_nobody_outside_chooses_a_label() -> None:
    """
    Whatever callers, providers and models send, labels come from sets that are written down, and name no call.
    """
    canary = 'canary7\n{}"'
    async with exchange(saying((sound(200),)), greeting=GREETING) as ex:
        await ex.ring(canary, To=canary, From=canary)
        async with started(await ex.invited("CAcanary7"), "CAcanary7") as stream:
            session = await ex.server.next_session()
            await stream.send(json.dumps({"event": canary}), json.dumps({"event": "mark", "mark": {"name": canary}}))
            session.send({"type": canary})
            session.send({"type": "error", "error": {"code": canary, "type": canary, "message": canary}})
            session.send({"type": "response.done", "response": {"id": canary, "status": canary}})
            await stream.expect("media")
        await session.happened(lambda session: session.closed)
        _, text = await fetch(ex, "/metrics")
    assert "canary" not in text
    labels = {
        label
        for family in text_string_to_metric_families(text)
        for one in family.samples
        for label in one.labels.items()
    }
    assert {value for name, value in labels if name != "le" and value not in CLOSED_SETS[name]} == set()


async def test_round_trips_are_measured() -> None:
    """
    A call leaves measures of the way to the provider and back, and of how long an interruption took to settle.
    """
    async with exchange(saying((sound(1_000),), ()), greeting=GREETING) as ex:
        await greeted(ex, then_says=noise(150, 1))
        measured = await measures(ex)
    assert measured["mark_round_trip_seconds_count"] >= 3
    assert measured["barge_in_settled_seconds_count"] == 1
    assert 0 < measured["barge_in_settled_seconds_sum"] < 0.5
    assert measured["barge_in_correction_seconds_count"] == 1
    assert measured["speech_to_clear_seconds_count"] == 1
    assert measured["speech_to_clear_seconds_sum"] < 0.5


async def test_dead_air_is_measured() -> None:
    """
    A caller who waits for a slow agent waits as long as the agent takes to begin, and an answer in time is not counted.
    """
    async with exchange(saying((sound(400),), first_audio_ms=250), greeting=GREETING) as ex:
        await greeted(ex)
        measured = await measures(ex)
    assert measured["dead_air_seconds_count"] == 1
    assert 0.24 < measured["dead_air_seconds_sum"] < 0.5 + ex.heartbeat.late_ms / 1000


async def test_a_cough_is_counted_as_one() -> None:
    """
    Where barge-in is confirmed, a cough is dismissed as a noise, the agent resumes once, and nothing is truncated.
    """
    async with exchange(saying((sound(2_500),)), greeting=GREETING, barge_in="confirmed") as ex:
        async with ex.call() as (phone, _):
            await phone.hears(at_least_ms=700)
            phone.say(cough(1))
            await phone.cleared()
            await phone.hears(at_least_ms=100)
            await phone.hang_up()
        counts, measured = await ex.counts(), await measures(ex)
    assert counts["barge_ins_dismissed_total{noise}"] == 1
    assert not [name for name in counts if name.startswith(("barge_ins_total", "truncates_total"))]
    assert measured["resumed_after_seconds_count"] == 1
    assert 0.1 < measured["resumed_after_seconds_sum"] < 1.0


async def test_what_the_agent_ends_is_counted() -> None:
    """
    An agent that hangs up is counted as such, and its call as a success.
    """
    async with exchange(saying((sound(200), Call("hang_up"))), greeting=GREETING, goodbye={"wait_s": 5}) as ex:
        async with ex.call() as (phone, _):
            await phone.ended()
        counts = await ex.counts()
    assert (counts["agent_hang_ups_total"], counts["calls_total{success}"]) == (1, 1)


async def test_a_gateway_is_alive_and_ready() -> None:
    """
    Both probes answer 200 while calls are taken.
    """
    async with exchange() as ex:
        assert [(await fetch(ex, path))[0] for path in ("/healthz", "/readyz")] == [200, 200]


async def test_a_drain_takes_no_more_calls_and_cuts_none_off() -> None:
    """
    New calls are told politely and the process is alive but not ready, while those under way go on to their end.
    """
    async with exchange(saying((sound(1_000),)), greeting=GREETING) as ex, ex.call() as (phone, _):
        await phone.hears(at_least_ms=50)
        drained = asyncio.ensure_future(ex.gateway.calls.drain())
        assert (await fetch(ex, "/healthz"))[0] == 200
        assert (await fetch(ex, "/readyz"))[0] == 503
        assert [type(verb).__name__ for verb in await ex.ring("CA2")] == ["Say", "Hangup"]
        await phone.hears(at_least_ms=900)
        assert not drained.done()
        await phone.hang_up()
        await drained


async def test_closing_leaves_callers_to_the_fallback() -> None:
    """
    Calls that have to end at once end in the provider's fallback, and their sessions with them.
    """
    async with exchange(saying((sound(5_000),)), greeting=GREETING) as ex, ex.call() as (phone, session):
        await phone.hears(at_least_ms=100)
        await ex.gateway.calls.close()
        await session.happened(lambda session: session.closed, timeout_s=2)
        await phone.ended()
        assert [type(verb).__name__ for verb in phone.fallback] == ["Say", "Hangup"]
        assert len(ex.gateway.calls) == 0


async def test_a_stop_ends_calls() -> None:
    """
    When the gateway stops listening, no call and no session is left.
    """
    async with exchange(saying((sound(5_000),)), greeting=GREETING) as ex:
        phone = ex.phone()
        await phone.dial()
        await phone.hears(at_least_ms=100)
    await phone.ended()
    assert all(session.closed for session in ex.server.sessions)
    assert len(ex.gateway.calls) == 0
