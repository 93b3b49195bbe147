"""
Two relays to measure the gateway against; neither marks, accounts, limits or survives anything.

The *barest* is the least that Python can do: bare transports, the payload cut out of one text and pasted into another
without reading either, and a clear whenever the caller speaks. The *naive* bridge is what one writes first: two loops
per call over `async for`, aiohttp on one side and websockets on the other, `json` in between.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvloop
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.gateway_process import GatewayProcess, free_port
from tests.bench.load_wire import ServerWire, Wire
from tests.bench.load_wire import connect as wire_to

MODEL_URL: web.AppKey[str] = web.AppKey("model_url", str)


async def media(request: web.Request) -> web.WebSocketResponse:
    """One call."""
    stream = web.WebSocketResponse(compress=False)
    await stream.prepare(request)
    await stream.receive()
    start = json.loads((await stream.receive()).data)
    async with connect(request.app[MODEL_URL], compression=None) as model:
        back = asyncio.create_task(outbound(model, stream, start["streamSid"]))
        await inbound(stream, model)
        back.cancel()
    return stream


async def inbound(stream: web.WebSocketResponse, model: ClientConnection) -> None:
    """From the caller to the model."""
    async for message in stream:
        frame = json.loads(message.data)
        if frame["event"] == "media":
            append = {"type": "input_audio_buffer.append", "audio": frame["media"]["payload"]}
            await model.send(json.dumps(append))


async def outbound(model: ClientConnection, stream: web.WebSocketResponse, stream_sid: str) -> None:
    """From the model to the caller."""
    async for text in model:
        event = json.loads(text)
        if event["type"] == "response.output_audio.delta":
            media = {"event": "media", "streamSid": stream_sid, "media": {"payload": event["delta"]}}
            await stream.send_str(json.dumps(media))


class Barest:
    """One call of the barest relay."""

    def __init__(self, model_url: str) -> None:
        self.stream = ServerWire(self._from_stream, lambda: None)
        self._model_url = model_url
        self._model: Wire | None = None
        self._media = self._clear = b""
        self._connecting: asyncio.Task[None] | None = None

    def _from_stream(self, text: bytes) -> None:
        begin = text.find(b'"payload":"')
        if begin > 0 and self._model is not None:
            payload = text[begin + 11 : text.index(b'"', begin + 11)]
            self._model.send(b'{"type":"input_audio_buffer.append","audio":"' + payload + b'"}')
        elif b'"event":"start"' in text:
            stream_sid = json.loads(text)["streamSid"].encode()
            self._media = b'{"event":"media","streamSid":"' + stream_sid + b'","media":{"payload":"'
            self._clear = b'{"event":"clear","streamSid":"' + stream_sid + b'"}'
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        self._model = await wire_to(self._model_url, self._from_model)

    def _from_model(self, text: bytes) -> None:
        begin = text.find(b'"delta":"')
        if begin > 0:
            self.stream.send(self._media + text[begin + 9 : text.index(b'"', begin + 9)] + b'"}}')
        elif b'"input_audio_buffer.speech_started"' in text:
            self.stream.send(self._clear)


async def serve_barest(port: int, model_url: str) -> None:
    """Relay until terminated, at the least cost."""
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Barest(model_url).stream, "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def serve_naive(port: int, model_url: str) -> None:
    """Relay until terminated, with libraries."""
    app = web.Application()
    app[MODEL_URL] = model_url
    app.add_routes([web.get("/media", media)])
    runner = web.AppRunner(app, access_log=None, handle_signals=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


KINDS = {"barest": serve_barest, "naive": serve_naive}


@asynccontextmanager
async def relay_process(kind: str, model_url: str, *, prefix: Sequence[str] = ()) -> AsyncIterator[GatewayProcess]:
    """Run a relay in a process of its own; *prefix* goes before the command."""
    port = free_port()
    relay = (sys.executable, "-m", "tests.bench.bare_relay", kind)
    command = (*prefix, *relay, "--port", str(port), "--model", model_url)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            if not await process.stdout.readline():
                raise RuntimeError("the relay ended at once")
        yield GatewayProcess(f"http://127.0.0.1:{port}", process.pid)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main() -> None:
    """Relay every stream that comes to `/media`."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare_relay", description=main.__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True, help="URL of the realtime server")
    options = parser.parse_args()
    uvloop.run(KINDS[options.kind](options.port, options.model))


if __name__ == "__main__":
    main()
