"""
What an agent does besides speaking, decided without waiting: tools, handoffs, and checks of what it says.

A phone call, a call by SIP and a session without a phone each drive one `AgentRun`, and carry its wishes out in their
own way.
"""

from gateway.agent.events import AgentEvent, ApprovalRequired, SpeechTripped, TookOver, ToolAnswered
from gateway.agent.profile import AgentProfile
from gateway.agent.run import AgentRun
from gateway.agent.wishes import ChangeAgent, CheckSpeech, CutSpeech, HandOver, RunTool, TellModel, ToolCall, Wish

__all__ = [
    "AgentEvent",
    "AgentProfile",
    "AgentRun",
    "ApprovalRequired",
    "ChangeAgent",
    "CheckSpeech",
    "CutSpeech",
    "HandOver",
    "RunTool",
    "SpeechTripped",
    "TellModel",
    "TookOver",
    "ToolAnswered",
    "ToolCall",
    "Wish",
]
