"""
The laws of what an agent does besides speaking: tools and handoffs.

Whatever the server calls is answered once, when its response is over; then the model goes on, and it is the agent who
has taken over that does.
"""

import json
from collections import Counter
from collections.abc import Iterator

from gateway.agent import ChangeAgent, HandOver, RunTool, ToolCall
from gateway.call.commands import Command
from gateway.call.farewell import HANG_UP_TOOL
from gateway.protocol.events import ErrorReceived, FunctionCalled, ResponseDone, SpeechStopped
from gateway.protocol.inputs import CreateResponse, SendToolOutput, UpdateAgent
from tests.call.world.errands import NEVER, Errand, answered_turns, errands
from tests.call.world.shell import Entry
from tests.call.world.told import Told, course
from tests.call.world.world import Account

ANSWER = CreateResponse()
SOON_MS = 1_020.0
"""A barge-in is settled by then, and whoever made a sound is known."""


def every_call_of_a_tool_is_answered_once(account: Account) -> Iterator[str]:
    """As soon as its response is over and its tool has answered, while the call talks, and never before or again."""
    told = Counter(
        done.call_id for entry in account.entries for done in entry.commands if isinstance(done, SendToolOutput)
    )
    called = {entry.cause.call_id for entry in account.entries if isinstance(entry.cause, FunctionCalled)}
    for call_id, times in told.items():
        if times > 1 or call_id not in called:
            yield f"{call_id} was answered {times} times"
    for errand in errands(account).values():
        due = [errand.due] if errand.due < NEVER else []
        if errand.told != due:
            yield f"{errand}: the model was to be told at {due}, and was told at {errand.told}"


def whoever_speaks_has_only_its_own_tools(account: Account) -> Iterator[str]:
    """Its tools are run, and its handoffs made unless one is under way; whatever else is called is refused."""
    ordered = [done for entry in account.entries for done in entry.commands if isinstance(done, RunTool | HandOver)]
    due = [order for errand in errands(account).values() for order in _orders(errand, account)]
    if ordered != due:
        yield f"what was ordered was {ordered}, and not {due}"
    refused = {errand.call.call_id for errand in errands(account).values() if errand.doer == "nobody"}
    for entry in account.entries:
        for done in entry.commands:
            if isinstance(done, SendToolOutput) and done.call_id in refused and "error" not in json.loads(done.output):
                yield f"{entry.at_ms:.1f} ms: {done} for a tool that nobody has"


def _orders(errand: Errand, account: Account) -> Iterator[RunTool | HandOver]:
    call = errand.call
    ordered = ToolCall(call.call_id, call.name, call.arguments, call.response_id, call.item_id)
    if errand.doer == "tool":
        yield RunTool(ordered)
    elif errand.doer == "handoff":
        handoffs = (agent.handoffs for agent in account.conditions.agents)
        yield HandOver(ordered, next(agents[call.name] for agents in handoffs if call.name in agents))


def who_takes_over_is_told_first(account: Account) -> Iterator[str]:
    """The model becomes the next agent when the response that handed over is over, and then learns who that is."""
    plan = account.conditions.plan
    line = (HANG_UP_TOOL,) if plan.goodbye else ()
    due: dict[int, list[Command]] = {}
    for errand in errands(account).values():
        if errand.due < NEVER and (agent := errand.successor):
            output = SendToolOutput(errand.call.call_id, json.dumps({"assistant": agent.name}))
            update = UpdateAgent(agent.instructions, (*agent.tools, *line))
            due[errand.due] = [ChangeAgent(agent), update, output]
    for number, (entry, _) in enumerate(course(account.entries)):
        wanted = due.get(number, [])
        found = [done for done in entry.commands if isinstance(done, ChangeAgent | UpdateAgent) or done in wanted]
        if found != wanted:
            yield f"{entry.at_ms:.1f} ms: who takes over was told {found}, and was to be told {wanted}"


def the_model_goes_on_when_all_is_told(account: Account) -> Iterator[str]:
    """Behind the last answer of a turn a response is asked for as soon as one may be, unless the caller comes first."""
    complete, waiting = answered_turns(account), Waiting()
    for number, (entry, told) in enumerate(course(account.entries)):
        outputs = [at for at, done in enumerate(entry.commands) if isinstance(done, SendToolOutput)]
        if outputs and ANSWER in entry.commands[: outputs[-1]]:
            yield f"{entry.at_ms:.1f} ms: the model goes on before {entry.commands[outputs[-1]]}"
        if number in complete:
            waiting.begins()
        if waiting.overdue(entry, told, done=ANSWER in entry.commands):
            yield f"{entry.at_ms:.1f} ms: nobody lets the model go on since {waiting.free_ms} ms"
            return


class Waiting:
    """A response that is wanted and was not asked for yet, and since when it might have been."""

    def __init__(self) -> None:
        self.free_ms: float | None = None
        self._wanted = False
        self._refused = False
        """Whether the last was refused since a response runs that nobody knows of."""

    def begins(self) -> None:
        """It is wanted."""
        self._wanted = True

    def overdue(self, entry: Entry, told: Told, *, done: bool) -> bool:
        """Whether it should have been asked for before; it need not be when the server answers the caller anyway."""
        match entry.cause:
            case ErrorReceived(refused=CreateResponse()):
                self._refused = True
            case ResponseDone():
                self._refused = False
            case SpeechStopped() if told.responds:
                self._wanted = False
        self._wanted = self._wanted and not done and not told.let_go
        if not self._wanted or self._refused or not told.free_for(entry):
            self.free_ms = None
            return False
        self.free_ms = entry.at_ms if self.free_ms is None else self.free_ms
        return entry.at_ms - self.free_ms > SOON_MS


ERRAND_LAWS = (
    every_call_of_a_tool_is_answered_once,
    whoever_speaks_has_only_its_own_tools,
    who_takes_over_is_told_first,
    the_model_goes_on_when_all_is_told,
)
