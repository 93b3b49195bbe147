"""
The files of one configuration.

Each is read once, so that what was checked is what is used, and what all of them say has one hash: two gateways with
the same hash answer alike. A file that is named in another is looked for in the folder of the configuration, and
nowhere else, wherever links may lead.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from gateway.lines.file_text import read_text
from gateway.lines.problems import LinesError, Problem
from gateway.lines.scalars import shown


class ConfigFiles:
    """What was read below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._texts: dict[Path, str] = {}
        self._named: set[Path] = set()

    def read(self, file: Path) -> str:
        """Read *file*; raises `LinesError` when it cannot be used."""
        if file not in self._texts:
            self._texts[file] = read_text(file)
        return self._texts[file]

    def named(self, name: str) -> Path:
        """The file that another names; raises `ValueError` when it is not below the folder."""
        file = self.folder / name
        self._named.add(file)
        try:
            is_inside = not Path(name).is_absolute() and file.resolve().is_relative_to(self.folder.resolve())
            is_file = file.is_file()
        except (OSError, RuntimeError) as error:  # a name that is too long, or links that lead in a circle
            raise ValueError(f"{shown(name)} cannot be looked for; write its path from {self.folder}") from error
        if not is_inside:
            raise ValueError(f"{shown(name)} is not in the folder of the configuration; write its path from there")
        if not is_file:
            raise ValueError(f"{shown(name)} is no file; write its path from {self.folder}")
        return file

    def listed(self, name: str) -> list[Path]:
        """
        The `*.yaml` files of a folder, by name.

        Raises `LinesError` when they cannot be listed, or there are some that would be overlooked.
        """
        folder = self.folder / name
        try:
            found = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
        except OSError as error:
            message = f"cannot be listed: {error.strerror}; make the folder, or point GATEWAY_CONFIG elsewhere"
            raise LinesError([Problem(folder, message)]) from error
        return [file for file in found if file.suffix in {".yaml", ".yml"}]

    @property
    def paths(self) -> frozenset[Path]:
        """All that were read, or looked for."""
        return frozenset({*self._texts, *self._named})

    @property
    def sha256(self) -> str:
        """The hash of all that was read, and of their names."""
        digest = hashlib.sha256()
        for file in sorted(self._texts):
            for part in (str(file.relative_to(self.folder)), self._texts[file]):
                digest.update(f"{len(part.encode())}:{part}".encode())
        return digest.hexdigest()
