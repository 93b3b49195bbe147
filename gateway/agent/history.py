"""
What was said and done in a conversation, in its order.

Theory of operation. An item is told many times, and each time says less or more: what was known of it stays known where
an update lacks it, and a transcript grows by deltas until the item is done. Where it belongs is what it was put behind
(`item_order`), whatever order items are told in.

An interruption cuts the model's memory of what the agent said. An item that was cut is `incomplete` from then on. Which
of its words were heard is not known here, so they stay, unless nothing was heard at all: then they go, and stay away
however often a server that is behind repeats them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from gateway.agent.item_order import ItemOrder
from gateway.protocol.model.items import (
    AssistantAudio,
    AssistantContent,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeItem,
    RealtimeToolCallItem,
    UserContent,
    UserMessageItem,
)

Content = TypeVar("Content", bound=UserContent | AssistantContent)


@dataclass(frozen=True, slots=True)
class HistoryAdded:
    """The conversation has one more item."""

    item: RealtimeItem


@dataclass(frozen=True, slots=True)
class HistoryUpdated:
    """An item has changed, or is gone."""


HistoryChange = HistoryAdded | HistoryUpdated | None


class History:
    """The items of one conversation."""

    def __init__(self) -> None:
        self._items: dict[str, RealtimeItem] = {}
        self._order = ItemOrder()
        self._cut: set[str] = set()
        self._unheard: set[tuple[str, int]] = set()

    @property
    def items(self) -> tuple[RealtimeItem, ...]:
        """All of them, in their order."""
        return tuple(self._items[item_id] for item_id in self._order.ids if item_id in self._items)

    def updated(self, item: RealtimeItem) -> HistoryChange:
        """An item is there, or has changed."""
        known = self._items.get(item.item_id)
        self._order.put(item.item_id, item.previous_item_id)
        return self._keep(item if known is None else _merged(known, item))

    def deleted(self, item_id: str) -> HistoryChange:
        """An item is no part of the conversation any more; its place is kept, for those behind it."""
        return HistoryUpdated() if self._items.pop(item_id, None) else None

    def said(self, item_id: str, delta: str) -> HistoryChange:
        """The agent says more."""
        return self._grown(item_id, AssistantAudio(transcript=""), lambda part: _said_more(part, delta))

    def wrote(self, item_id: str, delta: str) -> HistoryChange:
        """The agent writes more."""
        return self._grown(item_id, AssistantText(text=""), lambda part: _wrote_more(part, delta))

    def transcribed(self, item_id: str, transcript: str) -> HistoryChange:
        """What the caller said is written down."""
        item = self._items.get(item_id) or UserMessageItem(item_id=item_id)
        if not isinstance(item, UserMessageItem):
            return None
        content = item.content if _has(item.content, InputAudio) else (*item.content, InputAudio())
        spoken = (replace(part, transcript=transcript) if isinstance(part, InputAudio) else part for part in content)
        return self._keep(replace(item, content=tuple(spoken)))

    def cut(self, item_id: str, content_index: int = 0, heard_ms: int | None = None) -> HistoryChange:
        """The agent was cut off in an item; how much of it was heard may not be known."""
        self._cut.add(item_id)
        if heard_ms == 0:
            self._unheard.add((item_id, content_index))
        item = self._items.get(item_id)
        return None if item is None else self._keep(item)

    def _grown(
        self, item_id: str, begun: AssistantContent, grow: Callable[[AssistantContent], AssistantContent]
    ) -> HistoryChange:
        """A part of the agent's grows, the last of its kind; what is done grows no more."""
        item = self._items.get(item_id) or AssistantMessageItem(item_id=item_id, status="in_progress")
        if not isinstance(item, AssistantMessageItem) or item.status not in {None, "in_progress"}:
            return None
        parts = [*item.content] if _has(item.content, type(begun)) else [*item.content, begun]
        at = max(at for at, part in enumerate(parts) if type(part) is type(begun))
        parts[at] = grow(parts[at])
        return self._keep(replace(item, content=tuple(parts)))

    def _keep(self, item: RealtimeItem) -> HistoryChange:
        item = self._as_heard(item)
        known = self._items.get(item.item_id)
        self._items[item.item_id] = item
        if known is None:
            self._order.put(item.item_id, item.previous_item_id)
            return HistoryAdded(item)
        return None if known == item else HistoryUpdated()

    def _as_heard(self, item: RealtimeItem) -> RealtimeItem:
        if item.item_id not in self._cut or not isinstance(item, AssistantMessageItem):
            return item
        heard = (
            AssistantAudio() if (item.item_id, at) in self._unheard and isinstance(part, AssistantAudio) else part
            for at, part in enumerate(item.content)
        )
        return replace(item, status="incomplete", content=tuple(heard))


def _has(content: tuple[UserContent | AssistantContent, ...], kind: type) -> bool:
    return any(isinstance(part, kind) for part in content)


def _merged(known: RealtimeItem, told: RealtimeItem) -> RealtimeItem:
    """What is told of an item, and what was known and is not told again."""
    previous_item_id = told.previous_item_id or known.previous_item_id
    told = replace(told, previous_item_id=previous_item_id)
    match known, told:
        case RealtimeToolCallItem(output=str(output)), RealtimeToolCallItem(output=None):
            return replace(told, output=output, status=known.status)
        case UserMessageItem(content=had), UserMessageItem(content=has):
            return replace(told, content=_parts(had, has))
        case AssistantMessageItem(content=had), AssistantMessageItem(content=has):
            return replace(told, content=_parts(had, has), status=told.status or known.status)
        case _:
            return told


def _parts(had: tuple[Content, ...], has: tuple[Content, ...]) -> tuple[Content, ...]:
    both = (_part(before, after) for before, after in zip(had, has, strict=False))
    return (*both, *has[len(had) :], *had[len(has) :])


def _part(had: Content, has: Content) -> Content:
    """A part as it is told, with what it lacks and had."""
    if type(had) is not type(has):
        return has
    lacking = {name: value for name in _WORDS[type(has)] if not getattr(has, name) and (value := getattr(had, name))}
    return replace(has, **lacking)


_WORDS: dict[type, tuple[str, ...]] = {
    InputText: ("text",),
    InputAudio: ("audio", "transcript"),
    InputImage: ("image_url", "detail"),
    AssistantText: ("text",),
    AssistantAudio: ("audio", "transcript"),
}


def _said_more(part: AssistantContent, delta: str) -> AssistantContent:
    return replace(part, transcript=(part.transcript or "") + delta) if isinstance(part, AssistantAudio) else part


def _wrote_more(part: AssistantContent, delta: str) -> AssistantContent:
    return replace(part, text=(part.text or "") + delta) if isinstance(part, AssistantText) else part
