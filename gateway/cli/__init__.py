"""The command `gateway`."""

import argparse
import sys
from collections.abc import Sequence

from gateway import __version__
from gateway.cli import call, check, demo, lines, schema, serve, sim
from gateway.errors import GatewayError

COMMANDS = {
    "demo": demo,
    "serve": serve,
    "check": check,
    "lines": lines,
    "schema": schema,
    "call": call,
    "sim": sim,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; answers with the exit status: 0 for success, 2 for what the user has to mend."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway", description="Answers phone calls with realtime agents.")
    parser.add_argument("--version", action="version", version=f"gateway {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
