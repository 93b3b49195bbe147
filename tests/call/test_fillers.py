"""What the caller hears while a tool takes its time."""

from dataclasses import replace

from gateway.agent import AgentProfile, RunTool, ToolAnswered
from gateway.call.fillers import FILLED_AFTER_MS
from gateway.protocol.events import FunctionCalled, OutputAudioStopped, ResponseCreated
from gateway.protocol.inputs import CreateResponse, SendToolOutput
from tests.call import sip_script
from tests.call.script import PLAN, SERVER_WAITS, Script, completed, on_the_phone, says, talking
from tests.call.test_limits import words_of
from tests.call.turns import IMMEDIATE, STARTED, STOPPED

TOOLS = tuple({"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("slow", "mute"))
PROFILE = AgentProfile("desk", "You answer.", TOOLS, fillers={"slow": "One moment, I am looking that up."})
SLOW = replace(PLAN, agent=PROFILE)
DATED_MS = 161


def called(name: str = "slow", call_id: str = "call_1", response_id: str = "resp_1") -> FunctionCalled:
    """The model calls a tool."""
    return FunctionCalled(response_id, "item_call", call_id, name, "{}")


def running(*names: str) -> Script:
    """Tools that run, called by a response without a word."""
    script = on_the_phone(SLOW) >> ResponseCreated("resp_1")
    for number, name in enumerate(names, 1):
        script >> called(name, f"call_{number}") << RunTool
    return script >> completed() << None


def test_a_tool_that_takes_long_has_its_words_said_once() -> None:
    """
    A second and a half after it was called; then nothing more is said until it answers.
    """
    script = running("slow") >> FILLED_AFTER_MS - 1 << None >> 1 << CreateResponse << None
    assert words_of(script) == ["One moment, I am looking that up."]
    script >> ResponseCreated("resp_2") >> completed("resp_2") << None >> 30_000 << None
    script >> ToolAnswered("call_1", "found") << SendToolOutput << CreateResponse() << None


def test_a_tool_that_answers_in_time_says_nothing() -> None:
    """
    Neither then nor later.
    """
    script = running("slow") >> FILLED_AFTER_MS - 1 << None >> ToolAnswered("call_1", "found") << SendToolOutput
    script << CreateResponse() << None >> ResponseCreated("resp_2") >> completed("resp_2") << None >> 30_000 << None


def test_a_tool_without_words_is_waited_for_in_silence() -> None:
    """
    Only what says so fills the time.
    """
    running("mute") >> 30_000 << None


def test_nothing_is_said_as_long_as_there_is_something_to_hear() -> None:
    """
    The caller has to have heard nothing for so long.
    """
    script = on_the_phone(SLOW) >> ResponseCreated("resp_1") >> says("item_1", 4_000) << ... >> called() << RunTool
    script >> completed() << ... >> 4_000 + FILLED_AFTER_MS - 1 << None >> DATED_MS << CreateResponse << None


def test_nothing_is_said_while_a_response_is_under_way() -> None:
    """
    The model may be about to say something by itself.
    """
    script = talking(SLOW) >> ResponseCreated("resp_1") >> called() << RunTool >> 10_000 << None
    script >> completed() << None >> 1 << CreateResponse << None


def test_the_answer_goes_before_words_that_wait() -> None:
    """
    Words that were to be said when the caller has finished are not said any more when there is an answer.
    """
    script = (
        talking(replace(IMMEDIATE, agent=PROFILE), SERVER_WAITS) >> ResponseCreated("resp_1") >> called() << RunTool
    )
    script >> completed() << None >> 1_000 >> STARTED << None >> 2_000 << None >> ToolAnswered("call_1", "found")
    script << SendToolOutput << None >> STOPPED << CreateResponse() << None >> ResponseCreated("resp_2") << None
    script >> completed("resp_2") << None


def test_two_tools_do_not_talk_at_once() -> None:
    """
    The second has its words said when the first one's were heard, and it still runs.
    """
    script = running("slow", "slow") >> FILLED_AFTER_MS << CreateResponse << None >> ResponseCreated("resp_2")
    (
        script
        >> says("item_2", 1_000, "resp_2")
        << ...
        >> completed("resp_2")
        << ...
        >> 1_000 + FILLED_AFTER_MS - 1
        << None
    )
    script >> DATED_MS << CreateResponse << None
    assert len(words_of(script)) == 2


def test_calls_by_sip_have_them_too() -> None:
    """
    Counted from what the service tells of what it plays.
    """
    script = sip_script.talking(replace(sip_script.PLAN, agent=PROFILE))
    sip_script.speaks(script, "resp_1", generated=False) >> called() << RunTool >> completed("resp_1") << None
    script >> 3_000 << None >> OutputAudioStopped("resp_1") << None >> FILLED_AFTER_MS - 1 << None
    script >> 1 << CreateResponse << None
