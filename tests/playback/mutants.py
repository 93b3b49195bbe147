"""The ledger with a mistake planted in its source, to see that the laws catch it."""

import sys
from collections.abc import Mapping
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType

import gateway.playback
from gateway.playback import PlaybackLedger

_numbers = count()


def mutant(mistakes: Mapping[str, str]) -> type[PlaybackLedger]:
    """
    A ledger compiled from today's source, with every key of *mistakes* replaced by its value.

    Raises `AssertionError` when a key no longer stands in the source exactly once: the mistake must be planted anew.
    """
    package = f"mutant_{next(_numbers)}"
    folder = Path(next(iter(gateway.playback.__path__)))
    sources = {file.stem: file.read_text() for file in folder.glob("*.py") if file.stem != "__init__"}
    for original, mistake in mistakes.items():
        places = [name for name, source in sources.items() for _ in range(source.count(original))]
        assert len(places) == 1, f"{original!r} stands in {places}"
        sources[places[0]] = sources[places[0]].replace(original, mistake)
    sys.modules[package] = ModuleType(package)
    for name in ("clock", "playout", "items", "marks", "closing", "dating", "round_trip", "ledger"):
        _load(f"{package}.{name}", sources[name].replace("gateway.playback", package))
    ledger: type[PlaybackLedger] = import_module(f"{package}.ledger").PlaybackLedger
    return ledger


def _load(name: str, source: str) -> None:
    module = sys.modules[name] = ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
