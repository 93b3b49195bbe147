"""The agent is cut off at what was heard, and whatever was not is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.model.events import RealtimeModelAudioEvent, RealtimeModelAudioInterruptedEvent
from gateway.protocol.model.inputs import RealtimeModelSendInterrupt
from gateway.protocol.model.playback import RealtimePlaybackTracker
from tests.protocol.model.client import BY_CLIENT, BY_SERVER, Client, Json, sent, sent_kinds, told

SPEECH = "input_audio_buffer.speech_started"
CUT_OFF = RealtimeModelSendInterrupt()


def truncate(item_id: str, audio_end_ms: int) -> Json:
    """What the server is told of an item that was cut."""
    return {
        "type": "conversation.item.truncate",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": audio_end_ms,
    }


def interrupted(client: Client) -> list[Json]:
    """What is sent when the caller speaks."""
    return sent(client.hears(SPEECH, item_id="item_u", audio_start_ms=0))


def answering(turn_detection: Json | None = BY_SERVER, tracker: RealtimePlaybackTracker | None = None) -> Client:
    """A client while the agent answers."""
    client = Client(turn_detection=turn_detection, tracker=tracker)
    client.hears("response.created", response={"id": "resp_1"})
    return client


def test_the_agent_is_cut_at_what_was_played() -> None:
    """
    By the clock: audio is played at real time from when it came.
    """
    client = answering()
    client.now_ms = 1000
    client.hears_audio("item_1", 3000)
    client.now_ms = 1250
    client.hears_audio("item_1", 2000, done=True)
    client.now_ms = 1480.7
    effects = client.hears(SPEECH, item_id="item_u", audio_start_ms=0)
    assert sent(effects) == [truncate("item_1", 480)]
    assert told(effects, RealtimeModelAudioInterruptedEvent) == [RealtimeModelAudioInterruptedEvent("item_1", 0)]


def test_what_is_queued_behind_is_forgotten_whole() -> None:
    """
    The model must not believe that it said what nobody heard.
    """
    client = answering()
    client.hears_audio("item_1", 300, done=True)
    client.hears_audio("item_2", 1000, done=True)
    client.hears_audio("item_3", 1000)
    client.now_ms = 500
    assert interrupted(client) == [truncate("item_2", 200), truncate("item_3", 0)]


def test_what_was_played_whole_is_left_alone() -> None:
    """
    A truncation would cost its transcript, and there is nothing to be told.
    """
    client = answering()
    client.hears_audio("item_1", 300, done=True)
    client.now_ms = 300
    effects = client.hears(SPEECH, item_id="item_u", audio_start_ms=0)
    assert sent(effects) == []
    assert told(effects, RealtimeModelAudioInterruptedEvent) == []


def test_more_than_came_was_not_heard() -> None:
    """
    Servers refuse to cut an item behind its end; while more was to come, it is cut at what there is.
    """
    client = answering()
    client.hears_audio("item_1", 300)
    client.now_ms = 5000
    assert interrupted(client) == [truncate("item_1", 300)]


@pytest.mark.parametrize("again", [lambda client: interrupted(client), lambda client: sent(client.wants(CUT_OFF))])
def test_nothing_is_cut_twice(again: object) -> None:
    """
    A second interruption finds nothing.
    """
    client = answering()
    client.hears_audio("item_1", 3000)
    assert interrupted(client) == [truncate("item_1", 0)]
    assert callable(again)
    assert again(client) == []


def test_what_still_comes_of_what_was_cut_is_not_played() -> None:
    """
    Deltas may be under way; those of the next answer are played.
    """
    client = answering()
    client.hears_audio("item_1", 1000)
    interrupted(client)
    assert told(client.hears_audio("item_1", 250), RealtimeModelAudioEvent) == []
    assert told(client.hears_audio("item_2", 250), RealtimeModelAudioEvent) == []
    client.hears("response.done", response={"id": "resp_1", "status": "cancelled"})
    client.hears("response.created", response={"id": "resp_2"})
    assert len(told(client.hears_audio("item_3", 250, "resp_2"), RealtimeModelAudioEvent)) == 1
    client.now_ms = 100
    assert interrupted(client) == [truncate("item_3", 100)]


CANCEL = {"type": "response.cancel"}


@pytest.mark.parametrize(
    ("turn_detection", "by_caller", "by_us", "by_force"),
    [(BY_SERVER, [], [], [CANCEL]), (BY_CLIENT, [CANCEL], [CANCEL], [CANCEL]), (None, [CANCEL], [CANCEL], [CANCEL])],
)
def test_the_server_decides_whether_an_interruption_also_cancels(
    turn_detection: Json | None, by_caller: list[Json], by_us: list[Json], by_force: list[Json]
) -> None:
    """
    One that cancels by itself is not told to, unless by force.
    """
    cut = [truncate("item_1", 0)]
    for expected, wish in ((by_us, CUT_OFF), (by_force, RealtimeModelSendInterrupt(force_response_cancel=True))):
        client = answering(turn_detection)
        client.hears_audio("item_1", 1000)
        assert sent(client.wants(wish)) == expected + cut
    client = answering(turn_detection)
    client.hears_audio("item_1", 1000)
    assert interrupted(client) == by_caller + cut


def test_what_the_server_confirms_last_counts() -> None:
    """
    Not what was asked for.
    """
    client = answering(BY_SERVER)
    client.hears("session.updated", session={"turn_detection": BY_CLIENT, "output_audio_format": "g711_ulaw"})
    client.hears_audio("item_1", 1000)
    assert interrupted(client) == [CANCEL, truncate("item_1", 0)]


def test_nothing_is_cancelled_when_no_response_is_under_way() -> None:
    """
    Generation ends long before playback; the server would refuse.
    """
    client = answering(None)
    client.hears_audio("item_1", 1000, done=True)
    client.hears("response.done", response={"id": "resp_1", "status": "completed"})
    client.now_ms = 400
    assert sent(client.wants(RealtimeModelSendInterrupt(force_response_cancel=True))) == [truncate("item_1", 400)]


def test_playback_may_be_cut_and_the_response_left_alone() -> None:
    """
    Not even force cancels then.
    """
    client = answering(None)
    client.hears_audio("item_1", 1000)
    wish = RealtimeModelSendInterrupt(force_response_cancel=True, playback_only=True)
    assert sent(client.wants(wish)) == [truncate("item_1", 0)]
    assert len(told(client.hears_audio("item_2", 250), RealtimeModelAudioEvent)) == 1


def test_one_response_may_be_cut_and_no_other() -> None:
    """
    Its audio is cut, and it is cancelled by its name; of another nothing is.
    """
    client = answering(None)
    client.hears_audio("item_1", 1000, "resp_1")
    client.hears_audio("item_2", 1000, "resp_2")
    client.now_ms = 100
    wish = RealtimeModelSendInterrupt(response_id="resp_2")
    assert sent(client.wants(wish)) == [{**CANCEL, "response_id": "resp_2"}, truncate("item_2", 0)]
    assert sent(client.wants(RealtimeModelSendInterrupt(response_id="resp_9"))) == []


def test_whoever_plays_the_audio_knows_best() -> None:
    """
    A tracker is believed, told of the format that the server confirmed, and told of the interruption.
    """
    tracker = RealtimePlaybackTracker()
    client = answering(tracker=tracker)
    client.hears_audio("item_1", 1000, done=True)
    client.hears_audio("item_2", 1000)
    client.now_ms = 60_000
    tracker.on_play_bytes("item_1", 0, bytes(8 * 1000))
    tracker.on_play_bytes("item_2", 0, bytes(8 * 120))
    assert interrupted(client) == [truncate("item_2", 120)]
    assert tracker.get_state()["current_item_id"] is None


def test_nothing_was_heard_of_what_was_not_played() -> None:
    """
    A tracker that was told of nothing, or of something else, played nothing of what came.
    """
    for played in ([], [("item_0", 0, 500.0)]):
        tracker = RealtimePlaybackTracker()
        client = answering(tracker=tracker)
        client.hears_audio("item_1", 1000, done=True)
        for part in played:
            tracker.on_play_ms(*part)
        assert interrupted(client) == [truncate("item_1", 0)]


def test_audio_is_counted_in_the_format_that_was_confirmed() -> None:
    """
    The same bytes last a sixth of the time in PCM at 24 kHz.
    """
    client = answering()
    pcm = {"type": "audio/pcm", "rate": 24000}
    client.hears("session.updated", session={"audio": {"input": {"format": pcm}, "output": {"format": pcm}}})
    client.hears_audio("item_1", 600)
    client.now_ms = 1000
    assert truncate("item_1", 100) in interrupted(client)


def test_a_call_that_came_by_sip_is_not_truncated_from_here() -> None:
    """
    The server plays, and knows: it is told to stop, and its own truncation is what listeners are told of.
    """
    client = Client(attached=True)
    client.hears("response.created", response={"id": "resp_1"})
    client.hears("output_audio_buffer.started", response_id="resp_1")
    client.hears_audio("item_1", 1000)
    assert interrupted(client) == []
    assert sent_kinds(client.wants(CUT_OFF)) == ["output_audio_buffer.clear"]
    by_force = client.wants(RealtimeModelSendInterrupt(force_response_cancel=True))
    assert sent_kinds(by_force) == ["response.cancel", "output_audio_buffer.clear"]
    client.hears("output_audio_buffer.cleared", response_id="resp_1")
    cut = client.hears("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=300)
    assert told(cut, RealtimeModelAudioInterruptedEvent) == [RealtimeModelAudioInterruptedEvent("item_1", 0)]
    client.hears("response.done", response={"id": "resp_1", "status": "cancelled"})
    assert sent(client.wants(RealtimeModelSendInterrupt(force_response_cancel=True))) == []


DELTAS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.integers(1, 400)), max_size=10)


@given(DELTAS, st.integers(0, 2000))
def test_what_was_heard_and_what_is_remembered_are_the_same(deltas: list[tuple[int, int, int]], later_ms: int) -> None:
    """
    For any audio that came at any time, cut at any moment, the model keeps of each item what a loudspeaker played.
    """
    client, free_ms = answering(), 0.0
    played: list[tuple[str, float]] = []
    came_ms: dict[str, int] = {}
    for gap_ms, item, length_ms in sorted(deltas, key=lambda delta: delta[1]):
        client.now_ms += gap_ms
        name = f"item_{item}"
        client.hears_audio(name, length_ms)
        came_ms[name] = came_ms.get(name, 0) + length_ms
        begins_ms = max(free_ms, client.now_ms)
        played += [(name, begins_ms + ms) for ms in range(length_ms)]
        free_ms = begins_ms + length_ms
    client.now_ms += later_ms
    heard_ms = {name: sum(part == name and at_ms < client.now_ms for part, at_ms in played) for name in came_ms}
    cut_ms = {message["item_id"]: message["audio_end_ms"] for message in interrupted(client)}
    assert {name: cut_ms.get(name, came_ms[name]) for name in came_ms} == heard_ms
