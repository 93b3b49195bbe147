"""Figures and words in columns."""

import re
import textwrap
from collections.abc import Sequence

FIGURE = re.compile(r"[-+0-9.,]+")
GAP = "  "
LEAST_COLUMNS = 20


def table(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int = 100) -> str:
    """
    Columns as wide as they need be, figures flush right; the last one is wrapped into what is left of *columns*.

    >>> print(table(("item", "ms", "words"), [("a", "1", "Good morning"), ("b", "22", "Hi")], columns=18))
    item  ms  words
    a      1  Good morning
    b     22  Hi
    """
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]
    figures = [all(FIGURE.fullmatch(row[column]) for row in rows) for column in range(len(head))]
    last_at = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    lines = []
    for cells in (head, *rows):
        first, *others = textwrap.wrap(cells[-1], max(columns - last_at, LEAST_COLUMNS)) or [""]
        lines.append(_line((*cells[:-1], first), widths, figures))
        lines += [" " * last_at + other for other in others]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], figures: Sequence[bool]) -> str:
    aligned = (
        cell.rjust(width) if is_figure else cell.ljust(width)
        for cell, width, is_figure in zip(cells, widths, figures, strict=True)
    )
    return GAP.join(aligned).rstrip()
