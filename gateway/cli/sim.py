"""`gateway sim`: what is outside of the gateway, simulated; so far the service that calls come from by SIP."""

import argparse
import asyncio
import base64
from collections.abc import Callable, Coroutine
from pathlib import Path

from gateway.cli.call import recorded
from gateway.cli.caller import Utterance
from gateway.cli.sip_caller import SipCaller
from gateway.errors import ConfigError, PeerError
from gateway.settings import load_settings
from gateway.sim.realtime import Behaviour, RealtimeServer
from gateway.sim.sip import SipCall, SipProvider, WebhookHabits
from gateway.sim.voices import available_engine, speak

HELP = "play what is outside of the gateway"
SIP_HELP = "play the service that calls come from by SIP: ring a running gateway, and print the conversation"
PORT = 9080
DECIDED_WITHIN_S = 10.0
EXAMPLE_KEY = "sk-simulated"
EXAMPLE_SECRET = "whsec_" + base64.b64encode(b"only for trying things out").decode()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to play."""
    parser.set_defaults(play=None, explain=parser.print_help)
    plays = parser.add_subparsers(metavar="WHAT")
    sip = plays.add_parser("sip", help=SIP_HELP, description=SIP_HELP)
    sip.set_defaults(play=_sip)
    sip.add_argument("number", metavar="NUMBER", help="the number to call, like +15550199")
    sip.add_argument("--say", action="append", default=[], metavar="TEXT", help="what the caller says; may be repeated")
    sip.add_argument("--wav", action="append", default=[], type=Path, metavar="FILE", help="a recording to say")
    sip.add_argument(
        "--cut-in-at", type=float, metavar="S", help="seconds into the agent's speech; else wait for its end"
    )
    sip.add_argument("--from", dest="caller", default="+15550100", metavar="NUMBER", help="the caller's number")
    sip.add_argument("--gateway", metavar="URL", help="where the gateway is; else as the settings say")
    sip.add_argument(
        "--port", type=int, default=PORT, metavar="N", help=f"where to listen, there and one above; else {PORT}"
    )


def run(options: argparse.Namespace) -> int:
    """Play it; without a word of what, say what there is."""
    if options.play is None:
        options.explain()
        return 0
    play: Callable[[argparse.Namespace], Coroutine[None, None, int]] = options.play
    return asyncio.run(play(options))


async def _sip(options: argparse.Namespace) -> int:
    """Place a call; 0 when it was answered, 1 when it was turned away."""
    settings = load_settings()
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else EXAMPLE_KEY
    secret = settings.openai_webhook_secret.get_secret_value() if settings.openai_webhook_secret else EXAMPLE_SECRET
    operator = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else None
    base_url = (options.gateway or settings.base_url).rstrip("/")
    says = [await speak(text, voice="caller") for text in options.say] + [recorded(path) for path in options.wav]
    caller = SipCaller(base_url, [Utterance(speech, options.cut_in_at) for speech in says], operator)
    server = RealtimeServer(Behaviour(keep_events=True))
    provider = SipProvider(server, api_key=key, webhook_secret=secret, habits=WebhookHabits(retry_pauses_s=(0.2,)))
    try:
        await _listen(server, provider, options.port)
        print(_needed(server, provider, key, secret))
        caller.print("service", f"a call to {options.number} rings at {base_url}  (speech by {available_engine()})")
        call = provider.call(f"{base_url}/openai/webhook", called=options.number, caller=options.caller)
        await _decided(call, provider, base_url)
        if call.status_code is not None:
            caller.print("service", f"the caller is told {call.status_code}")
            return 1
        caller.print("service", "the gateway answered")
        await caller.talk_by_sip(call)
        return 0
    finally:
        await provider.close()
        await server.close()


async def _listen(server: RealtimeServer, provider: SipProvider, port: int) -> None:
    try:
        await provider.start(port=port)
        await server.start(port=port + 1 if port else 0)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen on the ports {port} and {port + 1}: {error}; try another --port") from error


def _needed(server: RealtimeServer, provider: SipProvider, key: str, secret: str) -> str:
    """What the gateway must be told; a secret of the user's is not repeated."""
    given = "(as it is set here)"
    variables = {
        "GATEWAY_OPENAI_API_URL": provider.url,
        "GATEWAY_REALTIME_URL": server.url,
        "OPENAI_API_KEY": key if key == EXAMPLE_KEY else given,
        "OPENAI_WEBHOOK_SECRET": secret if secret == EXAMPLE_SECRET else given,
    }
    rows = "\n".join(f"  {name}={value}" for name, value in variables.items())
    return f"A simulated service stands in for OpenAI. For that the gateway has to run with\n{rows}\n"


async def _decided(call: SipCall, provider: SipProvider, base_url: str) -> None:
    """Wait until the call is accepted or turned away; raises `PeerError` when the gateway was not told, or is mute."""
    told = asyncio.ensure_future(provider.told())
    deciding = asyncio.ensure_future(call.decided(timeout_s=DECIDED_WITHIN_S))
    try:
        await asyncio.wait((told, deciding), return_when=asyncio.FIRST_COMPLETED)
        if not deciding.done() and not await told:
            raise PeerError(f"{_in_vain(provider, base_url)}\nDoes it run with the variables above?")
        await deciding
    except TimeoutError as error:
        raise PeerError(f"the gateway at {base_url} was told of the call, and did not decide; see its log") from error
    finally:
        for waiting in (told, deciding):
            waiting.cancel()
        await asyncio.gather(told, deciding, return_exceptions=True)


def _in_vain(provider: SipProvider, base_url: str) -> str:
    status = provider.deliveries[-1].status
    if status is None:
        return f"there is no gateway at {base_url}; `gateway serve` starts one"
    return f"the gateway at {base_url} does not take the webhook, and answers HTTP {status}"
