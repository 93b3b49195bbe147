"""
Is what comes from the caller our own voice, come back, and nothing else?

A phone without echo cancellation sends back what it plays: later, fainter, filtered, in the noise of its room. Four
steps:

1. Find the delay, roughly: both sounds are narrowed to 300 to 800 Hz and thinned to 1.6 kHz, and the loudest stretch
   of what was heard is held against every moment of what was played.
2. Find it to the sample, near the first answer, in sounds whose treble is raised twice: voices repeat themselves at
   their pitch, and the lowest frequencies cannot tell one period from the next.
3. Fit the filter that a loudspeaker is, and take its output away from what was heard (`echo_filter`).
4. Look at what is left, 20 ms at a time. Noise is there all the time and about as loud in every frame, and a
   residue of the echo is as loud as the echo lets it be. Whatever stands out from both is someone who speaks.

To take a caller for an echo is the worst that can happen here, so every doubt counts as a caller: an echo that a
codec or an overdriven loudspeaker has bent beyond a linear filter is not recognised.
"""

import audioop
from dataclasses import dataclass

from gateway.audio.echo_filter import LEAD, TAPS, fitted, without
from gateway.audio.g711 import BYTES_PER_MS
from gateway.audio.pcm import FRAME_SAMPLES, coherence, levelled, levels
from gateway.audio.voicing import HISTORY_SAMPLES, is_voiced

LONGEST_DELAY_MS = 720
SHORTEST_BYTES = 200 * BYTES_PER_MS
LONGEST_BYTES = 400 * BYTES_PER_MS
"""More of the caller's audio than this says nothing more, and costs more."""
FAINTEST_RMS = 10
LEVEL_RMS = 1500
COARSE_RMS = 200
"""Leaves room for what the coarse filter adds up."""
TREBLE = -0.9
THINNING = 5
COARSE_SPAN = 280
FINE_SPAN = 1120
SPAN_STEPS = 10
NEAR = 96
"""Samples, 12 ms, by which the rough delay may be wrong."""
AS_BEFORE = 20
"""Samples, 2.5 ms, by which an echo may be later or earlier than the one before: less than half a voice's period."""
WEAKEST_MATCH = 0.1
FROM_LAGS = range(LONGEST_DELAY_MS * BYTES_PER_MS // THINNING)
REACH = LONGEST_DELAY_MS * BYTES_PER_MS + NEAR + 2 * TAPS

NOISE_RANK = 0.1
"""So many of all frames are taken to hold no one's voice, once the echo is gone."""
NOISE_SPREAD = 1.3
MOST_NOISE = 0.2
"""Of the echo's energy."""
FAINT_NOISE = 0.035
"""Of the echo's energy; noise above it must not be voiced, or it is someone who speaks as evenly."""
MOST_VOICED = 0.35
RESIDUE = 0.2
"""Of the echo's amplitude."""
LEAST_ECHO = 0.6
MOST_EXCESS = 0.008
MOST_EXCESS_AT_ONCE = 0.05


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much of what was heard is an echo of what was played."""

    score: float
    """Share of the energy that the echo explains, from 0 to 1."""
    delay_ms: float
    """Of the echo, if there is one."""
    echo_only: bool
    """There is an echo, and nothing besides it but even noise."""


NO_LIKENESS = Likeness(0.0, 0.0, echo_only=False)


def likeness(inbound: bytes, played: bytes, *, expected_ms: float | None = None) -> Likeness:
    """
    Hold the caller's last 300 to 600 ms against what the provider played in about 1.2 s, both until now, in mu-law.

    A phone's echo is always as late: where one was late by *expected_ms*, another is looked for there first.

    >>> likeness(bytes(4000), b"")
    Likeness(score=0.0, delay_ms=0.0, echo_only=False)
    """
    heard, said = audioop.ulaw2lin(inbound[-LONGEST_BYTES:], 2), audioop.ulaw2lin(played, 2)
    if len(inbound) < SHORTEST_BYTES or min(audioop.rms(heard, 2), audioop.rms(said, 2)) < FAINTEST_RMS:
        return NO_LIKENESS
    heard, said = levelled(heard, LEVEL_RMS), levelled(_long_enough(said, len(heard)), LEVEL_RMS)
    if expected_ms is not None:
        lag = int(expected_ms * BYTES_PER_MS)
        again = _compare(heard, said, range(max(0, lag - AS_BEFORE), lag + AS_BEFORE))
        if again.echo_only:
            return again
    roughly, _ = _best_lag(_thinned(heard), _thinned(said), FROM_LAGS, COARSE_SPAN)
    return _compare(heard, said, range(max(0, THINNING * roughly - NEAR), THINNING * roughly + NEAR))


def _long_enough(said: bytes, heard_length: int) -> bytes:
    length = heard_length + 2 * REACH
    return said[-length:].rjust(length, b"\0")


def _compare(heard: bytes, said: bytes, near: range) -> Likeness:
    bright_heard, bright_said = _brightened(heard), _brightened(said)
    lag, match = _best_lag(_brightened(bright_heard), _brightened(bright_said), near, FINE_SPAN)
    if match < WEAKEST_MATCH:
        return Likeness(match, lag / BYTES_PER_MS, echo_only=False)
    first_lag = max(0, lag - LEAD)
    taps = fitted(bright_heard, bright_said, first_lag)
    rest = without(heard, said, taps, first_lag)
    echo = audioop.add(heard, audioop.mul(rest, 2, -1), 2)
    score = min(1.0, _energy(levels(echo)) / max(1, _energy(levels(heard))))
    return Likeness(score, lag / BYTES_PER_MS, echo_only=score > LEAST_ECHO and _nothing_else(heard, echo, rest))


def _nothing_else(heard: bytes, echo: bytes, rest: bytes) -> bool:
    """Whether what is *rest* is even noise and residue."""
    echo_levels, rest_levels = levels(echo), levels(rest)
    frames = len(rest_levels)
    noise = sorted(rest_levels)[int(NOISE_RANK * frames)]
    noise_to_echo = noise**2 * frames / max(1, _energy(echo_levels))
    excess = _excess(rest_levels, echo_levels, noise)
    at_once = max(sum(excess[index : index + 3]) for index in range(frames - 2)) / 3
    energy = _energy(levels(heard))
    return (
        noise_to_echo < MOST_NOISE
        and sum(excess) < MOST_EXCESS * energy
        and at_once < MOST_EXCESS_AT_ONCE * energy / frames
        and (noise_to_echo < FAINT_NOISE or _voiced_share(rest) < MOST_VOICED)
    )


def _excess(rest_levels: list[int], echo_levels: list[int], noise: int) -> list[float]:
    """The energy in each frame that neither the noise accounts for, nor the echo in it and beside it."""
    beside = zip([0, *echo_levels], echo_levels, [*echo_levels[1:], 0], strict=False)
    allowed = [(NOISE_SPREAD * noise) ** 2 + (RESIDUE * max(around)) ** 2 for around in beside]
    return [max(0.0, level**2 - most) for level, most in zip(rest_levels, allowed, strict=True)]


def _voiced_share(pcm: bytes) -> float:
    ends = range(2 * HISTORY_SAMPLES, len(pcm) + 1, 4 * FRAME_SAMPLES)
    return sum(is_voiced(pcm[end - 2 * HISTORY_SAMPLES : end]) for end in ends) / len(ends)


def _best_lag(heard: bytes, said: bytes, lags: range, span: int) -> tuple[int, float]:
    """At which lag the loudest *span* samples of *heard* are most like *said*, and how like."""
    span = min(span, len(heard) // 2)
    start = _loudest(heard, span)
    reference = heard[2 * start : 2 * (start + span)]
    origin = len(said) // 2 - len(heard) // 2 + start
    # Silence would be divided by its energy, which is why none is left.
    stretch = audioop.bias(said[2 * (origin - lags[-1]) : 2 * (origin + span - lags[0])], 2, 1)
    offset, _ = audioop.findfit(stretch, reference)
    return lags[-1] - offset, coherence(stretch[2 * offset : 2 * (offset + span)], reference)


def _loudest(pcm: bytes, span: int) -> int:
    starts = range(0, len(pcm) // 2 - span + 1, max(1, span // SPAN_STEPS))
    return max(starts, key=lambda start: int(audioop.rms(pcm[2 * start : 2 * (start + span)], 2)))


def _brightened(pcm: bytes) -> bytes:
    """Raise the treble by about 6 dB an octave."""
    return bytes(audioop.add(pcm, audioop.mul(_late(pcm, 1), 2, TREBLE), 2))


def _thinned(pcm: bytes) -> bytes:
    """Every fifth sample of what is left from 300 to 800 Hz: a difference, then running sums of 8 and of 4."""
    pcm = levelled(pcm, COARSE_RMS)
    pcm = audioop.add(pcm, audioop.mul(_late(pcm, 1), 2, -1), 2)
    for lag in (1, 2, 4, 1, 2):
        pcm = audioop.add(pcm, _late(pcm, lag), 2)
    return memoryview(pcm).cast("h")[::THINNING].tobytes()


def _late(pcm: bytes, lag: int) -> bytes:
    return bytes(2 * lag) + pcm[: -2 * lag]


def _energy(frame_levels: list[int]) -> int:
    return sum(level * level for level in frame_levels)
