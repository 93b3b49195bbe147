"""
One call, decided without a socket: events in, commands out, time an argument.

`events` and `commands` are the words, `call` the decisions.
"""

from gateway.call.call import Call
from gateway.call.commands import Command
from gateway.call.events import Event
from gateway.call.plan import CallPlan

__all__ = ["Call", "CallPlan", "Command", "Event"]
