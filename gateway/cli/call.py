"""`gateway call`: a simulated phone rings a running gateway."""

import argparse
import asyncio
from pathlib import Path

from gateway.cli.caller import Caller, Utterance
from gateway.errors import ConfigError, PeerError, RemoteProtocolError
from gateway.settings import load_settings
from gateway.sim.network import Network
from gateway.sim.phone import Phone
from gateway.sim.voices import Speech, available_engine, read_wav, speak, write_wav

HELP = "ring a running gateway with a simulated phone, and print the conversation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to say and how."""
    parser.add_argument("number", metavar="NUMBER", help="the number to call, like +15550199")
    parser.add_argument(
        "--say", action="append", default=[], metavar="TEXT", help="what the caller says; may be repeated"
    )
    parser.add_argument("--wav", action="append", default=[], type=Path, metavar="FILE", help="a recording to say")
    parser.add_argument(
        "--cut-in-at", type=float, metavar="S", help="seconds into the agent's speech; else wait for its end"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what the caller heard as WAV")
    parser.add_argument("--net", default="0/0", metavar="MS/MS", help="one-way delay and jitter each way, like 80/30")
    parser.add_argument("--from", dest="caller", default="+15550100", metavar="NUMBER", help="the caller's number")
    parser.add_argument("--gateway", metavar="URL", help="where the gateway is; else as the settings say")


def run(options: argparse.Namespace) -> int:
    """Place the call; 0 when it went its way, 1 when the caller ended in the fallback."""
    return asyncio.run(_call(options))


async def _call(options: argparse.Namespace) -> int:
    settings = load_settings()
    secret = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else None
    base_url = (options.gateway or settings.base_url).rstrip("/")
    network = Network.parse(options.net)
    says = [await speak(text, voice="caller") for text in options.say] + [recorded(path) for path in options.wav]
    caller = Caller(base_url, [Utterance(speech, options.cut_in_at) for speech in says], secret)
    phone = Phone(
        f"{base_url}/twilio/voice",
        to=options.number,
        caller=options.caller,
        auth_token=secret,
        inbound=network,
        outbound=network,
        on_event=caller.noticed,
    )
    caller.print("phone", f"calls {options.number} at {base_url}  (speech by {available_engine()})")
    async with phone:
        try:
            await caller.talk(phone)
        except (PeerError, RemoteProtocolError) as error:
            raise PeerError(f"{error}\nIs a gateway running at {base_url}? `gateway serve` starts one.") from error
        caller.print_accounts()
        if options.out and phone.streams:
            write_wav(options.out, phone.earpiece.heard(phone.stream.now_ms()))
            print(f"what the caller heard is in {options.out}")
        return 1 if phone.fallback else 0


def recorded(path: Path) -> Speech:
    """A recording to say; raises `ConfigError` when there is nothing in it."""
    audio = read_wav(path)
    if not audio:
        raise ConfigError(f"{path}: there is no audio in it")
    return Speech(path.name, "recording", audio)
