"""The arbiter against a server that refuses a second response, over a connection that takes its time."""

from collections import deque
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from gateway.call import Call, CallPlan, Event
from gateway.call.plan import Segment
from gateway.protocol.events import (
    ErrorReceived,
    FunctionCalled,
    ResponseCreated,
    ResponseDone,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import CreateResponse, SendToolOutput
from gateway.protocol.session import PCMU, SessionConfig

SPEECH_STARTED = SpeechStarted("caller_1", 0)


@dataclass(frozen=True)
class Asked:
    """A response that the gateway asked for, and what it knew then."""

    wish: CreateResponse
    seen: frozenset[str]
    """Responses of which it had heard."""


class Conversation(RuleBasedStateMachine):
    """
    A call on one side, a server on the other, and messages on their way in both directions.

    A response, and a turn of the caller, take longer than a message is on its way there and back: nothing ends before
    the other side knows that it has begun, and before what was sent until then has arrived. Nor does a turn end in the
    moment in which a tool is called, since the server's answer could not know of the tool's.
    """

    responds = True

    def __init__(self) -> None:
        super().__init__()
        self.call = Call(CallPlan(SessionConfig(), (Segment("greeting", "Good morning."),)), now_ms=0.0)
        self.to_call: deque[Event] = deque()
        self.to_server: deque[Asked | SendToolOutput] = deque()
        self.seen: set[str] = set()
        self.active: str | None = None
        self.asked_for: set[str] = set()
        self.responses = 0
        self.tools = 0
        self.speaking = False
        self.unspoken: set[str] = set()
        """Tools of whose output no response has been able to speak."""
        self._tell(SessionUpdated(PCMU, PCMU, interrupts=True, responds=self.responds))

    # The server's side

    @precondition(lambda self: self.to_server)
    @rule()
    def server_reads(self) -> None:
        """It takes a tool's output, begins the response that is asked for, or refuses to."""
        asked = self.to_server.popleft()
        if isinstance(asked, SendToolOutput):
            self.unspoken.add(asked.call_id)
        elif self.active is None:
            self.asked_for.add(self._begin())
        else:
            self._refuse(asked, self.active)

    def _refuse(self, asked: Asked, active: str) -> None:
        assert active not in self.asked_for, "the gateway does not ask into its own response"
        assert active not in asked.seen, "the gateway does not ask into a response that it knows of"
        code = "conversation_already_has_active_response"
        self.to_call.append(ErrorReceived(code, "Wait until it is finished.", asked.wish))

    @precondition(lambda self: self.active is None and not self.speaking)
    @rule()
    def server_speaks_up(self) -> None:
        """It has waited long enough for the caller to say something."""
        self._begin()

    @precondition(lambda self: self.active in self.seen and not self.to_server)
    @rule(status=st.sampled_from(["completed", "incomplete"]), calls_tool=st.booleans())
    def response_ends(self, status: str, calls_tool: bool) -> None:
        """It may have called a tool."""
        assert self.active is not None
        if calls_tool:
            self.tools += 1
            self.to_call.append(FunctionCalled(self.active, "item", f"call_{self.tools}", "lookup", "{}"))
        self._end(status)

    @precondition(lambda self: not self.speaking)
    @rule()
    def caller_speaks(self) -> None:
        """A response that runs is cancelled."""
        self.speaking = True
        self.to_call.append(SPEECH_STARTED)
        if self.active is not None:
            self._end("cancelled")

    @precondition(lambda self: self.speaking and not self.to_server and not self._gateway_is_behind())
    @rule()
    def caller_stops(self) -> None:
        """The server answers, where it answers by itself."""
        self.speaking = False
        self.to_call.append(SpeechStopped("caller_1", 500))
        if self.responds and self.active is None:
            self._begin()

    def _gateway_is_behind(self) -> bool:
        return any(isinstance(event, SpeechStarted | FunctionCalled) for event in self.to_call)

    def _begin(self) -> str:
        self.responses += 1
        self.unspoken.clear()
        self.active = f"resp_{self.responses}"
        self.to_call.append(ResponseCreated(self.active))
        return self.active

    def _end(self, status: str) -> None:
        assert self.active is not None
        self.to_call.append(ResponseDone(self.active, status))  # type: ignore[arg-type]  # one of the known
        self.active = None

    # The gateway's side

    @precondition(lambda self: self.to_call)
    @rule()
    def gateway_reads(self) -> None:
        """The next message is here."""
        event = self.to_call.popleft()
        if isinstance(event, ResponseCreated):
            self.seen.add(event.response_id)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        for command in self.call.handle(event, now_ms=0.0):
            if isinstance(command, SendToolOutput):
                self.to_server.append(command)
            elif isinstance(command, CreateResponse):
                assert not any(isinstance(sent, Asked) for sent in self.to_server), "two are never asked for at once"
                self.to_server.append(Asked(command, frozenset(self.seen)))

    def teardown(self) -> None:
        """
        Once all is quiet, every tool's output has been spoken of.
        """
        self._quiet()
        assert not self.unspoken

    def _quiet(self) -> None:
        """Everything on its way arrives, and everybody falls silent."""
        while self.to_server or self.to_call or self.active or self.speaking:
            if self.to_server:
                self.server_reads()
            elif self.to_call:
                self.gateway_reads()
            elif self.active:
                self.response_ends("completed", calls_tool=False)
            else:
                self.caller_stops()


class ManualConversation(Conversation):
    """A server that leaves it to the gateway to answer the caller."""

    responds = False


Conversation.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
ManualConversation.TestCase.settings = Conversation.TestCase.settings
TestConversation = Conversation.TestCase
TestManualConversation = ManualConversation.TestCase
