"""
An MCP server as a child process, which is spoken to over its standard input and output.

The child has an environment of its own: where programs and a home are, a language, and what the line gives it; none of
the gateway's secrets. What it writes to standard error is logged. When it ends by itself that is an error, raised where
its streams are used; when it is closed it has until its input ends, then until it is asked, and is then killed, with
all that it has started.
"""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import Client
from mcp.client.session import MessageHandlerFnT
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from gateway.errors import PeerError

logger = logging.getLogger(__name__)

LONGEST_MESSAGE_BYTES = 4 * 1024 * 1024
LONGEST_LINE_SHOWN = 500
GRACE_S = 0.6
"""How long a child has for each way to end; there are three."""
INHERITED = ("PATH", "HOME", "LANG")

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


@asynccontextmanager
async def process_client(
    message_handler: MessageHandlerFnT, *, command: Sequence[str], env: Mapping[str, str], cwd: Path | None
) -> AsyncIterator[Client]:
    """
    Run a server, and speak to it.

    Raises `OSError` when it cannot be started, and a group with a `PeerError` when it ends by itself.
    """
    async with Client(_streams(command, env, cwd), message_handler=message_handler, cache=None) as client:
        yield client


@asynccontextmanager
async def _streams(command: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> AsyncIterator[Streams]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=_environment(env),
        cwd=cwd,
        start_new_session=True,
        limit=LONGEST_MESSAGE_BYTES,
    )
    told, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outbox, waiting = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        with told, messages, outbox, waiting:
            async with anyio.create_task_group() as pumps:
                pumps.start_soon(_read, process, told)
                pumps.start_soon(_write, process, waiting)
                pumps.start_soon(_log, process)
                yield messages, outbox
                pumps.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _read(process: Process, told: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            if (message := _message(line)) is not None:
                await told.send(message)
    except ValueError as error:
        raise PeerError(f"it sent more than {LONGEST_MESSAGE_BYTES} bytes in one message") from error
    raise PeerError("it has ended")


def _message(line: bytes) -> SessionMessage | None:
    """What a line says; servers print other things too."""
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        logger.debug("< no message: %s", _shown(line))
        return None


async def _write(process: Process, waiting: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    async for message in waiting:
        text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
        process.stdin.write(text.encode() + b"\n")
        with suppress(ConnectionError):  # the reader tells that it has ended
            await process.stdin.drain()


async def _log(process: Process) -> None:
    """Standard error must be read, be it logged or not, or the child could not go on."""
    assert process.stderr is not None
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:
            continue
        if not line:
            return
        logger.debug("child %d: %s", process.pid, _shown(line))


def _shown(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()[:LONGEST_LINE_SHOWN]


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in INHERITED if (value := os.environ.get(name)) is not None} | dict(given)


async def _end(process: Process) -> None:
    """Close its input, then ask it to end, then have it ended."""
    assert process.stdin is not None
    process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            _signal(process, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.communicate()
                break
    else:
        logger.warning("child %d does not end; it is left alone", process.pid)
    _signal(process, signal.SIGKILL)


def _signal(process: Process, number: signal.Signals) -> None:
    """To the child and all that it has started; what is gone needs none."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.terminate()
        else:
            os.killpg(process.pid, number)
