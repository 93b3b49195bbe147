"""
The ledger as a call goes on: of what the agent says, how much is generated, sent and heard.

The item that the caller is listening to is drawn again and again on a terminal, and told about every second elsewhere.
What stays in either case is a line when it is settled what of an item was heard.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gateway.cli.screen import INDENT, Screen

STEP_MS = 200
"""How often the gateway is asked for what has changed."""
TELL_EVERY_MS = 1_000
FATES = {"heard_whole": "heard whole", "cut": "cut", "open": "call ended"}

Account = dict[str, Any]


class LiveLedger:
    """Follows the accounts of one call's items."""

    def __init__(self, screen: Screen, line: Callable[[str], str]) -> None:
        """*line* puts the time and the speaker in front of a text."""
        self._screen = screen
        self._line = line
        self._accounts: dict[str, Account] = {}
        self._told_ms: dict[str, int] = {}
        self._told_state: dict[str, str] = {}

    def changed(self, accounts: Iterable[Account], at_ms: int) -> None:
        """Items are no longer what they were."""
        for account in accounts:
            self._accounts[account["item_id"]] = account
            if self._worth_telling(account, at_ms):
                self._tell(account, at_ms)
        self._screen.draw(self._now_heard())

    def _worth_telling(self, account: Account, at_ms: int) -> bool:
        item_id, state = account["item_id"], account["state"]
        if state != self._told_state.get(item_id, "open"):
            return True
        if state != "open" or not account["heard_ms"] or self._screen.redraws:
            return False
        return at_ms >= self._told_ms.get(item_id, -TELL_EVERY_MS) + TELL_EVERY_MS

    def _tell(self, account: Account, at_ms: int) -> None:
        self._told_ms[account["item_id"]] = at_ms
        self._told_state[account["item_id"]] = account["state"]
        self._screen.print(self._text(account), indent=INDENT)

    def _now_heard(self) -> str:
        """The first item that is still to be heard to its end, and how many wait behind it."""
        waiting = [account for account in self._accounts.values() if account["state"] == "open"]
        return self._text(waiting[0], behind=len(waiting) - 1) if waiting else ""

    def _text(self, account: Account, *, behind: int = 0) -> str:
        figures = self._line(
            f"{short_id(account['item_id'])}  generated {account['generated_ms']:>6,}  sent {account['sent_ms']:>6,}  "
            f"heard {account['heard_ms']:>6,} ms"
        )
        if account["state"] != "open":
            return f"{figures}  {FATES[account['state']]}"
        figures += f"  +{behind} queued" if behind else ""
        return f"{figures}  {_last_words(account['heard_text'], self._screen.columns - len(figures) - 3)}".rstrip()


def _last_words(text: str, columns: int) -> str:
    """
    As many words as there is room for, from the end.

    >>> _last_words("Hello, this is the front desk.", 12)
    '…front desk.'
    """
    words = text.strip()
    if len(words) <= columns:
        return words
    last = words[-columns:].partition(" ")[2] if columns > 0 else ""
    return f"…{last}" if last else ""


def short_id(item_id: str) -> str:
    """Enough of an identifier to know it by."""
    return f"…{item_id[-5:]}"
