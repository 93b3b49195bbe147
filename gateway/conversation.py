"""
A call as people read it: who said what, where the caller cut in, and what of each item was heard.

Looks on at a call and keeps its entries in memory, for as long as the call lasts and a little longer; whoever follows
a call gets what was before and then what comes. Who asks for it gets the ledger as well, in steps: which items have
changed since the last step, and to what. That is not kept, and costs nothing as long as nobody asks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Literal

from gateway.agent import ApprovalRequired, HandOver, RunTool, TookOver, ToolAnswered, ToolCall
from gateway.audio.g711 import duration_ms
from gateway.call import Call, Command, Event
from gateway.call.commands import (
    ClearAudio,
    HangUp,
    NoteBargeIn,
    NoteDismissed,
    NoteEnded,
    NoteGuardrailTripped,
    NoteInterrupted,
    NoteLimited,
    NoteReceipt,
    NoteResumed,
    NoteTransfer,
    NoteTruncateRefused,
    TransferCall,
)
from gateway.call.events import MessageTaken
from gateway.costs import CallCost
from gateway.playback import BargeIn, Cut, ItemAudio
from gateway.playback.heard_text import HeardText
from gateway.playback.playout import ItemKey
from gateway.protocol.events import CallerTranscript, DtmfReceived, ItemTruncated, SpeechStarted, TranscriptDone
from gateway.protocol.inputs import TruncateItem
from gateway.providers.events import DtmfPressed

CALLS_KEPT = 100
SHOWN_CHARACTERS = 2_000
"""Of what a tool is given, and of what it answers."""
ENTRIES_KEPT = 2_000

Kind = Literal[
    "caller_speaks",
    "caller_said",
    "agent_says",
    "key_pressed",
    "barge_in",
    "dismissed",
    "resumed",
    "heard",
    "truncated",
    "truncate_refused",
    "transferring",
    "transfer",
    "receipt",
    "tool_called",
    "approval_required",
    "tool_answered",
    "message",
    "handed_over",
    "guardrail",
    "ledger",
    "limited",
    "hanging_up",
    "ended",
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

    def __init__(self, call: Call | None, cost: CallCost | None = None, config_sha: str = "") -> None:
        """Without a *call* that has an account of what was heard, as where the server keeps it, there is none here."""
        self._call = call
        self._cost = cost
        self._config_sha = config_sha
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._entries: list[Entry] = []
        self._truncated: set[tuple[str, int]] = set()
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
            case ApprovalRequired(call):
                self._write("approval_required", call.name, details=self._arguments(call))
            case MessageTaken(name, number, text):
                self._write("message", text[:SHOWN_CHARACTERS], details={"name": name, "number": number})
            case ToolAnswered(call_id, output):
                self._write("tool_answered", output[:SHOWN_CHARACTERS], details={"call_id": call_id})
            case TookOver(call_id, profile):
                self._write("handed_over", profile.name, details={"call_id": call_id})
            case ItemTruncated(item_id, content_index, audio_end_ms) if (item_id, content_index) not in self._truncated:
                self._write("truncated", item_id=item_id, details={"heard_ms": audio_end_ms})
            case DtmfPressed(digit) | DtmfReceived(digit):
                self._write("key_pressed", digit)

    def command(self, command: Command) -> None:
        """Write down what was done about it."""
        match command:
            case ClearAudio():
                self._write("barge_in")
            case NoteInterrupted():
                self._write("barge_in", details={"by": "server"})
            case TransferCall(transfer):
                self._write("transferring", transfer.id)
            case NoteTransfer(outcome):
                self._write("transfer", outcome)
            case NoteDismissed(verdict):
                self._write("dismissed", details={"verdict": verdict})
            case NoteResumed(silent_ms):
                self._write("resumed", details={"silent_ms": round(silent_ms)})
            case TruncateItem(item_id, content_index):
                self._truncated.add((item_id, content_index))
            case NoteBargeIn(barge_in):
                self._write("heard", details=self._heard(barge_in))
            case NoteTruncateRefused(item_id, code):
                self._write("truncate_refused", code, item_id)
            case NoteReceipt(receipt):
                self._write("receipt", details=asdict(receipt))
            case RunTool(call) | HandOver(call):
                self._write("tool_called", call.name, call.item_id, self._arguments(call))
            case NoteGuardrailTripped(guardrail, item_id):
                self._write("guardrail", guardrail, item_id)
            case NoteLimited(limit):
                self._write("limited", limit)
            case HangUp():
                self._write("hanging_up")
            case NoteEnded(result, reason):
                self._over = True
                items = [self._account(item) for item in self._items.values()]
                self._write("ended", reason, details={"result": result, "items": items, **self._sums()})

    @staticmethod
    def _arguments(call: ToolCall) -> dict[str, object]:
        return {"call_id": call.call_id, "arguments": call.arguments[:SHOWN_CHARACTERS]}

    def _heard(self, barge_in: BargeIn) -> dict[str, object]:
        cuts = [self._cut(cut) for cut in barge_in.cuts]
        return {"settled_by": barge_in.settled_by, "waited_ms": round(barge_in.waited_ms), "cuts": cuts}

    def _cut(self, cut: Cut) -> dict[str, object]:
        """Where an item was cut; what must be heard is cut too, but the model is not told to forget it."""
        key = (cut.item_id, cut.content_index)
        text = self._text(key)
        return {
            "item_id": cut.item_id,
            "heard_ms": cut.audio_end_ms,
            "generated_ms": duration_ms(self._items[key].received_bytes),
            "truncated": key in self._truncated,
            "heard_text": text.heard,
            "unheard_text": text.unheard,
            "text_error_ms": round(text.error_ms),
        }

    def _account(self, item: ItemAudio) -> dict[str, object]:
        return account(item, self._text((item.item_id, item.content_index)), over=self._over)

    @property
    def _items(self) -> Mapping[ItemKey, ItemAudio]:
        return self._call.ledger.items if self._call else {}

    def _text(self, key: ItemKey) -> HeardText:
        assert self._call is not None, "only a call that accounts for what was heard has items"
        return self._call.heard_text(*key)

    def _sums(self) -> dict[str, object]:
        total = self._cost.total if self._cost else None
        told = {"cost": total.as_dict() if total else None, "config": self._config_sha or None}
        return {name: value for name, value in told.items() if value is not None}

    def _write(self, kind: Kind, text: str = "", item_id: str = "", details: dict[str, object] | None = None) -> None:
        if len(self._entries) < ENTRIES_KEPT or kind == "ended":
            self._entries.append(Entry(self._at_ms, kind, text, item_id, details or {}))
        self._news.set()

    @property
    def _at_ms(self) -> int:
        return round((self._loop.time() - self._began_s) * 1000)

    async def follow(self, *, ledger_ms: int | None = None) -> AsyncIterator[Entry]:
        """Every entry from the first one on, until the call is over; every *ledger_ms*, what the ledger has changed."""
        told = 0
        steps = _Steps(ledger_ms / 1000, self._loop.time()) if ledger_ms else None
        while True:
            while told < len(self._entries):
                yield self._entries[told]
                told += 1
            if self._over:
                return
            if changed := steps.changed(self._items, self._loop.time()) if steps else []:
                yield Entry(self._at_ms, "ledger", details={"items": [self._account(item) for item in changed]})
            else:
                await self._something_new(steps.due_s if steps else None)

    async def _something_new(self, until_s: float | None) -> None:
        """Wait for the next entry, or until then."""
        self._news = asyncio.Event() if self._news.is_set() else self._news
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until_s):
                await self._news.wait()


class _Steps:
    """Looks at a ledger step by step, for one follower."""

    def __init__(self, interval_s: float, now_s: float) -> None:
        self.due_s = now_s
        self._interval_s = interval_s
        self._told: dict[ItemKey, tuple[object, ...]] = {}

    def changed(self, items: Mapping[ItemKey, ItemAudio], now_s: float) -> list[ItemAudio]:
        """Items that are no longer what they were; none before the step is due."""
        if now_s < self.due_s:
            return []
        self.due_s = now_s + self._interval_s
        before, self._told = self._told, {key: _figures(item) for key, item in items.items()}
        return [items[key] for key, figures in self._told.items() if figures != before.get(key)]


def _figures(item: ItemAudio) -> tuple[object, ...]:
    return item.received_bytes, item.sent_bytes, item.heard_bytes, item.complete, item.truncated


class Conversations:
    """The conversations of the calls that are under way, and of the last ones that ended."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Conversation] = OrderedDict()

    def begin(
        self, call_sid: str, call: Call | None, cost: CallCost | None = None, config_sha: str = ""
    ) -> Conversation:
        """Keep a conversation for a call; it ends with the call's *cost*, and with what it was configured by."""
        conversation = self._kept[call_sid] = Conversation(call, cost, config_sha)
        while len(self._kept) > CALLS_KEPT:
            self._kept.popitem(last=False)
        return conversation

    def find(self, call_sid: str) -> Conversation | None:
        """The conversation of a call, if it is kept."""
        return self._kept.get(call_sid)


def account(item: ItemAudio, text: HeardText, *, over: bool) -> dict[str, object]:
    """What an item comes to; once the call is *over*, nothing more of it is heard."""
    generated_ms = duration_ms(item.received_bytes)
    return {
        "item_id": item.item_id,
        "state": "heard_whole" if item.heard_whole else "cut" if item.truncated else "open",
        "generated_ms": generated_ms,
        "sent_ms": duration_ms(item.sent_bytes),
        "heard_ms": item.heard_ms,
        "discarded_ms": generated_ms - item.heard_ms if over or item.truncated else 0,
        "truncated": item.truncated,
        "heard_text": text.heard,
        "unheard_text": text.unheard,
    }
