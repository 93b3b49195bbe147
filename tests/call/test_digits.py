"""Keys: those that the caller presses for the model, and those that the agent presses."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import CallPlan
from gateway.call.commands import ClearAudio, NoteBargeIn, PlayAudio, SendMark
from gateway.call.digits import COLLECT, EARLY_MS
from gateway.call.errands import tools_of
from gateway.call.plan import DigitRules
from gateway.call.tones import PRESS
from gateway.protocol.events import (
    CallerTranscript,
    DtmfReceived,
    FunctionCalled,
    OutputAudioStarted,
    OutputAudioStopped,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
)
from gateway.protocol.inputs import CancelResponse, ClearOutputAudio, CreateResponse, SendToolOutput, TruncateItem
from gateway.providers.events import DtmfPressed
from tests.audio.goertzel import received
from tests.call import sip_script
from tests.call.phone import Phone
from tests.call.script import PLAN, SERVER_WAITS, SESSION_UPDATED, Script, completed, on_the_phone, said, says, talking
from tests.call.sip_script import SipScript
from tests.call.turns import CONFIRMED, IMMEDIATE, STARTED, STOPPED

COLLECTING = replace(PLAN, digits=DigitRules(most=8, timeout_ms=4_000))
PATIENT = replace(PLAN, digits=DigitRules(most=8, timeout_ms=4_000, cuts=False))
PRESSING = replace(PLAN, presses_keys=True)
ACKED_MS = 161


def calls(name: str, call_id: str = "call_1", response_id: str = "resp_1", **arguments: Any) -> FunctionCalled:
    """The model calls a tool of the call itself."""
    return FunctionCalled(response_id, f"item of {call_id}", call_id, name, json.dumps(arguments))


def asking(plan: CallPlan = COLLECTING, **arguments: Any) -> Script:
    """The model has asked for keys, and has nothing else to say."""
    script = talking(plan) >> ResponseCreated("resp_1") >> calls(COLLECT, **arguments) << None
    return script >> completed() << None


def press(script: Script, keys: str) -> Script:
    """The caller presses keys, of which none ends the input."""
    for key in keys:
        script >> DtmfPressed(key) << None
    return script


def outputs(script: Script | SipScript) -> list[dict[str, Any]]:
    """What the model was told."""
    return [json.loads(output.output) for output in script.of(SendToolOutput)]


def told(script: Script) -> dict[str, Any]:
    """What the model is told now, and answers."""
    script << SendToolOutput << CreateResponse() << None
    return outputs(script)[-1]


# What the caller presses


@pytest.mark.parametrize(
    ("arguments", "keys", "last", "digits", "by"),
    [
        ({"count": 4}, "123", "4", "1234", "count"),
        ({}, "123", "#", "123", "terminator"),
        ({}, "", "#", "", "terminator"),
        ({"terminator": "*"}, "1#2", "*", "1#2", "terminator"),
        ({"count": 3, "terminator": ""}, "#*", "#", "#*#", "count"),
        ({"count": 1}, "", "0", "0", "count"),
        ({}, "1234567", "8", "12345678", "count"),
        ({"count": 2.0}, "1", "2", "12", "count"),
    ],
)
def test_the_input_ends_as_was_asked(arguments: dict[str, Any], keys: str, last: str, digits: str, by: str) -> None:
    """
    With so many keys or with the terminator, which is no part of it; the line says what the model leaves out.
    """
    script = press(asking(**arguments), keys) >> DtmfPressed(last)
    assert told(script) == {"digits": digits, "ended_by": by}


@pytest.mark.parametrize(("arguments", "limit_ms"), [({}, 4_000), ({"timeout_s": 1.5}, 1_500)])
def test_the_next_key_is_waited_for_so_long(arguments: dict[str, Any], limit_ms: float) -> None:
    """
    Counted from the last one; what was pressed until then is told.
    """
    script = asking(**arguments) >> limit_ms - 1 << None >> DtmfPressed("1") << None >> limit_ms - 1 << None >> 1
    assert told(script) == {"digits": "1", "ended_by": "timeout"}


def test_nobody_is_hurried_while_the_agent_still_says_what_to_enter() -> None:
    """
    The time begins when the last word of it was heard.
    """
    script = on_the_phone(COLLECTING) >> ResponseCreated("resp_1") >> says("item_1", 6_000) << ... >> said("item_1")
    script << ... >> calls(COLLECT) << None >> completed() << ... >> 9_999 << None >> ACKED_MS << SendToolOutput
    assert outputs(script) == [{"digits": "", "ended_by": "timeout"}]


@pytest.mark.parametrize(
    "plan", [COLLECTING, replace(CONFIRMED, digits=COLLECTING.digits)], ids=["server", "confirmed"]
)
def test_the_first_key_cuts_the_agent(plan: CallPlan) -> None:
    """
    On the spot, with the model's memory cut where the caller was; the next keys are only keys.
    """
    script = on_the_phone(plan, session=SERVER_WAITS) >> ResponseCreated("resp_1") >> says("item_1", 6_000) << ...
    script >> calls(COLLECT, count=2) << None >> 1_000 << None >> DtmfPressed("1") << ClearAudio()
    script << CancelResponse("resp_1") << None >> 200 << TruncateItem("item_1", 0, 1_000) << NoteBargeIn << None
    script >> ResponseDone("resp_1", "cancelled") << None >> DtmfPressed("2")
    assert told(script) == {"digits": "12", "ended_by": "count"}


def test_a_line_may_have_the_agent_finish() -> None:
    """
    Then keys are counted, and the model is told when it has said all.
    """
    script = on_the_phone(PATIENT) >> ResponseCreated("resp_1") >> says("item_1", 6_000) << ...
    script >> calls(COLLECT, count=1) << None >> 1_000 << None >> DtmfPressed("1") << None >> completed()
    assert told(script) == {"digits": "1", "ended_by": "count"}


def test_keys_pressed_a_moment_before_count() -> None:
    """
    Those of the last three seconds; and what is left over is there for the next input.
    """
    script = talking(COLLECTING) >> DtmfPressed("9") >> 1_000 >> DtmfPressed("1") >> 1_000 >> DtmfPressed("2")
    script >> DtmfPressed("3") >> EARLY_MS - 1_000 - 1 >> ResponseCreated("resp_1") >> calls(COLLECT, count=2) << None
    script >> completed()
    assert told(script) == {"digits": "12", "ended_by": "count"}
    script >> ResponseCreated("resp_2") >> calls(COLLECT, "call_2", "resp_2", count=2) << None >> completed("resp_2")
    script << None >> DtmfPressed("4")
    assert told(script) == {"digits": "34", "ended_by": "count"}


@pytest.mark.parametrize("plan", [COLLECTING, replace(IMMEDIATE, digits=COLLECTING.digits)], ids=["server", "gateway"])
def test_a_caller_who_says_something_instead_is_listened_to(plan: CallPlan) -> None:
    """
    The input ends with what was pressed until then; the model is told, and answers what was said, once. A cough is not
    that.
    """
    script = on_the_phone(plan, session=SERVER_WAITS if plan.takes_turns else SESSION_UPDATED)
    script >> ResponseCreated("resp_1") >> calls(COLLECT) << None >> completed() << None >> DtmfPressed("1") << None
    script >> STARTED >> 300 >> STOPPED << ... >> ResponseCreated("resp_2") >> CallerTranscript("caller_1", "") << None
    script >> completed("resp_2") << None >> 10 >> SpeechStarted("caller_2", 0) >> 300 >> SpeechStopped("caller_2", 300)
    script << ... >> ResponseCreated("resp_3") << None >> CallerTranscript("caller_2", "I have none.")
    script << SendToolOutput << None >> completed("resp_3") << None
    assert outputs(script) == [{"digits": "1", "ended_by": "caller_spoke"}]


def test_what_was_said_before_does_not_end_the_input() -> None:
    """
    Its words come when the model has answered it already, by asking for keys.
    """
    script = talking(COLLECTING) >> STARTED >> 300 >> STOPPED >> ResponseCreated("resp_1") >> 50 >> calls(COLLECT)
    script << None >> completed() << None >> 500 >> CallerTranscript("caller_1", "I would like to pay.") << None
    script >> DtmfPressed("1") << None >> DtmfPressed("#")
    assert told(script) == {"digits": "1", "ended_by": "terminator"}


@pytest.mark.parametrize(
    "arguments",
    [
        '{"count": 9}',
        '{"count": 0}',
        '{"count": "two"}',
        '{"count": true}',
        '{"terminator": "##"}',
        '{"terminator": 5}',
        '{"timeout_s": 5}',
        '{"timeout_s": -1}',
        '{"timeout_s": NaN}',
        "[]",
        "{",
        "[" * 10_000,
    ],
)
def test_what_the_line_does_not_allow_is_refused(arguments: str) -> None:
    """
    The model is told, and may ask again.
    """
    script = talking(COLLECTING) >> ResponseCreated("resp_1")
    script >> FunctionCalled("resp_1", "item_1", "call_1", COLLECT, arguments) << None >> completed()
    assert "error" in told(script)
    script >> ResponseCreated("resp_2") >> calls(COLLECT, "call_2", "resp_2", count=1) << None >> completed("resp_2")
    script << None >> DtmfPressed("1")
    assert told(script)["digits"] == "1"


def test_one_input_at_a_time() -> None:
    """
    A second wish is refused, and the first one goes on.
    """
    script = asking(count=2) >> ResponseCreated("resp_2") >> calls(COLLECT, "call_2", "resp_2", count=1) << None
    script >> completed("resp_2") << SendToolOutput << ... >> DtmfPressed("1") << None >> DtmfPressed("2") << ...
    assert outputs(script) == [
        {"error": "keys are being collected already"},
        {"digits": "12", "ended_by": "count"},
    ]


def test_only_a_line_that_says_so_collects_keys() -> None:
    """
    To any other line it is a tool that does not exist, and keys change nothing.
    """
    script = press(talking(), "123") >> ResponseCreated("resp_1") >> calls(COLLECT) << None >> completed()
    assert "error" in told(script)
    assert [tool["name"] for tool in tools_of(COLLECTING)] == [COLLECT]
    assert tools_of(PLAN) == ()


def test_keys_are_collected_where_calls_come_by_sip() -> None:
    """
    Where the service tells of the keys, and what is being said is cleared by it.
    """
    plan = replace(sip_script.PLAN, digits=COLLECTING.digits)
    script = sip_script.speaks(sip_script.talking(plan), "resp_1", generated=False) << None
    script >> calls(COLLECT, count=2) << None >> 9_000 << None >> DtmfReceived("1") << CancelResponse("resp_1")
    script << ClearOutputAudio() << None >> ResponseDone("resp_1", "cancelled") << None >> DtmfReceived("2")
    script << SendToolOutput << CreateResponse() << None
    assert outputs(script) == [{"digits": "12", "ended_by": "count"}]


def test_time_is_counted_from_what_the_service_tells() -> None:
    """
    From the end of what it plays.
    """
    plan = replace(sip_script.PLAN, digits=COLLECTING.digits)
    script = sip_script.talking(plan) >> ResponseCreated("resp_1") >> sip_script.says("resp_1") << None
    script >> OutputAudioStarted("resp_1") >> calls(COLLECT) << None >> completed() << None >> 9_000 << None
    script >> OutputAudioStopped("resp_1") << None >> 3_999 << None >> 1 << SendToolOutput << CreateResponse() << None
    assert outputs(script) == [{"digits": "", "ended_by": "timeout"}]


# What the agent presses


@given(st.text("0123456789*#ABCD", min_size=1, max_size=4))
def test_the_keys_that_the_agent_presses_are_heard(keys: str) -> None:
    """
    As tones, which a receiver takes for these keys; the model is told when they have been played.
    """
    phone = Phone()
    script = on_the_phone(PRESSING, phone) >> ResponseCreated("resp_1") >> calls(PRESS, digits=keys) << None
    script >> completed() << SendMark << PlayAudio << ... >> 200 * len(keys) - 1 << None >> ACKED_MS
    assert told(script) == {"status": "pressed"}
    assert received(phone.played) == keys


def test_keys_are_pressed_behind_what_is_being_said() -> None:
    """
    Never in the middle of it, and what is said next comes behind them.
    """
    phone = Phone()
    script = on_the_phone(PRESSING, phone) >> ResponseCreated("resp_1") >> calls(PRESS, digits="5") << None
    script >> says("item_1", 500) << ... >> completed() << ... >> ResponseCreated("resp_2")
    script >> says("item_2", 500, "resp_2") << ...
    assert len(phone.played) == 1_200 * 8
    assert received(phone.played[500 * 8 : 700 * 8]) == "5"


def test_tones_that_were_cut_off_are_no_item_of_the_model() -> None:
    """
    It is told that they were, and that is all.
    """
    phone = Phone()
    script = on_the_phone(PRESSING, phone) >> ResponseCreated("resp_1") >> calls(PRESS, digits="1" * 8) << None
    script >> completed() << ... >> 500 << None >> STARTED << ... >> 200 << ...
    assert not script.of(TruncateItem)
    assert len(phone.played) == 500 * 8
    assert "500 ms" in outputs(script)[0]["error"]


@pytest.mark.parametrize("digits", ["", "12x", "1" * 33, 12, None])
def test_what_is_no_key_is_not_pressed(digits: object) -> None:
    """
    The model is told.
    """
    script = talking(PRESSING) >> ResponseCreated("resp_1") >> calls(PRESS, digits=digits) << None >> completed()
    assert "error" in told(script)


def test_only_a_line_that_says_so_presses_keys() -> None:
    """
    To any other it is a tool that does not exist.
    """
    script = talking() >> ResponseCreated("resp_1") >> calls(PRESS, digits="1") << None >> completed()
    assert "error" in told(script)
    assert [tool["name"] for tool in tools_of(PRESSING)] == [PRESS]
