"""Lines on which the gateway decides whose turn it is, and what their callers and agents sound like."""

import audioop
import base64
from dataclasses import replace

from gateway.call import CallPlan, Command
from gateway.protocol.events import AudioDelta, ResponseCreated, SpeechStarted, SpeechStopped
from gateway.protocol.inputs import CancelResponse, CreateResponse, TruncateItem
from gateway.sim.sounds import cough
from gateway.sim.speechlike import speech_like
from tests.call.phone import Phone
from tests.call.script import PLAN, SERVER_WAITS, Script, on_the_phone

IMMEDIATE = replace(PLAN, takes_turns=True)
GUARDED = replace(IMMEDIATE, self_echo_guard=True)
CONFIRMED = replace(IMMEDIATE, barge_in="confirmed")
OFF = replace(IMMEDIATE, barge_in="off")

ANSWER = CreateResponse()
STARTED = SpeechStarted("caller_1", 0)
STOPPED = SpeechStopped("caller_1", 900)
LATENCY_MS = 107
"""From the beginning of a sound to `speech_started`."""


def voice(text: str, pitch_hz: int) -> bytes:
    """Something like speech, in mu-law."""
    return audioop.lin2ulaw(speech_like(text, pitch_hz), 2)


AGENT = voice(
    "Thank you for waiting, I have found the booking for Friday, and it is for seven people at half past.", 200
)
COUGH = cough(1)
WORD = voice("No", 110)
WORDS = voice("Sorry, one moment please, I have not yet said all that I wanted to say to you.", 110)


def speaks(from_ms: int, to_ms: int, item_id: str = "item_1", response_id: str = "resp_1") -> AudioDelta:
    """The model says what the agent's voice says from one moment of it to another."""
    payload = base64.b64encode(AGENT[from_ms * 8 : to_ms * 8]).decode()
    return AudioDelta(response_id, item_id, 0, payload)


def listening(phone: Phone, plan: CallPlan = CONFIRMED, *, sent_ms: int = 3_000, heard_ms: int = 600) -> Script:
    """A caller who has heard some of what the agent says."""
    script = on_the_phone(plan, phone, SERVER_WAITS) >> ResponseCreated("resp_1")
    return script >> speaks(0, sent_ms) << ... >> heard_ms << ...


def hears(script: Script, phone: Phone, sound: bytes, started: SpeechStarted = STARTED) -> Script:
    """A sound comes from the caller's side, and the server takes it for speech."""
    phone.speak(sound)
    return script >> LATENCY_MS >> started


def on_its_way(script: Script) -> set[type[Command]]:
    """What of the agent's was cut, or asked for, since the call began."""
    return {type(done) for done in script.done} & {TruncateItem, CancelResponse, CreateResponse}
