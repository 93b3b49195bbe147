"""`gateway check`: is everything that `gateway serve` needs in order?"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.agents import Configuration
from gateway.agents.configuration import complaints
from gateway.cli.serve import read_configuration
from gateway.lines import Line, Lines
from gateway.lines.files import ConfigFiles
from gateway.prices import PriceTable
from gateway.prices.load import FILE_NAME
from gateway.settings import load_settings, unknown_variables
from gateway.tools.http_client import HttpClient

HELP = "say whether everything that serve needs is in order"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""


def run(_: argparse.Namespace) -> int:
    """Say everything that is wrong at once; 0 when nothing is, else 2."""
    settings = load_settings()
    for warning in unknown_variables(os.environ):
        print(f"warning: {warning}", file=sys.stderr)
    found: list[Configuration] = []
    files = ConfigFiles(settings.config)
    problems = [
        *complaints(settings.check_exposure),
        *complaints(settings.check_webhooks),
        *complaints(lambda: found.append(read_configuration(settings, HttpClient(), files))),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 2
    for line in found[0].lines:
        print(f"{line.line}: {', '.join(line.numbers)} -> {fate(line)}")
    for remark in _remarks(found[0].lines, found[0].prices, settings.config / FILE_NAME):
        print(remark)
    print(f"ok: {len(found[0].lines)} line(s) in {settings.config}; providers reach {settings.base_url}/twilio/voice")
    return 0


def fate(line: Line) -> str:
    """What becomes of calls to a line."""
    match line.way:
        case "reject":
            return f"turned away with {line.reject}"
        case "message":
            return "told a message"
        case "forward":
            return f"put through to {line.forward}"
        case _:
            return f"{line.url or line.backend} {line.model}"


def _remarks(lines: Lines, prices: PriceTable | None, file: Path) -> Iterator[str]:
    """Say of which lines the costs are not known, and why."""
    if prices is None:
        yield f"costs: not computed, since there is no {file}"
        return
    yield f"costs: in {prices.currency}, with {file}"
    for line in lines:
        if line.way is None and line.backend == "openai" and prices.find(line.model) is None:
            yield f"costs: unknown for {line.line}, since {file} has no price of {line.model}"
