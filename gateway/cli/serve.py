"""`gateway serve`: answer calls until told to stop."""

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Self

from gateway import log
from gateway.agents import Configuration, load_configuration
from gateway.cli import loop
from gateway.lines.files import ConfigFiles
from gateway.settings import Settings, check_backends, environment, load_settings, unknown_variables
from gateway.sim.realtime import RealtimeServer
from gateway.tools.http_client import HttpClient
from gateway.web.app import listening
from gateway.web.gateway import Gateway
from gateway.web.reload import LOOK_EVERY_S, Reloader
from gateway.web.sip_calls import at_a_loss

logger = logging.getLogger(__name__)

DRAIN_WITHIN_S = 20 * 60.0
"""How long SIGTERM lets calls go on."""
GARBAGE_BEFORE_A_LOOK = 20_000
"""New objects before the collector looks; its usual 700 are a few frames."""


HELP = "answer calls until told to stop"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Everything is set in the environment."""


def run(_: argparse.Namespace) -> int:
    """Read the settings and the lines, refuse what is wrong with them, and serve."""
    settings = load_settings()
    log.configure(settings.log_level, settings.log_format)
    for warning in unknown_variables(os.environ):
        logger.warning("%s", warning)
    settings.check_exposure()
    settings.check_webhooks()
    services = HttpClient()
    configuration = read_configuration(settings, services, ConfigFiles(settings.config))
    return loop.run(_serve(settings, configuration, services))


def read_configuration(settings: Settings, services: HttpClient, files: ConfigFiles) -> Configuration:
    """Read all that is below the folder of the configuration; raises `ConfigError` with what is wrong."""
    return load_configuration(files, services, environment(), partial(check_backends, settings))


async def _serve(settings: Settings, configuration: Configuration, services: HttpClient) -> int:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    read = partial(read_configuration, settings, services)
    async with running(settings, configuration, services, read=read) as gateway:
        base, lines = gateway.settings.base_url, len(configuration.lines)
        _spare_the_collector()
        logger.info("%d line(s) ready; set the voice webhook of your number to %s/twilio/voice", lines, base)
        _tell_of_sip(gateway)
        if await signals.get() is signal.SIGTERM:
            await _drain(gateway, signals)
        if len(gateway.calls):
            logger.warning("%d call(s) are cut off", len(gateway.calls))
        logger.info("stopped")
    return 0


def _tell_of_sip(gateway: Gateway) -> None:
    """Where calls by SIP are told of, and what cannot be done for them."""
    if gateway.settings.openai_webhook_secret is None:
        return
    logger.info("calls by SIP: set the webhook of your project to %s/openai/webhook", gateway.settings.base_url)
    if lines := at_a_loss(gateway.lines):
        logger.warning(
            "calls by SIP: barge_in: confirmed and self_echo_guard cannot be done there; these lines cut at once: %s",
            ", ".join(lines),
        )


def _spare_the_collector() -> None:
    """What is here before the first call stays for good, and what a call makes for a frame has no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_BEFORE_A_LOOK)


async def _drain(gateway: Gateway, signals: "asyncio.Queue[signal.Signals]") -> None:
    """Let calls end by themselves, until the next signal or the longest wait."""
    logger.info("draining; %d call(s) under way, a second signal cuts them off", len(gateway.calls))
    waiting = [asyncio.ensure_future(gateway.calls.drain()), asyncio.ensure_future(signals.get())]
    await asyncio.wait(waiting, timeout=DRAIN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


@asynccontextmanager
async def running(
    settings: Settings,
    configuration: Configuration,
    services: HttpClient,
    *,
    read: Callable[[ConfigFiles], Configuration] | None = None,
    look_every_s: float = LOOK_EVERY_S,
) -> AsyncIterator[Gateway]:
    """
    A gateway that listens, with the built-in realtime server beside it when a line needs one.

    With *read* the configuration is read anew when its files change, and at SIGHUP.
    """
    async with _LocalBackend() as backend:
        await configuration.open()
        gateway = Gateway(settings, configuration, services=services)
        await backend.stand_by(gateway, configuration)
        async with listening(gateway):
            if read is None:
                yield gateway
                return
            stand_by = partial(backend.stand_by, gateway)
            reloader = Reloader(gateway, settings.config, read, stand_by, look_every_s=look_every_s)
            async with _watching(reloader):
                yield gateway


@asynccontextmanager
async def _watching(reloader: Reloader) -> AsyncIterator[None]:
    """Have the configuration read anew when it changes, and at SIGHUP."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.force)
    watching = asyncio.create_task(reloader.watch(), name="configuration")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class _LocalBackend:
    """The built-in realtime server, on loopback, from the moment that a line needs it."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

    async def stand_by(self, gateway: Gateway, configuration: Configuration) -> None:
        """Be there for lines that need it."""
        needed = any(line.backend == "local" and line.url is None for line in configuration.lines)
        if needed and gateway.local_url is None:
            server = await self._stack.enter_async_context(RealtimeServer(remembered_sessions=1))
            gateway.local_url = server.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
