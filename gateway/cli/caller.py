"""A simulated caller: what they say, when, and the conversation as it is printed."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.cli.live_ledger import FATES, STEP_MS, LiveLedger, short_id
from gateway.cli.screen import INDENT, Screen
from gateway.cli.table import table
from gateway.errors import PeerError
from gateway.sim.journal import PhoneEvent
from gateway.sim.phone import Phone
from gateway.sim.voices import Speech
from gateway.web.operators import SIGNATURE_HEADER, signature

GREETING_WITHIN_S = 3.0
"""An agent that has said nothing for so long waits for the caller."""
ANSWER_WITHIN_S = 10.0
"""An agent that has not answered for so long will not."""
PAUSE_MS = 800.0
"""Silence after which an agent has said what it had to say."""
FEED_WITHIN_S = 5.0
TAKEN_FOR = {"noise": "a cough or a noise", "backchannel": "mere assent", "echo": "the agent's own echo"}


@dataclass(frozen=True)
class Utterance:
    """One thing that the caller says."""

    speech: Speech
    cut_in_s: float | None = None
    """How far into the agent's speech; None lets the agent finish."""


@dataclass
class Caller:
    """One call's script and its print-out."""

    base_url: str
    script: Sequence[Utterance]
    secret: str | None = None
    accounts: list[dict[str, Any]] = field(default_factory=list)
    """What the gateway made of each item, once the call is over."""
    screen: Screen = field(default_factory=Screen)
    _began_s: float = 0.0
    _ledger: LiveLedger = field(init=False)

    def __post_init__(self) -> None:
        self._ledger = LiveLedger(self.screen, lambda text: self._line("ledger", text))

    async def talk(self, phone: Phone) -> None:
        """Dial, say everything, hear the last answer, and hang up."""
        self._began_s = asyncio.get_running_loop().time()
        await phone.dial()
        with self.screen:
            await self._converse(phone)
        for verb in phone.fallback:
            self.print("phone", f"the provider goes on with {verb}")

    async def _converse(self, phone: Phone) -> None:
        feed = asyncio.create_task(self._print_feed(phone.call_sid))
        try:
            await self._follow_script(phone)
            await phone.hang_up()
        except PeerError as error:
            self.print("phone", f"the call ended: {error}")
        await feed

    async def _follow_script(self, phone: Phone) -> None:
        within_s = GREETING_WITHIN_S
        for utterance in self.script:
            await _turn(phone, utterance.cut_in_s, within_s)
            speech, within_s = utterance.speech, ANSWER_WITHIN_S
            self.print("caller", f"“{speech.text}”  ({speech.length_ms / 1000:.1f} s)")
            phone.say(speech.audio)
            await phone.spoken()
        await _turn(phone, None, within_s)

    # The print-out

    def print(self, who: str, text: str) -> None:
        """What somebody says or does, with the time since the phone was dialled."""
        self.screen.print(self._line(who, text), indent=INDENT)

    def _line(self, who: str, text: str) -> str:
        at_s = asyncio.get_running_loop().time() - self._began_s if self._began_s else 0.0
        return f"{at_s:7.2f} s  {who:<8} {text}"

    def noticed(self, event: PhoneEvent) -> None:
        """What the phone tells."""
        match event.kind:
            case "stream_began":
                self.print("phone", "the gateway answered")
            case "dialled":
                self.print("phone", f"put through to {event.detail}")
            case "cleared":
                self.print("phone", f"stops playing; thrown away: {event.detail}")
            case "warning":
                self.print("phone", f"warning {event.detail}")
            case "ended":
                self.print("phone", f"call over: {event.detail.replace('_', ' ')}")

    async def _print_feed(self, call_sid: str) -> None:
        path = f"/calls/{call_sid}/conversation"
        headers = {SIGNATURE_HEADER: signature(self.secret, path)} if self.secret else {}
        async with aiohttp.ClientSession(self.base_url, headers=headers) as session:
            try:
                async with asyncio.timeout(FEED_WITHIN_S):
                    response = await _when_found(session, f"{path}?ledger_ms={STEP_MS}")
            except (TimeoutError, aiohttp.ClientError) as error:
                self.print("gateway", f"does not show the conversation: {str(error) or 'no such call'}")
                return
            async for line in response.content:
                self._entry(json.loads(line))

    def _entry(self, entry: dict[str, Any]) -> None:
        details = entry.get("details", {})
        match entry["kind"]:
            case "ledger":
                self._ledger.changed(details["items"], entry["at_ms"])
            case "agent_says":
                self.print("agent", f"“{entry['text']}”  (item {short_id(entry['item_id'])})")
            case "key_pressed":
                self.print("caller", f"presses {entry['text']}")
            case "heard":
                self._heard(details)
            case "ended":
                self.accounts = details["items"]
                self._ledger.changed(self.accounts, entry["at_ms"])
            case _:
                if text := _deed(entry, details):
                    self.print("gateway", text)

    def _heard(self, details: dict[str, Any]) -> None:
        how = f"{details['settled_by'].replace('_', ' ')}, after {details['waited_ms']} ms"
        for cut in details["cuts"]:
            what = "truncated" if cut["truncated"] else "cut, but not forgotten,"
            at = f"at {cut['heard_ms']:,} of {cut['generated_ms']:,} ms"
            self.print("gateway", f"item {short_id(cut['item_id'])} {what} {at}  (by the {how})")
            if cut["heard_text"]:
                self.print("", f"heard, give or take {cut['text_error_ms']} ms: “{cut['heard_text'].strip()}”")

    def print_accounts(self) -> None:
        """What was generated, sent and heard of each item, and which words."""
        if self.accounts:
            head = ("item", "generated ms", "sent ms", "heard ms", "discarded ms", "", "heard words")
            rows = [_row(account) for account in self.accounts]
            self.screen.print("\n" + table(head, rows, self.screen.columns))


def _row(account: dict[str, Any]) -> tuple[str, ...]:
    figures = (f"{account[name]:,}" for name in ("generated_ms", "sent_ms", "heard_ms", "discarded_ms"))
    return short_id(account["item_id"]), *figures, FATES[account["state"]], account["heard_text"].strip() or "-"


def _deed(entry: dict[str, Any], details: dict[str, Any]) -> str:
    """What the gateway did, or found out, in words."""
    match entry["kind"]:
        case "barge_in" if details.get("by") == "server":
            return "somebody speaks over the agent, and the service stops playing"
        case "truncated":
            return f"item {short_id(entry['item_id'])} truncated by the service at {details['heard_ms']:,} ms"
        case "transferring":
            return f"the call is passed on to {entry['text']}"
        case "transfer":
            return f"transfer: {entry['text'].replace('_', ' ')}"
        case "barge_in":
            return "somebody speaks over the agent; clear sent"
        case "dismissed":
            return f"that was {TAKEN_FOR[details['verdict']]}, and no barge-in"
        case "resumed":
            return f"the agent goes on where it was stopped, {details['silent_ms']} ms later"
        case "truncate_refused":
            return f"the model would not forget: {entry['text']}"
        case "receipt":
            return (
                f"receipt: “{details['segment']}” was heard from {details['from_ms']:,} to {details['until_ms']:,} ms  "
                f"(sha256 {details['text_sha256'][:12]}…)"
            )
        case "hanging_up":
            return "the agent hangs up"
    return ""


async def _turn(phone: Phone, cut_in_s: float | None, within_s: float) -> None:
    """Wait until it is the caller's turn, or time to cut in."""
    before_ms = phone.heard_ms
    try:
        async with asyncio.timeout(within_s):
            await phone.hears(at_least_ms=before_ms + 1)
    except TimeoutError:
        return
    if cut_in_s is None:
        await phone.silent_for(PAUSE_MS)
    else:
        await _first(phone.hears(at_least_ms=before_ms + cut_in_s * 1000), phone.silent_for(PAUSE_MS))


async def _when_found(session: aiohttp.ClientSession, path: str) -> aiohttp.ClientResponse:
    """The conversation begins a moment after the call was answered."""
    while (response := await session.get(path)).status == 404:
        response.release()
        await asyncio.sleep(0.05)
    response.raise_for_status()
    return response


async def _first(*conditions: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(condition) for condition in conditions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
