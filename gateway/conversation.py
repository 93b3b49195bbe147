"""
A call as people read it: who said what, where the caller cut in, and what of each item was heard.

Looks on at a call and keeps its entries in memory, for as long as the call lasts and a little longer; whoever follows
a call gets what was before and then what comes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Literal

from gateway.call import Call, Command, Event
from gateway.call.commands import ClearAudio, NoteBargeIn, NoteEnded, NoteTruncateRefused
from gateway.playback import Cut, ItemAudio
from gateway.providers.events import DtmfPressed
from gateway.realtime.events import CallerTranscript, SpeechStarted, TranscriptDone

CALLS_KEPT = 100
ENTRIES_KEPT = 2_000

Kind = Literal[
    "caller_speaks", "caller_said", "agent_says", "key_pressed", "barge_in", "heard", "truncate_refused", "ended"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation."""

    at_ms: int
    """Since the call began."""
    kind: Kind
    text: str = ""
    item_id: str = ""
    details: dict[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The entry as it is written in JSON; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value not in ("", {})}


class Conversation:
    """One call's entries, and those who follow them."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._entries: list[Entry] = []
        self._news = asyncio.Event()
        self._over = False

    def event(self, event: Event) -> None:
        """Write down what was said."""
        match event:
            case SpeechStarted(item_id):
                self._write("caller_speaks", item_id=item_id)
            case CallerTranscript(item_id, transcript):
                self._write("caller_said", transcript, item_id)
            case TranscriptDone(_, item_id, transcript):
                self._write("agent_says", transcript, item_id)
            case DtmfPressed(digit):
                self._write("key_pressed", digit)

    def command(self, command: Command) -> None:
        """Write down what was done about it."""
        match command:
            case ClearAudio():
                self._write("barge_in")
            case NoteBargeIn(barge_in):
                cuts = [self._cut(cut) for cut in barge_in.cuts]
                waited_ms = round(barge_in.waited_ms)
                self._write("heard", details={"settled_by": barge_in.settled_by, "waited_ms": waited_ms, "cuts": cuts})
            case NoteTruncateRefused(item_id, code):
                self._write("truncate_refused", code, item_id)
            case NoteEnded(result, reason):
                self._over = True
                items = [account(item) for item in self._call.ledger.items.values()]
                self._write("ended", reason, details={"result": result, "items": items})

    def _cut(self, cut: Cut) -> dict[str, object]:
        item = self._call.ledger.items[cut.item_id, cut.content_index]
        return {"item_id": cut.item_id, "heard_ms": cut.audio_end_ms, "generated_ms": account(item)["generated_ms"]}

    def _write(self, kind: Kind, text: str = "", item_id: str = "", details: dict[str, object] | None = None) -> None:
        if len(self._entries) < ENTRIES_KEPT or kind == "ended":
            at_ms = round((self._loop.time() - self._began_s) * 1000)
            self._entries.append(Entry(at_ms, kind, text, item_id, details or {}))
        self._news.set()

    async def follow(self) -> AsyncIterator[Entry]:
        """Every entry from the first one on, until the call is over."""
        told = 0
        while True:
            while told < len(self._entries):
                yield self._entries[told]
                told += 1
            if self._over:
                return
            self._news = asyncio.Event() if self._news.is_set() else self._news
            await self._news.wait()


class Conversations:
    """The conversations of the calls that are under way, and of the last ones that ended."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Conversation] = OrderedDict()

    def begin(self, call_sid: str, call: Call) -> Conversation:
        """Keep a conversation for a call."""
        conversation = self._kept[call_sid] = Conversation(call)
        while len(self._kept) > CALLS_KEPT:
            self._kept.popitem(last=False)
        return conversation

    def find(self, call_sid: str) -> Conversation | None:
        """The conversation of a call, if it is kept."""
        return self._kept.get(call_sid)


def account(item: ItemAudio) -> dict[str, object]:
    """What an item comes to, in ms."""
    return {
        "item_id": item.item_id,
        "generated_ms": item.received_bytes // 8,
        "sent_ms": item.sent_bytes // 8,
        "heard_ms": item.heard_ms,
        "truncated": item.truncated,
    }
