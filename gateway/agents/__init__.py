"""
The agents of lines, and all else that one gateway is configured with.

A line's agent is what its file says, or a `RealtimeAgent` that the file names as `module:name`: a module in the folder
of the configuration, or anywhere else where Python looks.
"""

from gateway.agents.approvals import Approvals
from gateway.agents.configuration import Configuration, assembled, load_configuration
from gateway.agents.context import CallContext
from gateway.agents.python import Agents, load_agents
from gateway.agents.workshop import Workshop

__all__ = [
    "Agents",
    "Approvals",
    "CallContext",
    "Configuration",
    "Workshop",
    "assembled",
    "load_agents",
    "load_configuration",
]
