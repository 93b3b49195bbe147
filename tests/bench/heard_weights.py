"""
Where the weights in `gateway.playback.speaking_time` come from.

    python -m tests.bench.heard_weights

Least squares over the words of half of the replies, in one voice of each synthesiser: how many ms a letter, a digit, a
sign, and the slowing in front of a comma or a full stop add to a word; and how long the rest behind these is.
"""

from itertools import pairwise
from statistics import fmean

from tests.bench.heard_replies import TO_FIND_WEIGHTS
from tests.bench.word_times import Word, word_times

VOICES = ("flite slt", "espeak en-us+f3")
COMMAS, STOPS, SIGNS = ",;:", ".!?", "$%€£@&+#"


def features(word: str) -> tuple[float, ...]:
    """Letters, digits, signs, whether it slows down."""
    return (
        sum(map(str.isalpha, word)),
        sum(map(str.isdecimal, word)),
        sum(sign in SIGNS for sign in word),
        word[-1] in COMMAS + STOPS,
    )


def least_squares(rows: list[tuple[float, ...]], wanted: list[float]) -> list[float]:
    """The weights of the columns of *rows* that come nearest to *wanted*."""
    columns = list(zip(*rows, strict=True))
    matrix = [[_dot(one, other) for other in columns] + [_dot(one, wanted)] for one in columns]
    for index, pivot in enumerate(matrix):
        pivot[:] = [value / pivot[index] for value in pivot]
        for row in matrix[:index] + matrix[index + 1 :]:
            row[:] = [value - row[index] * above for value, above in zip(row, pivot, strict=True)]
    return [row[-1] for row in matrix]


def _dot(one: tuple[float, ...], other: tuple[float, ...] | list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def rests_ms(spoken: list[list[Word]], signs: str) -> list[float]:
    """The silences behind words that end in one of *signs*."""
    pairs = (pair for words in spoken for pair in pairwise(words))
    return [after.start_ms - before.end_ms for before, after in pairs if before.text[-1] in signs]


def main() -> None:
    """Measure, and print."""
    spoken = [word_times(text, voice) for voice in VOICES for text in TO_FIND_WEIGHTS]
    words = [word for reply in spoken for word in reply]
    weights_ms = least_squares([features(word.text) for word in words], [word.end_ms - word.start_ms for word in words])
    for name, weight_ms in zip(("letter", "digit", "sign", "slowing"), weights_ms, strict=True):
        print(f"{name:<14}{weight_ms:5.0f} ms")
    for name, signs in (("comma's rest", COMMAS), ("stop's rest", STOPS)):
        print(f"{name:<14}{fmean(rests_ms(spoken, signs)):5.0f} ms")


if __name__ == "__main__":
    main()
