"""
The filter that turns what was played into what came back, by least squares.

Of all filters of `TAPS` taps the one is found that leaves the least when its output is taken from what was heard.
Taps that few can follow a loudspeaker, a hybrid and a delay between two samples, and cannot follow a second voice.

The covariances are exact: the first row is measured in C, and the others follow from it, since shifting both
signals by one sample lets one product in and another out. The equations are then solved by Cholesky's
decomposition.
"""

import audioop
import math
from operator import mul

from gateway.audio.pcm import delayed

TAPS = 24
LEAD = 8
"""Taps before the loudest one."""
RIDGE = 1e-3
"""Share of the energy by which the diagonal is raised, so that there is one answer."""

Matrix = list[list[float]]


def fitted(heard: bytes, said: bytes, first_lag: int) -> list[float]:
    """The taps, the first for *first_lag*, that make the end of *said* most like *heard*; none if nothing was said."""
    count = len(heard) // 2
    shifted = [delayed(said, first_lag + tap, count) for tap in range(TAPS)]
    energy = audioop.rms(shifted[0], 2) ** 2 * count
    if not energy:
        return []
    row = [audioop.findfactor(one, shifted[0]) * energy for one in shifted]
    matrix = _covariances(row, said, first_lag, count)
    wanted = [
        audioop.findfactor(heard, one) * matrix[tap][tap] if audioop.rms(one, 2) else 0.0
        for tap, one in enumerate(shifted)
    ]
    for tap in range(TAPS):
        matrix[tap][tap] += RIDGE * energy
    return _solved(matrix, wanted)


def without(heard: bytes, said: bytes, taps: list[float], first_lag: int) -> bytes:
    """What is left of *heard* without the echo of *said*."""
    count = len(heard) // 2
    for lag, tap in enumerate(taps, start=first_lag):
        heard = audioop.add(heard, audioop.mul(delayed(said, lag, count), 2, -tap), 2)
    return heard


def _covariances(first_row: list[float], said: bytes, first_lag: int, count: int) -> Matrix:
    end = len(said) // 2 - first_lag
    samples = memoryview(said).cast("h")
    entering = samples[end - count - TAPS : end - count].tolist()[::-1]
    leaving = samples[end - TAPS : end].tolist()[::-1]
    rows = [first_row]
    for tap in range(1, TAPS):
        enters, leaves = entering[tap - 1], leaving[tap - 1]
        above = zip(rows[-1], entering, leaving, strict=True)
        rows.append([first_row[tap], *(was + enters * new - leaves * old for was, new, old in above)][:TAPS])
    return rows


def _solved(matrix: Matrix, wanted: list[float]) -> list[float]:
    triangle = _triangle(matrix)
    between: list[float] = []
    for row, value in zip(triangle, wanted, strict=True):
        between.append((value - sum(map(mul, row, between))) / row[-1])
    solution: list[float] = []
    for index in reversed(range(len(wanted))):
        column = [row[index] for row in reversed(triangle[index + 1 :])]
        solution.append((between[index] - sum(map(mul, column, solution))) / triangle[index][index])
    return solution[::-1]


def _triangle(matrix: Matrix) -> Matrix:
    """Cholesky: the triangle that is *matrix* when multiplied by its own transpose."""
    triangle: Matrix = []
    for index, line in enumerate(matrix):
        row: list[float] = []
        for value, above in zip(line, triangle, strict=False):
            row.append((value - sum(map(mul, row, above))) / above[-1])
        pivot = line[index] - math.fsum(value * value for value in row)
        triangle.append([*row, math.sqrt(max(pivot, 1e-9 * line[index], 1e-9))])
    return triangle
