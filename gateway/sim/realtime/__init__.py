"""
An emulated realtime server: sessions, turns, responses and their faults, on a local WebSocket.

    async with RealtimeServer(Behaviour(reply=lambda turn: (Say("Hello."),))) as server:
        ...  # connect to f"{server.url}?model=gpt-realtime"
        session = await server.next_session()
        await session.happened(lambda session: session.truncations)
"""

from gateway.sim.realtime.behaviour import (
    NEVER,
    Behaviour,
    Call,
    Fail,
    Leave,
    Output,
    Reply,
    Say,
    Stall,
    Stop,
    Turn,
)
from gateway.sim.realtime.engine import Closed, Engine, Received
from gateway.sim.realtime.items import Delta, Item, Part
from gateway.sim.realtime.memory import Truncation
from gateway.sim.realtime.server import AttachableCall, RealtimeServer
from gateway.sim.realtime.session import Session

__all__ = [
    "NEVER",
    "AttachableCall",
    "Behaviour",
    "Call",
    "Closed",
    "Delta",
    "Engine",
    "Fail",
    "Item",
    "Leave",
    "Output",
    "Part",
    "RealtimeServer",
    "Received",
    "Reply",
    "Say",
    "Session",
    "Stall",
    "Stop",
    "Truncation",
    "Turn",
]
