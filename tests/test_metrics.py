"""What a call notes is counted, and what is counted is written down."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.agent import HandOver, RunTool, ToolCall
from gateway.call.commands import (
    Command,
    HangUp,
    NoteAccept,
    NoteBargeIn,
    NoteCleared,
    NoteDeadAir,
    NoteDismissed,
    NoteEnded,
    NoteFlushedMarks,
    NoteGuardrailTripped,
    NoteInterrupted,
    NoteLateDelta,
    NoteLimited,
    NoteReceipt,
    NoteResumed,
    NoteRoundTrip,
    NoteTransfer,
    NoteTruncateRefused,
)
from gateway.call.segments import Receipt
from gateway.metrics import Metrics
from gateway.playback import BargeIn
from gateway.playback.items import Settled
from gateway.protocol.inputs import TruncateItem

CALL = ToolCall("call_1", "lookup", "{}")
DOCUMENTED = Path(__file__).parent.parent / "deploy" / "README.md"


def figures(metrics: Metrics) -> dict[str, float]:
    """All that is not zero, as `name` or `name{label}`; of histograms the count and the sum."""
    samples = [
        sample for family in text_string_to_metric_families(metrics.render().decode()) for sample in family.samples
    ]
    return {
        sample.name.removeprefix("gateway_") + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for sample in samples
        if sample.value and not sample.name.endswith("_bucket")
    }


def counted(*commands: Command) -> dict[str, float]:
    """What is counted of these."""
    metrics = Metrics()
    for command in commands:
        metrics.command(command)
    return figures(metrics)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (NoteRoundTrip(250.0), {"mark_round_trip_seconds_count": 1, "mark_round_trip_seconds_sum": 0.25}),
        (NoteFlushedMarks(3), {"flushed_marks_total": 3}),
        (NoteCleared(125.0), {"speech_to_clear_seconds_count": 1, "speech_to_clear_seconds_sum": 0.125}),
        (NoteDismissed("noise"), {"barge_ins_dismissed_total{noise}": 1}),
        (NoteDismissed("backchannel"), {"barge_ins_dismissed_total{backchannel}": 1}),
        (NoteDismissed("echo"), {"barge_ins_dismissed_total{echo}": 1}),
        (NoteResumed(500.0), {"resumed_after_seconds_count": 1, "resumed_after_seconds_sum": 0.5}),
        (NoteLateDelta(), {"late_deltas_total": 1}),
        (NoteDeadAir(1_500.0), {"dead_air_seconds_count": 1, "dead_air_seconds_sum": 1.5}),
        (NoteReceipt(Receipt("terms", "0" * 64, 0, 900, 950)), {"receipts_total": 1}),
        (TruncateItem("item_1", 0, 47), {"truncates_total{heard}": 1}),
        (TruncateItem("item_1", 0, 0), {"truncates_total{unheard}": 1}),
        (NoteLimited("no_input"), {"calls_limited_total{no_input}": 1}),
        (NoteTruncateRefused("item_1", "invalid_value"), {"truncates_total{refused}": 1}),
        (HangUp(), {"agent_hang_ups_total": 1}),
        (RunTool(CALL), {"tool_calls_total": 1}),
        (HandOver(CALL, "cakes"), {"handoffs_total": 1}),
        (NoteGuardrailTripped("no prices", "item_1"), {"guardrails_tripped_total": 1}),
        (NoteInterrupted(), {"barge_ins_total{server}": 1}),
        (NoteAccept("caller_left"), {"sip_accepts_total{caller_left}": 1}),
        (NoteTransfer("not_through"), {"transfers_total{not_through}": 1}),
        (NoteEnded("failed", "internal_error"), {"calls_total{failed}": 1, "errors_total{gateway}": 1}),
        (NoteEnded("failed", "agent_failed"), {"calls_total{failed}": 1, "errors_total{gateway}": 1}),
        (NoteEnded("failed", "attach_failed"), {"calls_total{failed}": 1}),
    ],
)
def test_every_note_is_counted(command: Command, expected: dict[str, float]) -> None:
    """
    What a call notes changes the figure that stands for it, by what it is, and no other.
    """
    assert counted(command) == expected


def settled(by: Settled, correction_ms: float = 0.0) -> NoteBargeIn:
    """A barge-in that took 250 ms to settle, over an item that had been heard."""
    return NoteBargeIn(BargeIn(by, (), 1, 250.0, correction_ms=correction_ms))


def test_corrections_are_signed() -> None:
    """
    A correction falls among those of its sign: 30 ms less than the clock says is not beside 30 ms more.
    """
    metrics = Metrics()
    for correction_ms in (-30.0, -30.0, 7.0):
        metrics.command(settled("flushed_echo", correction_ms))
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in families["gateway_barge_in_correction_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    assert (buckets[-0.05], buckets[-0.02], buckets[0.005], buckets[0.01]) == (0, 2, 2, 3)


def test_the_clock_does_not_correct_itself() -> None:
    """
    A barge-in that only the clock has settled counts as settled, but says nothing of how far the clock is off.
    """
    assert counted(settled("clock")) == {
        "barge_ins_total{clock}": 1,
        "truncates_total{left_alone}": 1,
        "barge_in_settled_seconds_count": 1,
        "barge_in_settled_seconds_sum": 0.25,
    }


def test_every_metric_is_written_down() -> None:
    """
    What is scraped and what the operators' page names are the same metrics, each with the label that it has.
    """
    metrics = Metrics()
    metrics.configured("0123456789ab")
    exposed = {
        (sample.name, *(label for label in sample.labels if label != "le"))
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }
    scraped = {(re.sub("_(bucket|count|sum)$", "", name), *labels) for name, *labels in exposed}
    found = re.findall(r"`(gateway_\w+)(?:\{(\w+)\})?`", DOCUMENTED.read_text())
    assert {(name, *([label] if label else [])) for name, label in found} == scraped
