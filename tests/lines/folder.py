"""Folders of configuration, as people write them."""

from pathlib import Path

from gateway.lines import Line, Lines, load_lines

HEAD = "line: a\nnumbers: +15550199\n"


def written(directory: Path, files: dict[str, str]) -> Path:
    """A folder with *files* in it, by their paths."""
    for name, text in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return directory


def read(directory: Path, **lines: str) -> Lines:
    """Read line files, each named by its keyword."""
    return load_lines(written(directory, {f"lines/{name}.yaml": text for name, text in lines.items()}))


def read_one(directory: Path, text: str) -> Line:
    """Read the only line of a folder."""
    (line,) = read(directory, x=text)
    return line
