"""What a process cost and how fast it was, read from outside of it."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median

_TICKS_PER_S: int = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """One target under one load."""

    cpu_ms_per_call_second: float
    inbound_p50_ms: float
    inbound_p99_ms: float
    outbound_p50_ms: float
    outbound_p99_ms: float
    rss_kib_per_call: float
    lost_frames: float
    generator_cores: float
    """Share of a core that the generator took; near 1 it measured itself."""

    def as_dict(self) -> dict[str, float]:
        """By name, with the digits that mean something."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def medians(runs: Sequence[Figures]) -> Figures:
    """
    The median of every figure by itself, but the most that was lost: one run that loses is one too many.

    >>> both = medians([Figures(*[1.0] * 8), Figures(*[5.0] * 8), Figures(*[2.0] * 8)])
    >>> both.inbound_p50_ms, both.lost_frames
    (2.0, 5.0)
    """
    middle = {f.name: median(getattr(run, f.name) for run in runs) for f in fields(Figures)}
    return replace(Figures(**middle), lost_frames=max(run.lost_frames for run in runs))


def percentile(values: Sequence[float], percent: int) -> float:
    """
    The value that *percent* of all do not exceed; without values it is not a number.

    >>> percentile([4, 1, 3, 2], 50)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else float("nan")


def cpu_s(pid: int) -> float:
    """CPU time that a process has used, its own and the kernel's on its behalf."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / _TICKS_PER_S


def rss_kib(pid: int) -> int:
    """Memory of a process that is in RAM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


class Stopwatch:
    """CPU time of the target and of this process, and the time that passed, since it was made."""

    def __init__(self, pid: int) -> None:
        self._elapsed: tuple[Callable[[], float], ...] = (
            lambda: cpu_s(pid),
            time.process_time,
            time.perf_counter,
        )
        self._begin_s = tuple(clock() for clock in self._elapsed)

    def read_s(self) -> tuple[float, float, float]:
        """Target, this process, clock on the wall."""
        target_s, own_s, wall_s = (clock() - begin for clock, begin in zip(self._elapsed, self._begin_s, strict=True))
        return target_s, own_s, wall_s
