"""`gateway demo`: the main job on one machine, without a key, an account or a phone."""

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.agents import Workshop, assembled
from gateway.cli.caller import Caller, Utterance
from gateway.cli.live_ledger import short_id
from gateway.cli.serve import running
from gateway.cli.table import table
from gateway.lines import Greeting, Line, Lines
from gateway.settings import Settings, load_settings
from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.realtime import Behaviour, RealtimeServer, Reply, Say, Turn
from gateway.sim.verdict import Verdict, judge
from gateway.sim.voices import SPEECH_LIKE, available_engine, speak
from gateway.tools.http_client import HttpClient

HELP = "answer a simulated call with a simulated model, interrupt it, and show what the caller heard"
NUMBER = "+15550199"
GREETING = "Hello, this is the front desk. How can I help you?"
ANSWERS = (
    "We still have two rooms for Friday night. One looks out on the garden, and one on the old harbour.",
    "Breakfast is served from seven until ten, and you can check in at any time after three o'clock.",
)
FAREWELL = "Of course. I have booked the garden room for you. Thank you for calling, and goodbye."
QUESTION = "Do you have a room for Friday night?"
INTERRUPTION = "The garden room, please."
NET = Network(delay_ms=80, jitter_ms=30)
CUT_IN_S = 2.6
RIGHT_WITHIN_MS = 25.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to stay."""
    parser.add_argument("--once", action="store_true", help="exit after the call; 0 only if the truncation was right")


def run(options: argparse.Namespace) -> int:
    """Play the call; then serve on, unless once is enough."""
    return asyncio.run(_demo(once=options.once))


async def _demo(*, once: bool) -> int:
    async with RealtimeServer(Behaviour(reply=_agent)) as server:
        line = Line(line="demo", numbers=(NUMBER,), greeting=Greeting(text=GREETING))
        services = HttpClient()
        configuration = assembled(Lines([line]), Workshop(services, {}, Path()))
        async with running(_settings(server.url), configuration, services) as gateway:
            base_url = gateway.settings.base_url
            verdicts = await _play(base_url, gateway.auth_token, server)
            right = _report(verdicts)
            if once:
                return 0 if right else 1
            _tell_what_next(base_url)
            await asyncio.Event().wait()
    return 0


def _settings(realtime_url: str) -> Settings:
    """As the environment says, but on loopback; on any free port when the usual one is taken."""
    settings = load_settings(host="127.0.0.1", public_url=None, realtime_url=realtime_url)
    return settings if _is_free(settings.port) else settings.model_copy(update={"port": 0})


def _agent(turn: Turn) -> Reply:
    """Greets, answers the question at length in two items, and takes the interruption for what it is."""
    match turn.ordinal:
        case 0:
            return (Say(GREETING),)
        case 1:
            return tuple(Say(text) for text in ANSWERS)
        case _:
            return (Say(FAREWELL),)


async def _play(base_url: str, secret: str | None, server: RealtimeServer) -> list[Verdict]:
    question, interruption = [await speak(text, voice="caller") for text in (QUESTION, INTERRUPTION)]
    caller = Caller(base_url, (Utterance(question), Utterance(interruption, CUT_IN_S)), secret)
    phone = Phone(
        f"{base_url}/twilio/voice", to=NUMBER, auth_token=secret, inbound=NET, outbound=NET, on_event=caller.noticed
    )
    print(_introduction(base_url))
    async with phone:
        await caller.talk(phone)
        return judge(server.sessions[0], phone.earpiece) if server.sessions else []


def _introduction(base_url: str) -> str:
    engine = available_engine()
    speech = f"real speech by {engine}"
    if engine == SPEECH_LIKE:
        speech = (
            "no synthesiser found, so both ends utter a speech-like signal (install espeak-ng or flite to hear words)"
        )
    return (
        f"A simulated phone calls the gateway at {base_url}; a simulated realtime server is the agent.\n"
        f"Network: {NET.delay_ms:g} ± {NET.jitter_ms:g} ms each way. Voices: {speech}.\n"
    )


def _report(verdicts: Sequence[Verdict]) -> bool:
    """Print what the phone really played beside what the model was told; whether that is right."""
    rows = [
        (
            short_id(verdict.item_id),
            f"{verdict.generated_ms:,.0f}",
            f"{verdict.sent_ms:,.0f}",
            f"{verdict.heard_ms:,.1f}",
            "-" if verdict.truncated_ms is None else f"{verdict.truncated_ms:,}",
            "-" if verdict.error_ms is None else f"{verdict.error_ms:+.1f}",
            verdict.judgement.value,
        )
        for verdict in verdicts
    ]
    head = ("item", "generated ms", "sent ms", "played by the phone", "truncated at ms", "error ms", "")
    print(f"\n{table(head, rows)}\n")
    right = all(_is_right(verdict) for verdict in verdicts) and any(
        verdict.error_ms is not None for verdict in verdicts
    )
    print("The agent remembers what the caller heard." if right else "The agent's memory is WRONG.")
    return right


def _is_right(verdict: Verdict) -> bool:
    return verdict.right and abs(verdict.error_ms or 0.0) <= RIGHT_WITHIN_MS


def _tell_what_next(base_url: str) -> None:
    command = "python -m gateway" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    print(
        f"\nThe gateway goes on serving at {base_url}. In another terminal, try\n"
        f'  {command} call {NUMBER} --say "Do you have a room?" --say "One moment." --cut-in-at 1.5 --net 80/30 '
        f"--gateway {base_url}\n"
        f"  curl {base_url}/metrics\n"
        "A line of your own is a file in config/lines; config/README.md shows how. Ctrl-C ends the demo."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
