"""A gateway in a process of its own, as an operator would run it."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

LINE = """\
line: bench
numbers: "*"
url: {url}
instructions: Answer the phone.
"""


@dataclass(frozen=True)
class GatewayProcess:
    """Where it listens, and which process it is."""

    base_url: str
    pid: int


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def gateway_process(
    realtime_url: str, *, line: str = LINE, prefix: Sequence[str] = ()
) -> AsyncIterator[GatewayProcess]:
    """Run `gateway serve` with one *line* against a realtime server; *prefix* goes before the command."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environ = _configure(Path(folder), port, line.format(url=realtime_url))
        command = (*prefix, sys.executable, "-W", "ignore", "-m", "gateway", "serve")
        process = await asyncio.create_subprocess_exec(*command, env=environ)
        try:
            base = f"http://127.0.0.1:{port}"
            await _ready(base, process)
            yield GatewayProcess(base, process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


def _configure(folder: Path, port: int, line: str) -> dict[str, str]:
    lines = folder / "lines"
    lines.mkdir()
    lines.joinpath("bench.yaml").write_text(line)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return environ | {"GATEWAY_PORT": str(port), "GATEWAY_CONFIG": str(folder), "GATEWAY_LOG_LEVEL": "warning"}


async def _ready(base: str, process: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(15):
        while process.returncode is None:
            try:
                async with session.get(f"{base}/readyz") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
    raise RuntimeError(f"the gateway ended at once, with status {process.returncode}")
