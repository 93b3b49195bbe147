"""Faults: each knob breaks what it says, and nothing else."""

import base64
import json
from collections import Counter

import pytest

from gateway.sim.realtime import Behaviour, Leave, Say
from gateway.sim.realtime.commands import Close, Command, Drop, SendText
from tests.sim.realtime_script import Script, kinds, tone

DELTA = "response.output_audio.delta"


def faulty(**knobs: object) -> Script:
    """A session with an agent that says a second, in which something goes wrong."""
    reply = (Say("Good morning.", tone(1_000)),)
    return Script(Behaviour(reply=lambda turn: reply, **knobs)).phone()  # type: ignore[arg-type]  # any knob


@pytest.mark.parametrize(
    ("knobs", "absent"),
    [({"response_created": False}, "response.created"), ({"rate_limits": False}, "rate_limits.updated")],
)
def test_events_can_be_missing(knobs: dict[str, object], absent: str) -> None:
    """
    The event is not sent, and all others are.
    """
    events, whole = faulty(**knobs).respond(), faulty().respond()
    assert kinds(events) == [kind for kind in kinds(whole) if kind != absent]


def test_done_events_can_change_places() -> None:
    """
    The two events that end an item come in the other order.
    """
    order = kinds(faulty(output_item_done_first=True).respond())
    assert order.index("response.output_item.done") == order.index("conversation.item.done") - 1


def test_deltas_can_come_twice() -> None:
    """
    Every second delta is repeated, id and all, and the record has it once.
    """
    script = faulty(duplicate_every=2)
    ids = Counter(event["event_id"] for event in script.respond() if event["type"] == DELTA)
    assert sorted(ids.values()) == [1, 1, 2, 2]
    assert bytes(script.engine.items[0].parts[0].generated) == tone(1_000)


def test_deltas_can_come_late() -> None:
    """
    The last two deltas of a response come after its end, and complete it.
    """
    events = faulty(late_deltas=2).respond()
    assert [event["type"] for event in events[-3:]] == ["response.done", DELTA, DELTA]
    audio = b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == DELTA)
    assert audio == tone(1_000)


def test_a_cancelled_answer_can_have_late_deltas() -> None:
    """
    Audio that was under way when the client cancelled comes after the end of its response.
    """
    script = faulty(late_deltas=1, first_audio_ms=100)
    script.send("response.create")
    script.run(210)
    assert kinds(script.send("response.cancel"))[-2:] == ["response.done", DELTA]


def test_unknown_events_and_fields_can_be_mixed_in() -> None:
    """
    Behind each audio delta comes an event nobody knows, and the deltas have fields nobody knows.
    """
    events = faulty(unknown_events=True).respond()
    order = [event["type"] for event in events]
    assert order.count("response.weather.updated") == order.count(DELTA) == 4
    assert all("obfuscation" in event for event in events if event["type"] == DELTA)


def sent_until_leaving(behaviour: Behaviour) -> list[Command]:
    """All commands of a session that begins to answer at once."""
    script = Script(behaviour)
    commands = script.engine.receive('{"type": "response.create"}', now_s=0.0)
    while (due_s := script.engine.next_deadline_s()) is not None and due_s < 60:
        commands += script.engine.tick(now_s=due_s)
    return commands


def test_a_frame_can_be_broken() -> None:
    """
    One frame in a session is not JSON.
    """
    reply = (Say("x", tone(1_000)),)
    commands = sent_until_leaving(Behaviour(reply=lambda turn: reply, malformed_once=True))
    broken = [command for command in commands if isinstance(command, SendText) and not is_json(command.text)]
    assert len(broken) == 1


def is_json(text: str) -> bool:
    """Whether *text* can be parsed."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("leave", "end"),
    [(Leave(after_deltas=2), Drop()), (Leave(after_deltas=2, code=1011, reason="oops"), Close(1011, "oops"))],
)
def test_the_server_can_leave_in_mid_item(leave: Leave, end: Command) -> None:
    """
    After so many deltas the connection ends, with or without a close frame, and nothing follows.
    """
    reply = (Say("x", tone(1_000)),)
    commands = sent_until_leaving(Behaviour(reply=lambda turn: reply, leave=leave))
    assert commands[-1] == end
    assert sum(isinstance(command, SendText) and DELTA in command.text for command in commands) == 2


def test_the_server_can_leave_at_a_moment() -> None:
    """
    A session can be made to end by the clock.
    """
    script = Script(Behaviour(leave=Leave(after_ms=700, code=1012, reason="restart")))
    script.run(699)
    assert not script.commands
    script.run(1)
    assert script.commands == [Close(1012, "restart")]


def test_a_slow_server_takes_its_time() -> None:
    """
    The first audio comes as late as it is told to.
    """
    script = faulty(first_audio_ms=4_000)
    script.respond()
    assert script.when(DELTA)[0] == pytest.approx(4_000)
