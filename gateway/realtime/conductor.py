"""
Between a model and an agent's run: what the model tells goes in, what the run wishes is carried out.

What the agent's hands can do, they begin at once. What the model is to be sent is sent behind whatever was to be sent
before, and nobody waits for it.
"""

from collections.abc import Iterable
from typing import assert_never

from gateway.agent import (
    AgentEvent,
    AgentProfile,
    AgentRun,
    ChangeAgent,
    CheckSpeech,
    CutSpeech,
    HandOver,
    RunTool,
    TellModel,
    ToolCall,
    Wish,
)
from gateway.protocol.model.events import (
    RealtimeModelEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
)
from gateway.protocol.model.inputs import (
    RealtimeModelSendInterrupt,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from gateway.realtime.config import agent_settings
from gateway.realtime.hands import AgentHands
from gateway.realtime.narration import Narration
from gateway.realtime.sender import Sender
from gateway.realtime.turns import TurnsUnderWay


class Conductor:
    """Drives the run of one session's agent."""

    def __init__(self, run: AgentRun, hands: AgentHands, narration: Narration, sender: Sender) -> None:
        self._run = run
        self._hands = hands
        self._narration = narration
        self._sender = sender
        self._turns = TurnsUnderWay()
        self._calls: dict[str, RealtimeModelToolCallEvent] = {}

    def change(self, profile: AgentProfile) -> None:
        """Another agent speaks, because somebody wants it to."""
        self._run.profile = profile

    def follow(self, event: RealtimeModelEvent) -> None:
        """The model has told something."""
        match event:
            case RealtimeModelToolCallEvent(name, call_id, arguments, item_id):
                self._calls[call_id] = event
                call = ToolCall(call_id, name, arguments, self._turns.latest, item_id or "")
                self._carry_out(self._run.called(call))
            case RealtimeModelTranscriptDeltaEvent() | RealtimeModelOutputTextDeltaEvent():
                self._carry_out(self._run.said(event.response_id, event.item_id, event.delta))
            case RealtimeModelTurnStartedEvent(response_id):
                self._turns.started(response_id)
            case RealtimeModelTurnEndedEvent(response_id):
                self._carry_out(self._run.response_done(self._turns.ended(response_id)))
            case _:
                pass

    def report(self, event: AgentEvent) -> None:
        """Something came of a wish."""
        self._carry_out(self._run.handle(event))

    def _carry_out(self, wishes: Iterable[Wish]) -> None:
        for wish in wishes:
            match wish:
                case RunTool() | HandOver() | CheckSpeech():
                    self._hands.carry_out(wish)
                case ChangeAgent(profile):
                    self._hands.carry_out(wish)
                    self._sender.put(RealtimeModelSendSessionUpdate(agent_settings(profile)))
                case TellModel(call, output, respond):
                    self._sender.put(RealtimeModelSendToolOutput(self._calls.pop(call.call_id), output, respond))
                case CutSpeech(response_id, _, guardrail):
                    self._narration.cut()
                    self._sender.put(RealtimeModelSendInterrupt(force_response_cancel=True, response_id=response_id))
                    self._sender.put(RealtimeModelSendUserInput(f"guardrail triggered: {guardrail}"))
                case _:
                    assert_never(wish)
