"""
The agent that answers when nobody wrote another one: a friendly receptionist.

It says what it is asked to say, if the instructions of a response quote it; it reads out what a tool found;
otherwise it goes through its repertoire, so that each turn sounds different.
"""

import re

from gateway.sim.realtime.turn import Reply, Say, Turn

GREETING = "Hello, thank you for calling. My name is Ada. How can I help you today?"

REPERTOIRE = (
    "Thank you, I understand. Let me have a look at that for you. It will only take a moment.",
    "Of course, that is no problem at all. We are open from nine to six, Monday to Friday.",
    "I have written that down for you. Somebody from our team will call you back this afternoon.",
    "That is a good question. As far as I can see, everything is ready. Would you like a reminder?",
    "Certainly. I have put you on the list for Thursday morning. You can change that at any time.",
    "I am glad that I could help. Is there anything else that you would like to know?",
)

QUOTED = re.compile(r'["“]([^"“”]+)["”]')


def receptionist(turn: Turn) -> Reply:
    """Answer as a friendly receptionist would."""
    return (Say(_answer(turn)),)


def _answer(turn: Turn) -> str:
    if quoted := QUOTED.findall(turn.own_instructions or ""):
        return str(quoted[-1])
    if found := turn.tool_outputs:
        return f"Thank you for waiting. Here is what I found. {' '.join(found.values())}"
    if turn.greeting:
        return GREETING
    return REPERTOIRE[turn.ordinal % len(REPERTOIRE)]
