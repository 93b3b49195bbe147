"""Broken and hostile files, one each in `broken`: what is said of it stands in its last line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gateway.lines import LinesError, load_lines
from tests.lines.folder import written

CORPUS = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
COMPANIONS = {
    "agents/billing.yaml": "instructions: You send bills.\n",
    "agents/lost.yaml": "instructions: You are lost.\nhandoffs: [somebody]\n",
    "text/hello.txt": "Say hello to {{caller}}.\n",
    "text/broken.txt": "Be kind.\nYou are {{nobody}}.\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files that lines may name, a link that leads out of it, and one that leads nowhere."""
    folder = written(tmp_path / "config", COMPANIONS)
    os.symlink("/etc/hostname", folder / "text" / "link.txt")
    os.symlink("circle.txt", folder / "text" / "circle.txt")
    return folder


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_a_broken_file_is_refused_at_the_right_place(file: Path, folder: Path) -> None:
    """
    File, line, column and key, what was found, and what to write.
    """
    text = file.read_text(encoding="utf-8")
    (expected,) = re.findall("^# expected: (.*)$", text, re.MULTILINE)
    written(folder, {"lines/x.yaml": text})
    with pytest.raises(LinesError) as caught:
        load_lines(folder)
    said = str(caught.value.problems[0]).removeprefix(f"{folder}/").removeprefix("lines/x.yaml:")
    assert re.match(expected, said), said


@pytest.mark.parametrize("name", COMPANIONS)
def test_the_companions_are_sound(name: str, folder: Path) -> None:
    """
    What is refused is refused for what the line says.
    """
    written(folder, {"lines/x.yaml": "line: a\nnumbers: +15550199\n"})
    assert len(load_lines(folder)) == 1
    assert (folder / name).is_file()
