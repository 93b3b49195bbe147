"""What single keys do, without the model."""

from dataclasses import replace

from gateway.agent import AgentProfile, ChangeAgent, HandOver, TookOver, ToolAnswered
from gateway.call.commands import ClearAudio, NoteTransfer, TransferCall
from gateway.call.events import TransferRefused
from gateway.call.plan import DigitRules, Menu, MenuKey, Transfer
from gateway.protocol.events import DtmfReceived, OutputAudioCleared, ResponseCreated, ResponseDone
from gateway.protocol.inputs import CancelResponse, ClearOutputAudio, CreateResponse, SendToolOutput, UpdateAgent
from gateway.providers.events import DtmfPressed
from tests.call import sip_script
from tests.call.script import PLAN, completed, on_the_phone, says, talking
from tests.call.test_digits import asking
from tests.call.test_limits import words_of

TO_GERMAN = {"type": "function", "name": "transfer_to_german", "parameters": {"type": "object"}}
ENGLISH = AgentProfile("english", "You speak English.", (TO_GERMAN,), {"transfer_to_german": "german"})
GERMAN = AgentProfile("german", "You speak German.")
DESK = Transfer("desk", "tel:+15550155", say="One moment.")
KEYS = {"1": MenuKey(handoff="german"), "2": MenuKey(say="We open at nine."), "0": MenuKey(transfer="desk")}
WITH_MENU = replace(PLAN, agent=ENGLISH, transfers=(DESK,), menu=Menu(KEYS, "That key does nothing."))


def test_a_key_has_words_said_in_place_of_what_is_being_said() -> None:
    """
    The agent is cut on the spot, and the words are asked for when its response is over.
    """
    script = on_the_phone(WITH_MENU) >> ResponseCreated("resp_1") >> says("item_1", 5_000) << ... >> 1_000
    script >> DtmfPressed("2") << ClearAudio() << CancelResponse("resp_1") << None >> 200 << ...
    script >> ResponseDone("resp_1", "cancelled") << CreateResponse << None
    assert words_of(script) == ["We open at nine."]


def test_a_key_hands_over_at_once() -> None:
    """
    The model, which knows nothing of it, is told who it is now, and speaks; it is told of no tool.
    """
    script = talking(WITH_MENU) >> DtmfPressed("1") << HandOver << None
    (over,) = script.of(HandOver)
    script >> TookOver(over.call.call_id, GERMAN) << ChangeAgent(GERMAN) << UpdateAgent << CreateResponse() << None
    script >> ResponseCreated("resp_1") >> completed() << None >> DtmfPressed("1") << None
    assert not script.of(SendToolOutput)


def test_a_handoff_that_fails_is_told_to_nobody() -> None:
    """
    The agent speaks, so that the caller is not left alone with a key; and the key can be pressed again.
    """
    script = talking(WITH_MENU) >> DtmfPressed("1") << HandOver << None
    script >> ToolAnswered(script.of(HandOver)[0].call.call_id, "broken") << CreateResponse() << None
    script >> ResponseCreated("resp_1") >> completed() << None >> DtmfPressed("1") << HandOver << None
    assert len({over.call.call_id for over in script.of(HandOver)}) == 2


def test_a_key_passes_the_call_on() -> None:
    """
    After the words of the destination; where that comes to nothing the caller can press another key.
    """
    script = talking(WITH_MENU) >> DtmfPressed("0") << CreateResponse << None >> ResponseCreated("resp_1") << None
    script >> completed() << TransferCall(DESK) << None >> TransferRefused() << NoteTransfer("refused") << None
    script >> DtmfPressed("2") << CreateResponse << None
    assert words_of(script) == ["One moment.", "We open at nine."]


def test_any_other_key_is_answered_as_the_line_says() -> None:
    """
    Or not at all.
    """
    assert words_of(talking(WITH_MENU) >> DtmfPressed("9") << CreateResponse) == ["That key does nothing."]
    talking(replace(WITH_MENU, menu=Menu(KEYS))) >> DtmfPressed("9") << None


def test_keys_that_the_model_has_asked_for_are_its_own() -> None:
    """
    As long as it waits for them.
    """
    script = asking(replace(WITH_MENU, digits=DigitRules()), count=2) >> DtmfPressed("2") << None >> DtmfPressed("0")
    script << SendToolOutput << CreateResponse() << None >> ResponseCreated("resp_2") >> completed("resp_2") << None
    script >> DtmfPressed("2") << CreateResponse << None
    assert words_of(script) == ["We open at nine."]


def test_calls_by_sip_have_the_menu_too() -> None:
    """
    Where the service throws away what it was playing.
    """
    plan = replace(sip_script.PLAN, menu=WITH_MENU.menu)
    script = sip_script.speaks(sip_script.talking(plan), "resp_1") << None >> DtmfReceived("2") << ClearOutputAudio()
    script << CreateResponse << None >> OutputAudioCleared("resp_1") << ...
    assert words_of(script) == ["We open at nine."]
