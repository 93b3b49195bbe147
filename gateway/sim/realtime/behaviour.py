"""
How the emulated server behaves: what the agent says, how fast, and what goes wrong.

One frozen `Behaviour` holds every knob. Its defaults are a server in good health: deltas of 250 ms at five
times real time, one delta still in flight when the caller interrupts, no fault at all.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from gateway.sim.realtime.receptionist import receptionist
from gateway.sim.realtime.turn import Call, Fail, Output, Reply, Say, Stop, Turn
from gateway.sim.voices import speak

__all__ = [
    "NEVER",
    "Behaviour",
    "Call",
    "Fail",
    "Leave",
    "Output",
    "Reply",
    "Say",
    "Stall",
    "Stop",
    "Turn",
]

NEVER = math.inf
"""A delay that does not end."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A pause in the generation of a response."""

    at_ms: float
    """Offset in the audio of the response; the first delta that begins there or later has to wait."""
    length_ms: float
    """How long nothing comes."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The server ends the connection by itself."""

    after_deltas: int | None = None
    """After so many audio deltas; None leaves it to the time."""
    after_ms: float | None = None
    """So long after the session was opened; None leaves it to the deltas."""
    code: int | None = None
    """Close code; None drops the TCP connection without a close frame."""
    reason: str = ""


async def agent_voice(text: str) -> bytes:
    """Speak *text* with the voice of the agent, as mu-law at 8 kHz."""
    return (await speak(text)).audio


def unintelligible(ordinal: int, audio: bytes) -> str:
    """What the transcription hears in the turn *ordinal* when nobody told it."""
    return f"(caller, turn {ordinal + 1})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Everything about the server that one may want to be different."""

    reply: Callable[[Turn], Reply] = receptionist
    """Decides what the agent answers."""
    voice: Callable[[str], Awaitable[bytes]] = agent_voice
    """Makes mu-law at 8 kHz of what the agent says."""
    transcribe: Callable[[int, bytes], str] = unintelligible
    """What the transcription makes of a turn, from its ordinal and its audio."""

    api_key: str | None = None
    """The only key that opens a session; None opens to everyone, and asks for no key."""
    dialect: Literal["ga", "beta"] = "ga"
    """The names it uses; a beta server understands the flat session too, and wants the beta header."""
    max_age_s: float = 3600.0
    """Age at which a session expires."""
    keep_events: bool = False
    """Whether sessions remember every event they sent."""

    first_audio_ms: float = 300.0
    """From response.created to the first audio delta."""
    delta_ms: tuple[float, ...] = (250.0,)
    """Lengths of the audio deltas of an item, in turn."""
    speed: float = 5.0
    """How many ms of audio are generated in one ms."""
    stalls: tuple[Stall, ...] = ()
    """Pauses in every response."""
    interrupt_lag_ms: float = 0.0
    """How long generation goes on after the caller interrupted."""
    leaked_deltas: int = 1
    """Audio deltas that still come when it stops, because they were under way."""

    session_created_delay_ms: float = 0.0
    """From the opening of the socket to session.created; NEVER for a server that is mute."""
    session_updated_delay_ms: float = 0.0
    """From session.update to session.updated; NEVER for a server that forgets to answer."""
    transcription_delay_ms: float = 150.0
    """From the commit to the transcription of the caller."""
    transcription_after_response: bool = False
    """Hold the transcription back until the next response is done."""
    transcription_fails: bool = False
    """Transcriptions end in their own failure event."""

    conversation_created: bool = False
    """Whether conversation.created is sent."""
    rate_limits: bool = True
    """Whether rate_limits.updated is sent."""
    response_created: bool = True
    """Whether response.created is sent."""
    output_item_done_first: bool = False
    """Send response.output_item.done before conversation.item.done instead of after it."""
    overlapping_items: bool = False
    """Close an item only after the first audio of the one behind it."""
    duplicate_every: int = 0
    """Every so many audio deltas one comes twice; 0 for none."""
    late_deltas: int = 0
    """So many audio deltas of each response come after its response.done."""
    unknown_events: bool = False
    """Mix events and fields that no client knows between the audio deltas."""
    malformed_once: bool = False
    """Send one frame that is not JSON after the first audio delta of a session."""
    missing_tail_ms: int = 0
    """So much shorter does the server believe an item to be than what it sent of it."""
    leave: Leave | None = None
    """The server goes away by itself."""
    sideband_audio: bool = False
    """Whether who is attached to a call gets the agent's audio deltas too."""
    lineless: bool = False
    """Whether calls have no line of their own, and who is attached carries their audio, both ways."""
    mcp_tools: tuple[str, ...] = ()
    """Names of the tools that every remote MCP server turns out to have."""
