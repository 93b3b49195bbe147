"""What a run comes to: the errors in ms, and how many items met which fate."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from gateway.sim.verdict import Judgement, Verdict

Figures = dict[str, float | int]


def percentile(values: Sequence[float], share: float) -> float:
    """
    The value that *share* of all do not exceed.

    >>> percentile([1, 2, 3, 4], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def audible_errors_ms(verdicts: Iterable[Verdict]) -> list[float]:
    """How far the cuts of items that were heard at all are from what was heard; above nothing when too late."""
    return [verdict.error_ms for verdict in verdicts if verdict.error_ms is not None and verdict.heard_ms]


def summary(verdicts: Sequence[Verdict]) -> Figures:
    """The figures of one run, in ms."""
    audible_ms = audible_errors_ms(verdicts)
    sizes_ms = [abs(error_ms) for error_ms in audible_ms]
    counts = Counter(verdict.judgement for verdict in verdicts)
    return {
        "cuts": sum(verdict.truncated_ms is not None for verdict in verdicts),
        "cuts_of_audible_items": len(audible_ms),
        "error_p50_ms": round(percentile(sizes_ms, 0.50), 1),
        "error_p95_ms": round(percentile(sizes_ms, 0.95), 1),
        "error_max_ms": round(max(sizes_ms), 1),
        "error_mean_ms": round(statistics.fmean(audible_ms), 1),
        **{judgement.name.lower(): counts[judgement] for judgement in Judgement},
    }
