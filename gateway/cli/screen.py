"""
What a command shows: lines that stay, and on a terminal one below them that is drawn again and again.

Lines that are too long for the terminal go on below, under where their text began.
"""

import shutil
import sys
import textwrap
from typing import Self, TextIO

USUAL_COLUMNS = 100
INDENT = 20
"""Where texts begin, behind the time and who speaks."""
ERASE = "\r\x1b[K"


class Screen:
    """A terminal, or whatever else the output goes to; what is drawn vanishes when it is left."""

    def __init__(self, out: TextIO | None = None, columns: int | None = None) -> None:
        self._out = out or sys.stdout
        self._columns = columns
        self._drawn = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.draw()

    @property
    def redraws(self) -> bool:
        """Whether there is a terminal to draw on."""
        return self._out.isatty()

    @property
    def columns(self) -> int:
        """How wide it is."""
        return self._columns or shutil.get_terminal_size((USUAL_COLUMNS, 24)).columns

    def print(self, text: str, *, indent: int = 0) -> None:
        """Lines that stay, above the one that is drawn; *indent* is where those go on that are too long."""
        width = max(self.columns, 2 * indent + 1)
        wrapped = [textwrap.wrap(line, width, subsequent_indent=" " * indent) for line in text.split("\n")]
        lines = "".join(f"{line}\n" for lines in wrapped for line in lines or [""])
        self._write((ERASE if self._drawn else "") + lines + self._drawn)

    def draw(self, line: str = "") -> None:
        """Put *line* in place of the one that was drawn before."""
        if self.redraws:
            line = shortened(line, self.columns - 1)
            self._write((ERASE if self._drawn else "") + line)
            self._drawn = line

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def shortened(text: str, columns: int) -> str:
    """
    As much of *text* as there is room for.

    >>> shortened("Good morning.", 8)
    'Good mo…'
    """
    return text if len(text) <= columns else text[: columns - 1] + "…"
