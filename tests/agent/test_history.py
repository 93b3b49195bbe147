"""A conversation's history is in its order and keeps what was known, in whatever order it is told."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent.history import History, HistoryAdded, HistoryUpdated
from gateway.protocol.model.items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    ItemStatus,
    RealtimeItem,
    RealtimeToolCallItem,
    UserContent,
    UserMessageItem,
)

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


def user(item_id: str, *content: UserContent, behind: str | None = None) -> UserMessageItem:
    """A turn of the caller."""
    return UserMessageItem(item_id=item_id, previous_item_id=behind, content=content)


def agent(
    item_id: str, *content: AssistantContent, status: ItemStatus | None = "completed", behind: str | None = None
) -> AssistantMessageItem:
    """A turn of the agent."""
    return AssistantMessageItem(item_id=item_id, previous_item_id=behind, status=status, content=content)


def ids(history: History) -> list[str]:
    """The items, in their order."""
    return [item.item_id for item in history.items]


def only(history: History) -> RealtimeItem:
    """The one item that there is."""
    (item,) = history.items
    return item


@EXAMPLES
@given(st.data())
def test_items_are_in_their_order_in_whatever_order_they_are_told(data: st.DataObject) -> None:
    """
    Each says what it was put behind, once or twice, sooner or later.
    """
    count = data.draw(st.integers(0, 12))
    items = [user(f"item_{at}", behind=f"item_{at - 1}" if at else None) for at in range(count)]
    without_place = data.draw(st.lists(st.sampled_from(items), max_size=4)) if items else []
    told = [*(replace(item, previous_item_id=None) for item in without_place), *items]
    history = History()
    for item in data.draw(st.permutations(told)):
        history.updated(item)
    assert ids(history) == [item.item_id for item in items]


@EXAMPLES
@given(st.data())
def test_an_item_comes_right_behind_the_one_that_it_was_put_behind(data: st.DataObject) -> None:
    """
    As on the server, which puts items in the middle too.
    """
    history, server = History(), list[str]()
    for at in range(data.draw(st.integers(1, 12))):
        behind = data.draw(st.sampled_from(server)) if server else None
        server.insert(server.index(behind) + 1 if behind else 0, f"item_{at}")
        history.updated(user(f"item_{at}", behind=behind))
        assert ids(history) == server


def test_an_item_without_a_place_comes_last_until_it_has_one() -> None:
    """
    Such as a tool's call, or what follows an item that is no part of the history.
    """
    history = History()
    history.updated(user("item_1"))
    history.updated(agent("item_4", behind="unknown"))
    history.updated(user("item_3", behind="item_2"))
    assert ids(history) == ["item_1", "item_4", "item_3"]
    history.updated(agent("item_2", behind="item_1"))
    assert ids(history) == ["item_1", "item_2", "item_3", "item_4"]


def test_places_that_make_no_sense_lose_nothing() -> None:
    """
    An item behind itself, or two behind each other.
    """
    history = History()
    history.updated(user("item_1", behind="item_1"))
    history.updated(user("item_2", behind="item_3"))
    history.updated(user("item_3", behind="item_2"))
    assert sorted(ids(history)) == ["item_1", "item_2", "item_3"]


def test_what_is_behind_a_deleted_item_stays_where_it_is() -> None:
    """
    And a deletion of what is not there is none.
    """
    history = History()
    for at in (1, 2, 3):
        history.updated(user(f"item_{at}", behind=f"item_{at - 1}"))
    assert history.deleted("item_2") == HistoryUpdated()
    assert history.deleted("item_2") is None
    history.updated(agent("item_4", behind="item_2"))
    assert ids(history) == ["item_1", "item_4", "item_3"]


def test_an_item_is_added_once_and_told_when_it_changes() -> None:
    """
    What says nothing that was not known is no change.
    """
    history = History()
    hello = user("item_1", InputText("Hello."))
    assert history.updated(hello) == HistoryAdded(hello)
    assert history.updated(hello) is None
    assert history.updated(user("item_1", InputText("Hello, you."))) == HistoryUpdated()


def test_a_transcript_that_is_known_stays_known() -> None:
    """
    Whatever an update lacks, of every kind of content.
    """
    history = History()
    known = (InputText("Look."), InputAudio("UklG", "This is it."), InputImage("data:image/png,", "low"))
    history.updated(user("item_1", *known))
    history.updated(user("item_1", InputText(), InputAudio(), InputImage()))
    assert only(history) == user("item_1", *known)
    history.updated(user("item_1", behind="item_0"))
    assert only(history) == user("item_1", *known, behind="item_0")


@EXAMPLES
@given(st.permutations(["added", "done", "transcribed"]))
def test_what_the_caller_said_is_kept_whenever_it_is_written_down(order: list[str]) -> None:
    """
    Before the item, after it, or in between.
    """
    history = History()
    for step in order:
        if step == "transcribed":
            assert history.transcribed("item_1", "Two rooms.") is not None
        else:
            history.updated(user("item_1", InputAudio(), behind="item_0"))
    assert only(history) == user("item_1", InputAudio(transcript="Two rooms."), behind="item_0")


def test_what_the_agent_says_grows_until_it_is_done() -> None:
    """
    The whole that comes then takes the place of the pieces; pieces that are late add nothing.
    """
    history = History()
    assert isinstance(history.said("item_1", "Good "), HistoryAdded)
    assert history.said("item_1", "morn") == HistoryUpdated()
    assert only(history) == agent("item_1", AssistantAudio(transcript="Good morn"), status="in_progress")
    history.updated(agent("item_1", status=None, behind="item_0"))
    assert only(history) == agent(
        "item_1", AssistantAudio(transcript="Good morn"), status="in_progress", behind="item_0"
    )
    done = agent("item_1", AssistantAudio(transcript="Good morning."), behind="item_0")
    history.updated(done)
    assert history.said("item_1", " Madam.") is None
    assert only(history) == done


def test_what_the_agent_writes_grows_too() -> None:
    """
    Beside what it says.
    """
    history = History()
    history.said("item_1", "Good morning.")
    history.wrote("item_1", "Room ")
    history.wrote("item_1", "7")
    assert only(history) == agent(
        "item_1", AssistantAudio(transcript="Good morning."), AssistantText("Room 7"), status="in_progress"
    )


def test_an_item_that_was_cut_is_incomplete_for_ever() -> None:
    """
    Its words stay: which of them were heard is not known.
    """
    history = History()
    whole = agent("item_1", AssistantAudio(transcript="Good morning."))
    history.updated(whole)
    assert history.cut("item_1") == HistoryUpdated()
    assert history.cut("item_1", 0, 480) is None
    history.updated(whole)
    assert only(history) == agent("item_1", AssistantAudio(transcript="Good morning."), status="incomplete")


def test_of_an_item_that_was_not_heard_at_all_no_word_stays() -> None:
    """
    Also when the server is behind and repeats them, or cuts before it tells the item.
    """
    history = History()
    assert history.cut("item_1", 0, 0) is None
    history.updated(agent("item_1", AssistantAudio(transcript="Good morning.")))
    history.updated(agent("item_1", AssistantAudio(transcript="Good morning.")))
    assert only(history) == agent("item_1", AssistantAudio(), status="incomplete")


def test_what_a_tool_found_stays_with_its_call() -> None:
    """
    An update of the call does not take it away.
    """
    call = RealtimeToolCallItem(item_id="item_1", call_id="call_1", name="look_up", arguments="{}")
    history = History()
    history.updated(call)
    history.updated(replace(call, status="completed", output="found"))
    assert history.updated(call) is None
    assert only(history) == replace(call, status="completed", output="found")


def test_what_belongs_to_another_kind_of_item_changes_nothing() -> None:
    """
    The agent does not speak in the caller's item, nor the caller in the agent's.
    """
    history = History()
    history.updated(user("item_1", InputText("Hello.")))
    history.updated(agent("item_2", AssistantText("Hello.")))
    assert history.said("item_1", "Hello.") is None
    assert history.transcribed("item_2", "Hello.") is None
