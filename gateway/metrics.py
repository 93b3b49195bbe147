"""
Metrics for Prometheus: one declaration and one case each.

Labels come from closed sets; nothing that a caller or a server chooses becomes a label. Children are looked up once,
since a look-up costs more than the count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway.agent import HandOver, RunTool
from gateway.bridge import FrameCount
from gateway.call import Command, Event
from gateway.call.commands import (
    AcceptOutcome,
    HangUp,
    Limit,
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
    Result,
    TransferOutcome,
)
from gateway.call.events import FrameRejected, MessageTaken, ModelClosed
from gateway.costs import TOKEN_KINDS
from gateway.playback import BargeIn
from gateway.playback.items import Settled
from gateway.protocol.events import DtmfReceived, ErrorReceived, ItemTruncated, ResponseDone, ResponseStatus
from gateway.protocol.inputs import TruncateItem
from gateway.providers.events import DtmfPressed

WEBHOOK_OUTCOMES = (
    "answered",
    "unknown_number",
    "rejected",
    "not_answered",
    "busy",
    "bad_signature",
    "malformed",
    "duplicate",
    "draining",
    "ignored",
)
STREAM_REFUSALS = ("bad_signature", "no_start", "bad_token", "duplicate", "malformed")
TRUNCATE_OUTCOMES = ("heard", "unheard", "left_alone", "confirmed", "refused")
DISMISSALS = ("noise", "backchannel", "echo")
RELOADS = ("reloaded", "refused")
BLAMES = ("provider", "model", "gateway")
BY_SERVER = "server"
"""Where the server itself plays to the caller, it knows."""
OUR_FAULTS = ("internal_error", "agent_failed")
"""Why calls fail that nobody else can be blamed for."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

_ROUND_TRIPS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_SETTLING_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_CORRECTIONS_S = (-0.2, -0.1, -0.05, -0.02, -0.01, -0.005, 0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_SPEECH_TO_CLEAR_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)
_RESUMED_AFTER_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 2.0)
_DEAD_AIR_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class _Frames(Collector):
    """What a frame count says when it is scraped."""

    def __init__(self, frames: FrameCount) -> None:
        self._frames = frames

    def collect(self) -> Iterator[Metric]:
        frames = CounterMetricFamily("gateway_frames", "Frames of audio carried, by direction.", labels=("direction",))
        frames.add_metric(("inbound",), self._frames.inbound)
        frames.add_metric(("outbound",), self._frames.outbound)
        yield frames


class Metrics:
    """Everything that one gateway counts; looks on at every call."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = self._counters("calls", "Calls that ended, by how.", "result", get_args(Result))
        self.active = Gauge("gateway_calls_active", "Calls under way.", registry=self._registry)
        self.frames = FrameCount()
        """Counted without the library, which would cost more than the frame."""
        self._registry.register(_Frames(self.frames))
        self._barge_ins = self._counters(
            "barge_ins",
            "Interruptions, by what told how far the caller had listened.",
            "settled_by",
            (*get_args(Settled), BY_SERVER),
        )
        self._truncates = self._counters("truncates", "What became of interrupted items.", "outcome", TRUNCATE_OUTCOMES)
        self._errors = self._counters("errors", "Faults, by who is to blame.", "blame", BLAMES)
        self._responses = self._counters(
            "responses", "Responses that ended, by status.", "status", get_args(ResponseStatus)
        )
        self._webhooks = self._counters("webhooks", "Webhooks, by outcome.", "outcome", WEBHOOK_OUTCOMES)
        self._reloads = self._counters(
            "config_reloads", "Configurations that were read anew, by outcome.", "outcome", RELOADS
        )
        self._config = Gauge(
            "gateway_config_info", "The configuration that new calls begin with.", ("sha",), registry=self._registry
        )
        self._config_stale = Gauge(
            "gateway_config_stale", "1 while the files were changed and are refused.", registry=self._registry
        )
        self._refused = self._counters(
            "streams_refused", "Media streams that were turned away, by why.", "reason", STREAM_REFUSALS
        )
        self._dismissed = self._counters(
            "barge_ins_dismissed", "Sounds that were no barge-in, by what they were taken for.", "verdict", DISMISSALS
        )
        self._tokens = self._counters("tokens", "Tokens that calls used, by kind.", "kind", TOKEN_KINDS)
        self._cost = self._counter("cost", "What calls cost, in the currency of the price table.")
        self._dtmf = self._counter("dtmf", "Keys that callers pressed.")
        self._messages = self._counter("messages_taken", "Messages that callers left.")
        self._flushed_marks = self._counter("flushed_marks", "Marks that came back because a clear threw them away.")
        self._late_deltas = self._counter("late_deltas", "Pieces of speech that came after the caller had cut it off.")
        self._receipts = self._counter("receipts", "Segments that had to be heard, and were.")
        self._tool_calls = self._counter("tool_calls", "Tools that agents had run.")
        self._handoffs = self._counter("handoffs", "Handoffs from one agent to another that were wanted.")
        self._guardrails = self._counter("guardrails_tripped", "Times that an agent was cut for what it said.")
        self._accepts = self._counters(
            "sip_accepts",
            "Calls that came by SIP and were to be accepted, by outcome.",
            "outcome",
            get_args(AcceptOutcome),
        )
        self._transfers = self._counters(
            "transfers", "Calls that were to be passed on, by outcome.", "outcome", get_args(TransferOutcome)
        )
        self._hang_ups = self._counter("agent_hang_ups", "Calls that the agent ended, or a limit.")
        self._limited = self._counters(
            "calls_limited", "Calls that were ended because of a limit, by which.", "limit", get_args(Limit)
        )
        self._round_trip = self._histogram(
            "mark_round_trip",
            "From the moment audio would have been played on the spot to the echo of its mark.",
            _ROUND_TRIPS_S,
        )
        self._settling = self._histogram(
            "barge_in_settled", "From the clear to knowing what the caller heard.", _SETTLING_S
        )
        self._correction = self._histogram(
            "barge_in_correction", "How much further than by the clock the caller had listened.", _CORRECTIONS_S
        )
        self._speech_to_clear = self._histogram(
            "speech_to_clear",
            "From the start of the caller's speech to the clear, in the caller's audio.",
            _SPEECH_TO_CLEAR_S,
        )
        self._resumed_after = self._histogram(
            "resumed_after", "For how long the agent was stopped for nothing before it went on.", _RESUMED_AFTER_S
        )
        self._dead_air = self._histogram(
            "dead_air", "For how long callers waited for the agent and heard nothing.", _DEAD_AIR_S
        )

    def _counters(self, name: str, text: str, label: str, values: Iterable[str]) -> dict[str, Counter]:
        """One counter for each value that the label can have; all of them are shown from the start."""
        counter = Counter(f"gateway_{name}", text, (label,), registry=self._registry)
        return {value: counter.labels(value) for value in values}

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"gateway_{name}", text, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets_s: Sequence[float]) -> Histogram:
        return Histogram(f"gateway_{name}_seconds", text, buckets=buckets_s, registry=self._registry)

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)

    def webhook(self, outcome: str) -> None:
        """A webhook was answered."""
        self._webhooks[outcome].inc()

    def configured(self, sha: str) -> None:
        """New calls begin with a configuration of that hash; there is one at a time."""
        self._config.clear()
        if sha:
            self._config.labels(sha).set(1)

    def reloaded(self, sha: str) -> None:
        """The configuration was exchanged."""
        self._reloads["reloaded"].inc()
        self._config_stale.set(0)
        self.configured(sha)

    def reload_refused(self) -> None:
        """The configuration was changed and cannot be used."""
        self._reloads["refused"].inc()
        self._config_stale.set(1)

    def reload_in_vain(self) -> None:
        """What could not be used was put back."""
        self._config_stale.set(0)

    def stream_refused(self, reason: str) -> None:
        """A media stream was turned away."""
        self._refused[reason].inc()

    def spent(self, tokens: Mapping[str, int], cost: Decimal | None) -> None:
        """A call used tokens of these kinds; a cost that is not known is not counted."""
        for kind, count in tokens.items():
            self._tokens[kind].inc(count)
        self._cost.inc(float(cost or 0))

    def event(self, event: Event) -> None:
        """Count what happened to a call."""
        match event:
            case FrameRejected(side):
                self._errors[side].inc()
            case ModelClosed("model_unavailable" | "model_lost") | ErrorReceived():
                self._errors["model"].inc()
            case ItemTruncated():
                self._truncates["confirmed"].inc()
            case ResponseDone(_, status):
                self._responses[status].inc()
            case DtmfPressed() | DtmfReceived():
                self._dtmf.inc()
            case MessageTaken():
                self._messages.inc()

    def command(self, command: Command) -> None:
        """Count what was done in a call."""
        match command:
            case NoteRoundTrip(round_trip_ms):
                self._round_trip.observe(round_trip_ms / 1000)
            case NoteFlushedMarks(count):
                self._flushed_marks.inc(count)
            case NoteBargeIn(barge_in):
                self._barge_in(barge_in)
            case NoteCleared(after_speech_ms):
                self._speech_to_clear.observe(after_speech_ms / 1000)
            case NoteDismissed(verdict):
                self._dismissed[verdict].inc()
            case NoteResumed(silent_ms):
                self._resumed_after.observe(silent_ms / 1000)
            case NoteLateDelta():
                self._late_deltas.inc()
            case NoteDeadAir(length_ms):
                self._dead_air.observe(length_ms / 1000)
            case NoteReceipt():
                self._receipts.inc()
            case TruncateItem(_, _, audio_end_ms):
                self._truncates["heard" if audio_end_ms else "unheard"].inc()
            case NoteTruncateRefused():
                self._truncates["refused"].inc()
            case RunTool():
                self._tool_calls.inc()
            case HandOver():
                self._handoffs.inc()
            case NoteGuardrailTripped():
                self._guardrails.inc()
            case NoteAccept(outcome):
                self._accepts[outcome].inc()
            case NoteTransfer(outcome):
                self._transfers[outcome].inc()
            case NoteInterrupted():
                self._barge_ins[BY_SERVER].inc()
            case NoteLimited(limit):
                self._limited[limit].inc()
            case HangUp():
                self._hang_ups.inc()
            case NoteEnded(result, reason):
                self._calls[result].inc()
                if reason in OUR_FAULTS:
                    self._errors["gateway"].inc()

    def _barge_in(self, barge_in: BargeIn) -> None:
        self._barge_ins[barge_in.settled_by].inc()
        self._settling.observe(barge_in.waited_ms / 1000)
        self._truncates["left_alone"].inc(barge_in.left_alone)
        if barge_in.settled_by == "flushed_echo":
            self._correction.observe(barge_in.correction_ms / 1000)
