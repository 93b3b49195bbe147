"""A simulated caller whose call comes by SIP: what they say, when, and the conversation as it is printed."""

import asyncio
from collections.abc import Callable

from gateway.cli.caller import ANSWER_WITHIN_S, GREETING_WITHIN_S, PAUSE_MS, Caller
from gateway.sim.sip import SipCall, SipEnding
from gateway.sim.sip_voice import SipVoice

LOOK_EVERY_S = 0.02
ENDINGS = {
    SipEnding.CALLER_HUNG_UP: "the caller hung up",
    SipEnding.AGENT_HUNG_UP: "the agent hung up",
    SipEnding.TRANSFERRED: "passed on",
}


class SipCaller(Caller):
    """Says a script into a call whose agent is played by the service."""

    async def talk_by_sip(self, call: SipCall) -> None:
        """Say everything, hear the last answer, and hang up."""
        self._began_s = asyncio.get_running_loop().time()
        with self.screen:
            feed = asyncio.create_task(self._print_feed(call.call_id))
            async with SipVoice(call) as voice:
                await self._say_all(call, voice)
            call.hang_up()
            ending = await call.ended()
            where = f" to {call.referred_to[-1]}" if ending is SipEnding.TRANSFERRED else ""
            self.print("service", f"call over: {ENDINGS.get(ending, ending.value)}{where}")
            await feed

    async def _say_all(self, call: SipCall, voice: SipVoice) -> None:
        within_s = GREETING_WITHIN_S
        for utterance in self.script:
            await _turn(call, utterance.cut_in_s, within_s)
            if call.ending:
                return
            speech, within_s = utterance.speech, ANSWER_WITHIN_S
            self.print("caller", f"“{speech.text}”  ({speech.length_ms / 1000:.1f} s)")
            voice.say(speech.audio)
            await voice.spoken()
        await _turn(call, None, within_s)


async def _turn(call: SipCall, cut_in_s: float | None, within_s: float) -> None:
    """Wait until it is the caller's turn, or time to cut in."""
    before = _told(call, "started")
    if not await _until(call, lambda: _told(call, "started") > before, within_s):
        return
    if cut_in_s is not None:
        await _until(call, lambda: _is_quiet(call), cut_in_s)
        return
    while not call.ending:
        await _until(call, lambda: _is_quiet(call), ANSWER_WITHIN_S)
        if not await _until(call, lambda: not _is_quiet(call), PAUSE_MS / 1000):
            return


def _told(call: SipCall, kind: str) -> int:
    """How often the service has told that of what it plays."""
    name = f"output_audio_buffer.{kind}"
    return sum(event["type"] == name for session in call.attached for event in session.sent)


def _is_quiet(call: SipCall) -> bool:
    return _told(call, "started") == _told(call, "stopped") + _told(call, "cleared")


async def _until(call: SipCall, condition: Callable[[], bool], within_s: float) -> bool:
    """Whether something came to be within that time, while the call lasts."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    while not (call.ending or condition()):
        if loop.time() >= until_s:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return not call.ending
