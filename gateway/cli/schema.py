"""`gateway schema`: what files may say, for editors."""

import argparse
import json
from pathlib import Path

from gateway.errors import ConfigError
from gateway.lines import Line, SharedAgent
from gateway.lines.schemas import schema_of
from gateway.lines.section import Section
from gateway.prices import PriceTable

HELP = "print the JSON Schema of a kind of file, so that editors complete and underline"
KINDS: dict[str, type[Section]] = {"line": Line, "agent": SharedAgent, "prices": PriceTable}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, and where to."""
    parser.add_argument("kind", nargs="?", choices=KINDS, default="line", help="what kind of file; else line")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead")


def run(options: argparse.Namespace) -> int:
    """Print it, or write it down."""
    text = text_of(options.kind)
    if options.out is None:
        print(text, end="")
        return 0
    try:
        options.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{options.out} cannot be written: {error.strerror}; name another --out") from error
    return 0


def text_of(kind: str) -> str:
    """The schema as it is written."""
    return json.dumps(schema_of(KINDS[kind]), indent=2, ensure_ascii=False) + "\n"
