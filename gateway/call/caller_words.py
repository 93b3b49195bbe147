"""
When the caller has said something, as opposed to having made a sound.

Where the caller is transcribed, words count, and keys: a cough, a door and a television next door are speech to a
server, but say nothing. Where there is no transcription speech has to count. While somebody speaks, and until the words
of it have had time to come, the question is open; speech that goes on for a minute without a pause is a noise.
"""

import re

LONGEST_SPEECH_MS = 60_000.0
WORDS_WITHIN_MS = 3_000.0
SPEECHES_KEPT = 16
NEVER_MS = float("-inf")
_WORD = re.compile(r"\w")


class CallerWords:
    """What is known of one caller's words."""

    def __init__(self, *, transcribed: bool) -> None:
        self.said_ms = NEVER_MS
        """When something was said, or a key was pressed, the last time."""
        self.began_ms = NEVER_MS
        """When the speech began in which something was said; its words may come much later."""
        self.open_until_ms = NEVER_MS
        """Until when it may turn out that something was said."""
        self._transcribed = transcribed
        self._speech_ms: dict[str, float] = {}

    def speech_began(self, item_id: str, now_ms: float) -> None:
        """The server hears speech."""
        self._speech_ms[item_id] = now_ms
        if len(self._speech_ms) > SPEECHES_KEPT:
            del self._speech_ms[next(iter(self._speech_ms))]
        self.open_until_ms = now_ms + LONGEST_SPEECH_MS

    def speech_ended(self, item_id: str, now_ms: float) -> bool:
        """The server hears speech no more; whether something was said, for all that will ever be known."""
        self.open_until_ms = now_ms + WORDS_WITHIN_MS if self._transcribed else NEVER_MS
        return not self._transcribed and self._said(item_id, now_ms)

    def transcribed(self, item_id: str, text: str, now_ms: float) -> bool:
        """The words of some speech are there; whether there are any."""
        self.open_until_ms = NEVER_MS
        return _WORD.search(text) is not None and self._said(item_id, now_ms)

    def pressed(self, now_ms: float) -> None:
        """A key was pressed."""
        self.said_ms = now_ms

    def _said(self, item_id: str, now_ms: float) -> bool:
        self.said_ms, self.began_ms = now_ms, self._speech_ms.get(item_id, now_ms)
        return True
