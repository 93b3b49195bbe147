"""Phone calls to lines whose agents and settings are in YAML."""

from __future__ import annotations

from pathlib import Path

from gateway.lines import load_lines
from gateway.sim.realtime import Call
from tests.e2e.exchange import NUMBER, entries, exchange, saying, sound
from tests.lines.folder import written

DESK = f"""\
line: test
numbers: {NUMBER}
language: de
variables: {{shop: Cycles}}
instructions: You are {{{{shop}}}}, called by {{{{caller}}}}.
handoffs: [billing]
agents: [billing]
speed: 1.25
max_output_tokens: 500
noise_reduction: far_field
transcription: {{model: whisper-1, prompt: Cycles}}
tool_choice: auto
tracing: {{workflow_name: desk}}
"""
BILLING = "handoff_description: Sends bills.\ninstructions: You send the bills of {{shop}}.\nhandoffs: [test]\n"


async def test_the_model_is_set_up_as_the_line_says(tmp_path: Path) -> None:
    """
    With its gaps filled, and with every setting that it names.
    """
    (line,) = load_lines(written(tmp_path, {"lines/test.yaml": DESK, "agents/billing.yaml": BILLING}))
    keys = {name: getattr(line, name) for name in line.model_fields_set}
    async with (
        exchange(saying((sound(200),)), **{**keys, "greeting": "Hello."}) as ex,
        ex.call(caller="+15550100") as (phone, session),
    ):
        await phone.hears(at_least_ms=100)
        config = session.config.view()
        await phone.hang_up()
    assert config["instructions"] == "You are Cycles, called by +15550100."
    assert config["audio"]["output"]["speed"] == 1.25
    assert config["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert config["audio"]["input"]["transcription"] == {"model": "whisper-1", "language": "de", "prompt": "Cycles"}
    assert (config["max_output_tokens"], config["tool_choice"]) == (500, "auto")
    assert config["tracing"] == {"workflow_name": "desk"}
    assert "reasoning" not in config


async def test_a_shared_agent_takes_over_and_hands_back(tmp_path: Path) -> None:
    """
    As agents in Python do.
    """
    (line,) = load_lines(written(tmp_path, {"lines/test.yaml": DESK, "agents/billing.yaml": BILLING}))
    keys = {name: getattr(line, name) for name in line.model_fields_set}
    replies = saying((Call("transfer_to_billing", {}),), (Call("transfer_to_test", {}),), (sound(300),))
    async with exchange(replies, **{**keys, "greeting": "Hello."}) as ex:
        async with ex.call(caller="+15550100") as (phone, session):
            await phone.hears(at_least_ms=200)
            await phone.hang_up()
        handed = [entry["text"] for entry in await entries(ex, phone, "handed_over")]
    updates = [event.event["session"] for event in session.received if event.type == "session.update"]
    said = [update["instructions"] for update in updates if "instructions" in update]
    first, second = "You are Cycles, called by +15550100.", "You send the bills of Cycles."
    assert handed == ["billing", "test"]
    assert said == [first, second, first]
