"""`gateway lines`: which lines there are, and which of them answers a call."""

import argparse
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.cli.check import fate
from gateway.cli.table import table
from gateway.errors import ConfigError
from gateway.lines import Line, Lines, Ring, Routed, load_lines, route
from gateway.lines.roster import roster
from gateway.lines.zones import zone
from gateway.providers.sip_address import users
from gateway.settings import load_settings

HELP = "say which lines there are, and which of them answers a call"
LIST_HELP = "list all lines"
ROUTE_HELP = "say who would answer a call, and why, step by step"
NOBODY = 1
"""Status when no line answers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to say."""
    parser.set_defaults(say=None, explain=parser.print_help)
    questions = parser.add_subparsers(metavar="WHAT")
    questions.add_parser("list", help=LIST_HELP, description=LIST_HELP).set_defaults(say=_list)
    routing = questions.add_parser("route", help=ROUTE_HELP, description=ROUTE_HELP)
    routing.set_defaults(say=_route)
    routing.add_argument("--to", required=True, metavar="NUMBER", help="what is called: a number, or sip:user")
    routing.add_argument("--from", dest="caller", default="anonymous", metavar="NUMBER", help="who calls; else nobody")
    routing.add_argument("--at", metavar="TIME", help="when, like 2026-12-24T20:00; else now")
    routing.add_argument("--zone", metavar="ZONE", help="whose clock shows that; else the lines' own if it is one")
    routing.add_argument("--stir", choices=["A", "B", "C"], help="how far the caller's number is vouched for")
    routing.add_argument("--by", choices=["twilio", "sip"], help="who brings the call; else either")
    routing.add_argument(
        "--header", action="append", default=[], metavar="NAME=VALUE", help="a header of the call; may be repeated"
    )


def run(options: argparse.Namespace) -> int:
    """Say it; without a word of what, say what there is."""
    if options.say is None:
        options.explain()
        return 0
    status: int = options.say(options, load_lines(load_settings().config))
    return status


def _list(_: argparse.Namespace, lines: Lines) -> int:
    head = ("line", "numbers", "when", "agents", "model", "state")
    print(table(head, [_row(line) for line in lines], columns=160))
    return 0


def _row(line: Line) -> tuple[str, ...]:
    numbers, answers = ", ".join(line.numbers), line.way is None
    agents = line.agent or ", ".join(member.name for member in roster(line))
    model, state = (fate(line), "answers") if answers else ("-", fate(line))
    return line.line, numbers, _conditions(line), agents if answers else "-", model, state


def _conditions(line: Line) -> str:
    """What kinds of conditions a line has."""
    by = [line.provider] if line.provider else []
    kinds = dict.fromkeys(kind for when in line.when or () for kind in type(when).model_fields if getattr(when, kind))
    return ", ".join([*by, *kinds]) or "always"


def _route(options: argparse.Namespace, lines: Lines) -> int:
    ring = Ring(
        called=_names(options.to),
        caller=next(users(options.caller), options.caller),
        at=_moment(options.at, options.zone, lines),
        provider=options.by,
        stir=options.stir,
        headers=tuple(_header(text) for text in options.header),
    )
    routed = route(lines, ring)
    for line in _told(ring, routed):
        print(line)
    return 0 if routed.line else NOBODY


def _names(called: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*users(called), called.removeprefix("sip:"))))


def _told(ring: Ring, routed: Routed) -> Iterator[str]:
    yield f"a call to {ring.called[0]} from {ring.caller} at {ring.at:%a %Y-%m-%d %H:%M %Z}"
    for number, step in enumerate(routed.steps, 1):
        yield f"{number}. {step.line}, for {step.claim}: {'yes' if step.holds else 'no'}, {step.why}"
    if routed.line is None:
        yield f"nobody answers: no line {'is for this call' if routed.steps else 'has the number'}"
    elif routed.line.way is None:
        yield f"{routed.line.line} answers, by {fate(routed.line)}"
    else:
        yield f"{routed.line.line} has the caller {fate(routed.line)}"


def _moment(text: str | None, zone_name: str | None, lines: Lines) -> datetime:
    """A time on the wall, in the zone that is named, or else that of the lines if they are of one mind."""
    zones = {line.zone for line in lines if line.zone}
    name = zone_name or (next(iter(zones)) if len(zones) == 1 else "UTC")
    try:
        hung = zone(name)
        at = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except (ValueError, OSError, LookupError) as error:
        raise ConfigError(f"{text or 'now'} in {name} is no time: {error}; write like 2026-12-24T20:00") from error
    return at.astimezone(hung) if at.tzinfo else at.replace(tzinfo=hung)


def _header(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"([^=:\s]+)=(.*)", text, re.DOTALL)
    if not found:
        raise ConfigError(f"--header {text!r} is no header; write NAME=VALUE, like X-Account=gold")
    return found[1], found[2]
