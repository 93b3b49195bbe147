"""What an agent must not say is cut off while it says it."""

import asyncio
from itertools import pairwise

import pytest

from gateway.realtime import (
    AssistantMessageItem,
    GuardrailFunctionOutput,
    OutputGuardrail,
    RealtimeAgent,
    RealtimeAgentEndEvent,
    RealtimeAudio,
    RealtimeAudioInterrupted,
    RealtimeGuardrailTripped,
    RealtimeModelSendInterrupt,
    RealtimeModelSendUserInput,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeRunConfig,
    RealtimeSession,
    UserMessageItem,
    output_guardrail,
)
from gateway.sim.realtime import RealtimeServer
from tests.realtime.puppet import Puppet, audio
from tests.realtime.talk import Diary, acts, says, sent, talk

SECRET = "The word that opens the safe is rosebud, and now you know it as well as I do."
OFTEN: RealtimeRunConfig = {"guardrails_settings": {"debounce_text_length": 20}}


@output_guardrail
async def no_secrets(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
    """Trips over the secret."""
    return GuardrailFunctionOutput(output_info="secret", tripwire_triggered="rosebud" in output)


@pytest.mark.parametrize("dialect", ["ga", "beta"])
@pytest.mark.parametrize("everybodys", [True, False])
async def test_an_agent_that_says_what_it_must_not_is_cut_off(dialect: str, everybodys: bool) -> None:
    """
    Once: the response is cancelled, what was not heard is forgotten, and the agent is told to say something else;
    whether the guardrail is the agent's or everybody's.
    """
    agent = RealtimeAgent("Ada", output_guardrails=[] if everybodys else [no_secrets])
    config: RealtimeRunConfig = {**OFTEN, "output_guardrails": [no_secrets] if everybodys else []}
    async with (
        RealtimeServer(acts((says(SECRET, 3000),), (says("Good day."),), speed=2, dialect=dialect)) as server,
        talk(server, agent, config) as (session, diary, far),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert [kind for kind in diary.kinds if kind not in {"audio", "audio_end"}] == [
            "agent_start",
            "guardrail_tripped",
            "audio_interrupted",
            "agent_end",
            "agent_start",
            "agent_end",
        ]
        tripped = diary.all(RealtimeGuardrailTripped)[0]
        assert [result.guardrail for result in tripped.guardrail_results] == [no_secrets]
        assert tripped.guardrail_results[0].output.output_info == "secret"
        assert "rosebud" in tripped.message
        assert sent(far)[3:] == [
            "response.cancel",
            "conversation.item.truncate",
            "conversation.item.create",
            "response.create",
        ]
        assert [cut.outcome for cut in far.truncations] == ["accepted"]
        said = [item for item in session.history if isinstance(item, AssistantMessageItem)]
        assert [item.status for item in said] == ["incomplete", "completed"]
        asked = [item for item in session.history if isinstance(item, UserMessageItem)]
        assert asked[-1].content[0].text == "guardrail triggered: no_secrets"  # type: ignore[union-attr]  # it is text


async def test_what_is_found_when_the_response_is_over_still_stops_the_speech() -> None:
    """
    It is generated faster than it is heard: there is nothing to cancel, and much to forget.
    """
    agent = RealtimeAgent("Ada", output_guardrails=[no_secrets])
    async with (
        RealtimeServer(acts((says("It is rosebud.", 8000),), (says("Good day."),), speed=100)) as server,
        talk(server, agent) as (session, diary, far),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert len(diary.all(RealtimeGuardrailTripped)) == len(diary.all(RealtimeAudioInterrupted)) == 1
        assert "response.cancel" not in sent(far)
        assert len(far.truncations) == 1


async def test_what_may_be_said_is_heard_to_the_end() -> None:
    """
    A guardrail that finds nothing changes nothing.
    """
    agent = RealtimeAgent("Ada", output_guardrails=[no_secrets])
    async with (
        RealtimeServer(acts((says("I know of no word that opens any safe.", 400),), speed=20)) as server,
        talk(server, agent, OFTEN) as (session, diary, far),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAgentEndEvent)
        assert sum(len(event.audio.data) for event in diary.all(RealtimeAudio)) == 8 * 400
        assert sent(far).count("response.create") == 1


async def test_guardrails_look_once_for_every_so_many_characters() -> None:
    """
    Each time at all that was said, and at the end at what is left.
    """
    looked: asyncio.Queue[str] = asyncio.Queue()

    @output_guardrail
    async def look(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        looked.put_nowait(output)
        return GuardrailFunctionOutput(None, tripwire_triggered=False)

    agent = RealtimeAgent("Ada", output_guardrails=[look])
    async with (
        RealtimeServer(acts((says(SECRET),))) as server,
        talk(server, agent, OFTEN) as (session, diary, _),
    ):
        await session.send_message("Tell me.")
        await diary.until(RealtimeAgentEndEvent)
        seen = [await looked.get()]
        while seen[-1] != SECRET:
            seen.append(await looked.get())
        lengths = [0, *map(len, seen)]
        steps = [after - before for before, after in pairwise(lengths)]
        assert all(step >= 20 for step in steps[:-1])
        assert all(SECRET.startswith(text) for text in seen)
        assert looked.empty()


async def test_a_response_trips_once_however_many_guardrails_find_something() -> None:
    """
    And only that response is cut; the next one may trip again.
    """

    def objects(context: object, agent: object, output: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered=True)

    both = [OutputGuardrail(objects, "one"), OutputGuardrail(objects, "other")]
    puppet = Puppet()
    config: RealtimeRunConfig = {"guardrails_settings": {"debounce_text_length": 1}, "output_guardrails": both}
    async with RealtimeSession(puppet, RealtimeAgent("Ada"), run_config=config) as session:
        diary = Diary(session)
        for turn in (1, 2):
            name = f"resp_{turn}"
            await puppet.tell(
                RealtimeModelTurnStartedEvent(name),
                audio(f"item_{turn}", response_id=name),
                *[RealtimeModelTranscriptDeltaEvent(f"item_{turn}", "word ", name)] * 5,
            )
            interrupt = await puppet.next_sent(RealtimeModelSendInterrupt)
            assert (interrupt.force_response_cancel, interrupt.response_id) == (True, name)
            message = await puppet.next_sent(RealtimeModelSendUserInput)
            assert message.user_input in {"guardrail triggered: one", "guardrail triggered: other"}
            await puppet.tell(RealtimeModelTurnEndedEvent(name))
        await diary.until(RealtimeAgentEndEvent, times=2)
        assert len(diary.all(RealtimeGuardrailTripped)) == 2
        assert len(puppet.sent) == 4
    await diary.reading
