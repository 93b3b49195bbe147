"""`gateway serve`: answer calls until told to stop."""

import argparse
import asyncio
import gc
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
    lines = load_lines(settings.config)
    check_backends(settings, lines)
    return loop.run(_serve(settings, lines))


async def _serve(settings: Settings, lines: Lines) -> int:
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    async with running(settings, lines) as gateway:
        base = gateway.settings.base_url
        _spare_the_collector()
        logger.info("%d line(s) ready; set the voice webhook of your number to %s/twilio/voice", len(lines), base)
        if await signals.get() is signal.SIGTERM:
            await _drain(gateway, signals)
        if len(gateway.calls):
            logger.warning("%d call(s) are cut off", len(gateway.calls))
        logger.info("stopped")
    return 0


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
    async with RealtimeServer(remembered_sessions=1) as server:
        yield server.url
