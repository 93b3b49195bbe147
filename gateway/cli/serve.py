"""`gateway serve`: answer calls until told to stop."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway import log
from gateway.cli import loop
from gateway.lines import Lines, load_lines
from gateway.settings import Settings, check_backends, load_settings, unknown_variables
from gateway.sim.realtime import RealtimeServer
from gateway.web.app import listening
from gateway.web.gateway import Gateway

logger = logging.getLogger(__name__)


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
    lines = load_lines(settings.config)
    check_backends(settings, lines)
    return loop.run(_serve(settings, lines))


async def _serve(settings: Settings, lines: Lines) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings, lines) as gateway:
        base = gateway.settings.base_url
        logger.info("%d line(s) ready; set the voice webhook of your number to %s/twilio/voice", len(lines), base)
        await stop.wait()
        logger.info("stopping; %d call(s) under way", len(gateway.calls))
    return 0


@asynccontextmanager
async def running(settings: Settings, lines: Lines) -> AsyncIterator[Gateway]:
    """A gateway that listens, with the built-in realtime server beside it when a line needs one."""
    async with local_backend(lines) as local_url:
        gateway = Gateway(settings, lines, local_url)
        async with listening(gateway):
            yield gateway


@asynccontextmanager
async def local_backend(lines: Lines) -> AsyncIterator[str | None]:
    """The built-in realtime server, on loopback; None when no line needs it."""
    if not any(line.backend == "local" and line.url is None for line in lines):
        yield None
        return
    async with RealtimeServer() as server:
        yield server.url
