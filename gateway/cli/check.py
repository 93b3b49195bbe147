"""`gateway check`: is everything that `gateway serve` needs in order?"""

import argparse
import os
import sys
from collections.abc import Callable

from gateway.errors import ConfigError
from gateway.lines import Lines, load_lines
from gateway.settings import check_backends, load_settings, unknown_variables

HELP = "say whether everything that serve needs is in order"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""


def run(_: argparse.Namespace) -> int:
    """Say everything that is wrong at once; 0 when nothing is, else 2."""
    settings = load_settings()
    for warning in unknown_variables(os.environ):
        print(f"warning: {warning}", file=sys.stderr)
    lines: list[Lines] = []
    problems = [
        *_complaints(settings.check_exposure),
        *_complaints(lambda: lines.append(load_lines(settings.config))),
        *_complaints(lambda: check_backends(settings, (line for found in lines for line in found))),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 2
    for line in lines[0]:
        print(f"{line.line}: {', '.join(line.numbers)} -> {line.url or line.backend} {line.model}")
    print(f"ok: {len(lines[0])} line(s) in {settings.config}; providers reach {settings.base_url}/twilio/voice")
    return 0


def _complaints(examine: Callable[[], object]) -> list[str]:
    try:
        examine()
    except ConfigError as error:
        return [str(error)]
    return []
