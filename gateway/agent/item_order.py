"""
The order of a conversation's items, from what each was put behind.

An item that is put behind another comes right behind it, in front of what was put there earlier. So the items are a
tree, and its order is that of a walk which visits the latest child first. An item whose predecessor is not known, or
not yet, stands at the end, with all that is behind it; nobody needs to have heard of things in their order.
"""

from collections.abc import Iterator


class ItemOrder:
    """A conversation's items by their ids."""

    def __init__(self) -> None:
        self._behind: dict[str, str | None] = {}
        """What each item was put behind, in the order in which they were told."""
        self._named: set[str] = set()
        """Items that something was put behind."""
        self._ids: list[str] = []
        self._walked = True

    @property
    def ids(self) -> list[str]:
        """All items, in their order."""
        if not self._walked:
            self._ids, self._walked = list(self._walk()), True
        return self._ids

    def put(self, item_id: str, previous_item_id: str | None) -> None:
        """An item is there, behind another as far as that is told."""
        if item_id in self._behind and previous_item_id in {None, self._behind[item_id]}:
            return
        if previous_item_id is not None and self._is_behind(previous_item_id, item_id):
            previous_item_id = None
        if item_id in self._behind or item_id in self._named or not self._comes_last(previous_item_id):
            self._walked = False
        else:
            self.ids.append(item_id)
        self._behind[item_id] = previous_item_id
        if previous_item_id is not None:
            self._named.add(previous_item_id)

    def _comes_last(self, previous_item_id: str | None) -> bool:
        return previous_item_id not in self._behind or self.ids[-1] == previous_item_id

    def _is_behind(self, item_id: str, other_id: str) -> bool:
        """Whether an item is another one, or behind it; servers name an item's own id when one is added twice."""
        if other_id not in self._named:
            return item_id == other_id
        at: str | None = item_id
        while at is not None and at != other_id:
            at = self._behind.get(at)
        return at is not None

    def _walk(self) -> Iterator[str]:
        children: dict[str | None, list[str]] = {}
        for item_id, previous_item_id in self._behind.items():
            parent = previous_item_id if previous_item_id in self._behind else None
            children.setdefault(parent, []).append(item_id)
        ahead = children.pop(None, [])[::-1]
        while ahead:
            item_id = ahead.pop()
            yield item_id
            ahead.extend(children.get(item_id, ()))
