"""What the agent says in words, and which of them the caller has heard."""

from collections.abc import Iterable

from gateway.playback import PlaybackLedger
from gateway.playback.heard_text import HeardText, ItemText, Pace
from gateway.playback.playout import ItemKey


class Transcripts:
    """The words of all items of a call, next to the ledger that knows what of each was heard."""

    def __init__(self, ledger: PlaybackLedger) -> None:
        self._ledger = ledger
        self._pace = Pace()
        self._texts: dict[ItemKey, ItemText] = {}
        self._whole: set[ItemKey] = set()

    def came(self, key: ItemKey, delta: str) -> None:
        """A piece of an item's text came; it belongs to audio that is still to come, more or less."""
        self._text(key).text_came(delta, received_bytes=self._received_bytes(key))

    def done(self, key: ItemKey, transcript: str) -> None:
        """All that the model meant to say in an item."""
        self._text(key).text_done(transcript)

    def said(self, keys: Iterable[ItemKey]) -> None:
        """Items were said in full, so their text and their audio end together."""
        for key in keys:
            self._whole.add(key)
            self._pace.learn(self._text(key).text, spoken_bytes=self._received_bytes(key))

    def heard(self, item_id: str, content_index: int) -> HeardText:
        """An item's words, parted where the caller stopped listening."""
        key = (item_id, content_index)
        item = self._ledger.items.get(key)
        heard_bytes = item.heard_bytes if item else 0
        text = self._text(key)
        return text.split(heard_bytes, received_bytes=self._received_bytes(key), complete=key in self._whole)

    def _received_bytes(self, key: ItemKey) -> int:
        item = self._ledger.items.get(key)
        return item.received_bytes if item else 0

    def _text(self, key: ItemKey) -> ItemText:
        if key not in self._texts:
            self._texts[key] = ItemText(self._pace)
        return self._texts[key]
