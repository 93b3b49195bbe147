"""What ends a call that nobody ends: how long it lasts, what it costs, and a caller who says nothing."""

from dataclasses import replace

import pytest

from gateway.agent import AgentProfile, RunTool, ToolAnswered
from gateway.call import CallPlan
from gateway.call.caller_words import LONGEST_SPEECH_MS, WORDS_WITHIN_MS
from gateway.call.commands import ClearAudio, CloseModel, HangUp, NoteEnded, NoteLimited, NoteTransfer, TransferCall
from gateway.call.events import BudgetSpent, ModelClosed, TransferRefused
from gateway.call.plan import CallLimits, Goodbye, NoInput, Transfer
from gateway.protocol.events import (
    CallerTranscript,
    FunctionCalled,
    ResponseCreated,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import CreateResponse, SendToolOutput
from gateway.providers.events import DtmfPressed, StreamStopped
from tests.call.phone import Phone
from tests.call.script import PLAN, SERVER_WAITS, SESSION_UPDATED, Script, completed, on_the_phone, said, says, talking
from tests.call.sip_script import SipScript
from tests.call.turns import CONFIRMED, COUGH, IMMEDIATE, STARTED, STOPPED, WORDS, hears, speaks

AFTER_MS = 5_000.0
PROMPTS = ("Are you still there?", "I cannot hear you.")
UP = CallLimits(longest_ms=60_000, text="Our time is up.")
NO_INPUT = CallLimits(no_input=NoInput(AFTER_MS, PROMPTS))
SILENT = replace(PLAN, limits=NO_INPUT)
ACKED_MS = 61
"""From the end of some audio to the mark behind it, dated, at the latest."""
LOOKED_AGAIN_MS = 100


def words_of(script: Script | SipScript) -> list[str]:
    """What the agent was told to say, word for word, in order."""
    asked = [response.instructions or "" for response in script.of(CreateResponse) if response.segment]
    return [text.split('"')[1] for text in asked]


def talked(plan: CallPlan = SILENT, *, length_ms: int = 1_000) -> Script:
    """A caller who has just heard the agent to its end."""
    session = SERVER_WAITS if plan.takes_turns else SESSION_UPDATED
    script = on_the_phone(plan, session=session) >> ResponseCreated("resp_1") >> says("item_1", length_ms) << ...
    return script >> said("item_1") << ... >> completed() << ... >> length_ms << ...


def speak(script: Script, response_id: str, length_ms: int = 500) -> Script:
    """The agent says what it was told to say, and the caller hears it to its end."""
    script >> ResponseCreated(response_id) << ... >> says(f"item of {response_id}", length_ms, response_id) << ...
    return script >> completed(response_id) << ... >> length_ms << ...


# Silence


def test_silence_is_counted_from_when_the_last_word_was_heard() -> None:
    """
    Not from when the model had made it, which is long before: the agent's answer of 20 s is 20 s more.
    """
    script = on_the_phone(SILENT) >> ResponseCreated("resp_1") >> says("item_1", 20_000) << ... >> completed() << ...
    script >> 20_000 + AFTER_MS - 1 << None >> ACKED_MS + LOOKED_AGAIN_MS << CreateResponse << None
    assert words_of(script) == ["Are you still there?"]


def test_a_way_that_is_long_counts_for_nobodys_silence() -> None:
    """
    A provider that plays two seconds later than it could is waited for; one that echoes nothing is not, for ever.
    """
    script = talking(SILENT) >> ResponseCreated("resp_1") >> says("item_1", 1_000) << ... >> completed() << ...
    script >> 1_000 + AFTER_MS + 4_000 << None >> 5_000 << CreateResponse << None


def test_prompts_are_said_in_their_order_and_then_the_call_ends() -> None:
    """
    Each after the same silence, which begins anew when the prompt was heard.
    """
    script = talked() >> AFTER_MS + 200 << CreateResponse << None
    speak(script, "resp_2") >> AFTER_MS - 1 << None >> 300 << CreateResponse << None
    (
        speak(script, "resp_3")
        >> AFTER_MS - 1
        << None
        >> 300
        << NoteLimited("no_input")
        << CloseModel()
        << HangUp()
        << None
    )
    assert words_of(script) == [*PROMPTS]
    script >> StreamStopped() << ...
    assert script.of(NoteEnded) == [NoteEnded("success", "no_input")]


@pytest.mark.parametrize("event", [CallerTranscript("caller_1", "No."), DtmfPressed("5")], ids=["words", "key"])
def test_whatever_the_caller_says_begins_it_anew(event: CallerTranscript | DtmfPressed) -> None:
    """
    Words and keys; and the prompts begin with the first again.
    """
    script = talked() >> AFTER_MS + 200 << CreateResponse << None
    speak(script, "resp_2") >> AFTER_MS - 500 >> event << None >> AFTER_MS - 1 << None >> 300 << CreateResponse << None
    assert words_of(script) == [PROMPTS[0]] * 2


@pytest.mark.parametrize("text", ["", " ", "...", "♪"])
def test_a_sound_without_words_says_nothing(text: str) -> None:
    """
    A cough is speech to a server, and its transcription has no words; the silence goes on, prompts and all.
    """
    script = talked() >> 4_000 >> STARTED >> 300 >> STOPPED >> 400 >> CallerTranscript("caller_1", text) << None
    script >> 299 << None >> ACKED_MS + LOOKED_AGAIN_MS << CreateResponse << None


def test_words_are_waited_for() -> None:
    """
    Whoever has just spoken may have said something; without words in time, there were none.
    """
    script = talked() >> AFTER_MS - 100 >> STARTED >> 50 >> STOPPED << None >> WORDS_WITHIN_MS - 1 << None
    script >> 200 << CreateResponse << None


def test_whoever_speaks_is_not_spoken_to() -> None:
    """
    However long it takes: words come when the speech is over. But a noise without a pause is no speech, and keeps no
    call open: nothing can be said into it, and then the call ends.
    """
    script = talked() >> 1_000 >> STARTED << None >> LONGEST_SPEECH_MS - 1 << None >> 100 << None
    script >> 3 * AFTER_MS << NoteLimited("no_input") << CloseModel() << HangUp() << None
    assert words_of(script) == []


def test_without_a_transcription_speech_counts() -> None:
    """
    There is nothing else to go by.
    """
    plan = replace(SILENT, session=replace(SILENT.session, transcription_model=None))
    talked(plan) >> 4_000 >> STARTED >> 300 >> STOPPED << None >> AFTER_MS - 1 << None >> 300 << CreateResponse


def test_it_is_the_caller_who_waits_while_a_tool_runs() -> None:
    """
    Nobody is asked whether they are still there because a service is slow.
    """
    profile = AgentProfile(tools=({"type": "function", "name": "lookup"},))
    script = talking(replace(SILENT, agent=profile)) >> ResponseCreated("resp_1")
    script >> FunctionCalled("resp_1", "item_1", "call_1", "lookup", "{}") << RunTool << None >> completed() << None
    script >> 10 * AFTER_MS << None >> ToolAnswered("call_1", "found") << SendToolOutput << CreateResponse() << None


def test_a_caller_who_speaks_after_all_is_not_hung_up_on() -> None:
    """
    The line's goodbye is cut, the call goes on; and when nothing was said, and nothing is, it ends all the same.
    """
    plan = replace(SILENT, limits=CallLimits(no_input=NoInput(AFTER_MS)), goodbye=Goodbye("Goodbye."))
    script = talked(plan) >> AFTER_MS + 200 << CreateResponse << None >> ResponseCreated("resp_2")
    script >> says("item_2", 2_000, "resp_2") << ... >> completed("resp_2") << ... >> 500 >> STARTED << ClearAudio()
    script << ... >> 500 << ... >> STOPPED << ... >> CallerTranscript("caller_1", "") << ... >> AFTER_MS - 600 << None
    script >> 1_000 << CreateResponse << None
    assert not script.of(HangUp)
    speak(script, "resp_3") >> 200 << ...
    assert (script.of(NoteLimited), len(script.of(HangUp))) == ([NoteLimited("no_input")], 1)


def test_a_cough_in_confirmed_mode_does_not_begin_it_anew() -> None:
    """
    Neither does a silence count in which the agent is stopped, and goes on.
    """
    phone = Phone()
    script = on_the_phone(replace(CONFIRMED, limits=NO_INPUT), phone, SERVER_WAITS) >> ResponseCreated("resp_1")
    script >> speaks(0, 2_000) << ... >> said("item_1") << ... >> completed() << ... >> 600 << ...
    hears(script, phone, COUGH) << ... >> 500 << ... >> SpeechStopped("caller_1", 900) << ...
    script >> CallerTranscript("caller_1", "") << ... >> AFTER_MS + 800 << None
    script >> 700 << CreateResponse << None


def test_a_line_may_pass_on_who_says_nothing() -> None:
    """
    When the prompts were in vain, and once: where that comes to nothing the call ends, after the same silence again.
    """
    fallback = Transfer("fallback", "tel:+15550155")
    script = (
        talked(replace(SILENT, limits=CallLimits(no_input=NoInput(AFTER_MS, then=fallback)))) >> AFTER_MS - 1 << None
    )
    script >> 300 << TransferCall(fallback) << None >> TransferRefused() << NoteTransfer("refused") << None
    script >> AFTER_MS - 300 << None >> 600 << NoteLimited("no_input") << CloseModel() << HangUp() << None
    assert not script.of(SendToolOutput)


# Duration and cost


@pytest.mark.parametrize("plan", [PLAN, IMMEDIATE], ids=["server", "gateway"])
def test_the_longest_call_ends_with_the_lines_words(plan: CallPlan) -> None:
    """
    They are said when the agent has said what it was saying, and heard before the call ends.
    """
    plan = replace(plan, limits=UP)
    script = on_the_phone(plan, session=SERVER_WAITS) >> 59_000 << None >> ResponseCreated("resp_1")
    script >> says("item_1", 3_000) << ... >> 999 << None >> 1 << None >> completed() << CreateResponse << ...
    assert words_of(script) == ["Our time is up."]
    script >> ResponseCreated("resp_2") << None >> says("item_2", 1_000, "resp_2") << ... >> completed("resp_2") << ...
    script >> 2_900 << None >> 100 + ACKED_MS << NoteLimited("duration") << CloseModel() << HangUp() << None
    script >> StreamStopped() << ...
    assert script.of(NoteEnded) == [NoteEnded("success", "too_long")]


def test_a_limit_without_words_ends_the_call_when_the_agent_is_silent() -> None:
    """
    And at once when it is silent already.
    """
    script = talking(replace(PLAN, limits=CallLimits(longest_ms=60_000)))
    script >> 59_999 << None >> 1 << NoteLimited("duration") << CloseModel() << HangUp() << None


def test_nobody_talks_a_limit_away() -> None:
    """
    A caller who speaks when it comes is listened to and answered; then the words are said, and the call ends.
    """
    plan = replace(PLAN, limits=UP)
    script = talking(plan) >> 59_500 >> STARTED << None >> 1_500 << None >> STOPPED << ... >> ResponseCreated("resp_1")
    (
        script
        << ...
        >> completed()
        << ...
        >> ResponseCreated("resp_2")
        << ...
        >> completed("resp_2")
        << ...
        >> 1_000
        << ...
    )
    assert words_of(script)[-1] == "Our time is up."
    assert script.of(NoteLimited) == [NoteLimited("duration")]
    assert len(script.of(HangUp)) == 1


def test_a_model_that_will_not_stop_does_not_keep_a_call_open() -> None:
    """
    The words are waited for as long as for a goodbye, counted from when what was queued has been heard.
    """
    plan = replace(PLAN, limits=UP, goodbye=Goodbye(None, 2_000))
    script = talking(plan) >> 59_000 >> ResponseCreated("resp_1") >> says("item_1", 5_000) << ... >> 1_000 << None
    script >> 5_999 << None >> 1 << NoteLimited("duration") << CloseModel() << HangUp() << None


@pytest.mark.parametrize("text", ["", "We have to stop here."])
def test_a_call_that_has_cost_enough_ends(text: str) -> None:
    """
    As one that has lasted long enough does.
    """
    script = talking(replace(PLAN, limits=CallLimits(text=text))) >> BudgetSpent() << ...
    if text:
        assert words_of(script) == [text]
        script >> ResponseCreated("resp_1") << None >> completed("resp_1") << ...
    assert script.of(NoteLimited) == [NoteLimited("cost")]
    script >> BudgetSpent() << None >> StreamStopped() << ...
    assert script.of(NoteEnded) == [NoteEnded("success", "too_expensive")]


def test_of_two_limits_the_first_ends_the_call() -> None:
    """
    And an agent that is saying goodbye already goes on with it, whatever the caller says then.
    """
    plan = replace(IMMEDIATE, limits=UP, goodbye=Goodbye("Goodbye."))
    phone = Phone()
    script = on_the_phone(plan, phone, SERVER_WAITS) >> 59_000 >> ResponseCreated("resp_1")
    script >> FunctionCalled("resp_1", "item_1", "call_1", "hang_up", "{}") << SendToolOutput << None
    script >> completed() << CreateResponse << None >> ResponseCreated("resp_2") >> speaks(0, 3_000, "item_2", "resp_2")
    script << ... >> completed("resp_2") << ... >> 1_000 >> BudgetSpent() << ...
    assert words_of(script) == ["Goodbye."]
    hears(script, phone, WORDS, SpeechStarted("caller_1", 0)) << ... >> 500 << ... >> STOPPED << ... >> 15_000 << ...
    assert script.of(NoteLimited) == [NoteLimited("duration")]
    assert len(script.of(HangUp)) == 1


def test_a_call_whose_model_is_gone_has_no_limits() -> None:
    """
    Nobody is left who could say the words, and the fallback is next.
    """
    plan = replace(SILENT, limits=replace(NO_INPUT, longest_ms=10_000, text="Our time is up."))
    script = talking(plan) >> says("item_1", 1_000) << ... >> 9_000 << ... >> ModelClosed("model_lost") << ... >> 20_000
    script << ...
    assert not script.of(HangUp)
    assert [ended.reason for ended in script.of(NoteEnded)] == ["model_lost"]
