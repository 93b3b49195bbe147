"""
When the guardrails look at what the agent says.

Transcripts run ahead of the audio, in pieces of a word or two. A check may cost a request, so it is made once for every
so many characters, and for what is left when the response is over; each time with all that the item says so far. Once a
guardrail has tripped, its response is of no further interest.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.agent.wishes import CheckSpeech

DEBOUNCE_CHARACTERS = 100
RESPONSES_KEPT = 64


@dataclass(slots=True)
class _Item:
    text: str = ""
    checked: int = 0


class SpeechChecks:
    """What of the agent's speech was checked."""

    def __init__(self, debounce_characters: int = DEBOUNCE_CHARACTERS) -> None:
        self._debounce_characters = debounce_characters
        self._items: dict[str, dict[str, _Item]] = {}
        self._tripped: dict[str, None] = {}

    def said(self, response_id: str, item_id: str, delta: str) -> Iterator[CheckSpeech]:
        """An item says more."""
        if response_id in self._tripped:
            return
        item = self._items.setdefault(response_id, {}).setdefault(item_id, _Item())
        item.text += delta
        if len(item.text) - item.checked >= self._debounce_characters:
            yield self._check(response_id, item_id, item)

    def response_done(self, response_id: str) -> Iterator[CheckSpeech]:
        """A response says no more."""
        for item_id, item in self._items.pop(response_id, {}).items():
            if len(item.text) > item.checked:
                yield self._check(response_id, item_id, item)

    def tripped(self, response_id: str) -> bool:
        """A guardrail has tripped; whether it is the first of its response."""
        if response_id in self._tripped:
            return False
        self._items.pop(response_id, None)
        self._tripped[response_id] = None
        if len(self._tripped) > RESPONSES_KEPT:
            del self._tripped[next(iter(self._tripped))]
        return True

    def _check(self, response_id: str, item_id: str, item: _Item) -> CheckSpeech:
        item.checked = len(item.text)
        return CheckSpeech(response_id, item_id, item.text)
