"""A simulated caller: what they say, when, and the conversation as it is printed."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gateway.cli.table import table
from gateway.errors import PeerError
from gateway.sim.journal import PhoneEvent
from gateway.sim.phone import Phone
from gateway.sim.voices import Speech
from gateway.web.conversations import SIGNATURE_HEADER, signature

GREETING_WITHIN_S = 3.0
"""An agent that has said nothing for so long waits for the caller."""
ANSWER_WITHIN_S = 10.0
"""An agent that has not answered for so long will not."""
PAUSE_MS = 800.0
"""Silence after which an agent has said what it had to say."""
FEED_WITHIN_S = 5.0


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
    _began_s: float = 0.0

    async def talk(self, phone: Phone) -> None:
        """Dial, say everything, hear the last answer, and hang up."""
        self._began_s = asyncio.get_running_loop().time()
        await phone.dial()
        feed = asyncio.create_task(self._print_feed(phone.call_sid))
        try:
            await self._converse(phone)
            await phone.hang_up()
        except PeerError as error:
            self.print("phone", f"the call ended: {error}")
        await feed
        for verb in phone.fallback:
            self.print("phone", f"the provider goes on with {verb}")

    async def _converse(self, phone: Phone) -> None:
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
        """One line, with the time since the phone was dialled."""
        at_s = asyncio.get_running_loop().time() - self._began_s if self._began_s else 0.0
        print(f"{at_s:7.2f} s  {who:<8} {text}", flush=True)

    def noticed(self, event: PhoneEvent) -> None:
        """What the phone tells."""
        match event.kind:
            case "stream_began":
                self.print("phone", "the gateway answered")
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
                    response = await _when_found(session, path)
            except (TimeoutError, aiohttp.ClientError) as error:
                self.print("gateway", f"does not show the conversation: {str(error) or 'no such call'}")
                return
            async for line in response.content:
                self._entry(json.loads(line))

    def _entry(self, entry: dict[str, Any]) -> None:
        match entry["kind"]:
            case "agent_says":
                self.print("agent", f"“{entry['text']}”  (item …{entry['item_id'][-5:]})")
            case "barge_in":
                self.print("gateway", "the caller cuts in; clear sent")
            case "heard":
                for cut in entry["details"]["cuts"]:
                    self._heard(cut, entry["details"])
            case "truncate_refused":
                self.print("gateway", f"the model would not forget: {entry['text']}")
            case "key_pressed":
                self.print("caller", f"presses {entry['text']}")
            case "ended":
                self.accounts = entry["details"]["items"]

    def _heard(self, cut: dict[str, Any], details: dict[str, Any]) -> None:
        by = details["settled_by"].replace("_", " ")
        self.print(
            "gateway",
            f"item …{cut['item_id'][-5:]} truncated at {cut['heard_ms']:,} of {cut['generated_ms']:,} ms  "
            f"(by the {by}, {details['waited_ms']} ms after the clear)",
        )

    def print_accounts(self) -> None:
        """What was generated, sent and heard of each item."""
        rows = [
            (
                f"…{account['item_id'][-5:]}",
                f"{account['generated_ms']:,}",
                f"{account['sent_ms']:,}",
                f"{account['heard_ms']:,}",
                "yes" if account["truncated"] else "no",
            )
            for account in self.accounts
        ]
        print(table(("item", "generated ms", "sent ms", "heard ms", "truncated"), rows))


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
