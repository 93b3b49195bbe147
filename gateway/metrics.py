"""
Metrics for Prometheus: one declaration and one case each.

Labels come from closed sets; nothing that a caller or a server chooses becomes a label. Children are looked up once,
since a look-up costs more than the count.
"""

from collections.abc import Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from gateway.bridge import FrameCount
from gateway.call import Command, Event
from gateway.call.commands import NoteBargeIn, NoteEnded, NoteRoundTrip, NoteTruncateRefused, Result
from gateway.call.events import FrameRejected, ModelClosed
from gateway.playback import BargeIn
from gateway.playback.items import Settled
from gateway.providers.events import DtmfPressed
from gateway.realtime.events import ErrorReceived, ItemTruncated, ResponseDone, ResponseStatus

WEBHOOK_OUTCOMES = ("answered", "unknown_number", "bad_signature", "malformed")
STREAM_REFUSALS = ("bad_signature", "no_start", "bad_token", "duplicate", "malformed")
TRUNCATE_OUTCOMES = ("heard", "unheard", "left_alone", "confirmed", "refused")
BLAMES = ("provider", "model", "gateway")

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

_ROUND_TRIPS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
_SETTLING_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


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
            "barge_ins", "Interruptions, by what told how far the caller had listened.", "settled_by", get_args(Settled)
        )
        self._truncates = self._counters("truncates", "What became of interrupted items.", "outcome", TRUNCATE_OUTCOMES)
        self._errors = self._counters("errors", "Faults, by who is to blame.", "blame", BLAMES)
        self._responses = self._counters(
            "responses", "Responses that ended, by status.", "status", get_args(ResponseStatus)
        )
        self._dtmf = Counter("gateway_dtmf", "Keys that callers pressed.", registry=self._registry)
        self._webhooks = self._counters("webhooks", "Voice webhooks, by outcome.", "outcome", WEBHOOK_OUTCOMES)
        self._refused = self._counters(
            "streams_refused", "Media streams that were turned away, by why.", "reason", STREAM_REFUSALS
        )
        self._round_trip = Histogram(
            "gateway_mark_round_trip_seconds",
            "From the moment audio would have been played on the spot to the echo of its mark.",
            buckets=_ROUND_TRIPS_S,
            registry=self._registry,
        )
        self._settling = Histogram(
            "gateway_barge_in_settled_seconds",
            "From the clear to knowing what the caller heard.",
            buckets=_SETTLING_S,
            registry=self._registry,
        )

    def _counters(self, name: str, text: str, label: str, values: Iterable[str]) -> dict[str, Counter]:
        """One counter for each value that the label can have; all of them are shown from the start."""
        counter = Counter(f"gateway_{name}", text, (label,), registry=self._registry)
        return {value: counter.labels(value) for value in values}

    def render(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self._registry)

    def webhook(self, outcome: str) -> None:
        """A voice webhook was answered."""
        self._webhooks[outcome].inc()

    def stream_refused(self, reason: str) -> None:
        """A media stream was turned away."""
        self._refused[reason].inc()

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
            case DtmfPressed():
                self._dtmf.inc()

    def command(self, command: Command) -> None:
        """Count what was done in a call."""
        match command:
            case NoteRoundTrip(round_trip_ms):
                self._round_trip.observe(round_trip_ms / 1000)
            case NoteBargeIn(barge_in):
                self._barge_in(barge_in)
            case NoteTruncateRefused():
                self._truncates["refused"].inc()
            case NoteEnded(result):
                self._calls[result].inc()
                if result == "failed":
                    self._errors["gateway"].inc()

    def _barge_in(self, barge_in: BargeIn) -> None:
        self._barge_ins[barge_in.settled_by].inc()
        self._settling.observe(barge_in.waited_ms / 1000)
        self._truncates["left_alone"].inc(barge_in.left_alone)
        for cut in barge_in.cuts:
            self._truncates["heard" if cut.audio_end_ms else "unheard"].inc()
