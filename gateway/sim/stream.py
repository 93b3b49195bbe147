"""
One media stream of a simulated call: Twilio's end of the WebSocket.

Everything that is sent goes through the inbound wire, everything that is received through the
outbound wire, the end of the connection included, so that both directions are late but in order.
What leaves the inbound wire is written by one task; frames of media are dropped into it by one
timer on an absolute clock, which therefore neither drifts nor forgets frames after a delay.

The stream's clock begins when `start` is sent, and all times on the earpiece are on that clock.
"""

import asyncio
from collections.abc import Callable, Mapping

import aiohttp

from gateway.sim.codes import AUDIO_DISCARDED
from gateway.sim.conditions import Conditions
from gateway.sim.earpiece import BYTES_PER_MS, Earpiece
from gateway.sim.echo_path import Echo, EchoPath
from gateway.sim.echoes import MarkEchoes
from gateway.sim.faults import PhoneFaults
from gateway.sim.journal import Journal
from gateway.sim.media_messages import CONNECTED, Clear, Malformed, Mark, Media, Writer, read_message
from gateway.sim.mouth import FRAME_MS, Mouth
from gateway.sim.network import Network, Wire

GARBAGE = '{"event":"noise"}'


class MediaStream:
    """A stream from `start` to the close of its socket."""

    def __init__(
        self,
        writer: Writer,
        stream_sid: str,
        *,
        inbound: Network,
        outbound: Network,
        faults: PhoneFaults,
        seed: int,
        journal: Journal,
        echo: EchoPath | None = None,
    ) -> None:
        self.stream_sid = stream_sid
        self.earpiece = Earpiece()
        self.mouth = Mouth()
        self.conditions = Conditions()
        self.began_s = 0.0
        self.close_code: int | None = None
        self.stopped_ms: float | None = None
        self._loop = asyncio.get_running_loop()
        self._messages = writer
        self._faults = faults
        self._journal = journal
        self._outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._inbound: Wire[str | None] = Wire(inbound, self._outbox.put_nowait, seed=2 * seed)
        self._outbound: Wire[str | bytes | None] = Wire(outbound, self._receive, seed=2 * seed + 1)
        self._echo = Echo(echo, self.earpiece) if echo else None
        self._echoes = MarkEchoes(faults, self._send_mark)
        self._end_received = asyncio.Event()
        self._pacer: asyncio.TimerHandle | None = None
        self._mark_timer: asyncio.TimerHandle | None = None
        self._frames = 0
        self._speaking = False

    async def run(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        parameters: Mapping[str, str],
        opened: Callable[[], None],
    ) -> None:
        """Live from the handshake to the close of *socket*."""
        self.began_s = self._loop.time()
        self._begin(parameters)
        opened()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(socket))
                tasks.create_task(self._read(socket))
        finally:
            self._stop("the stream was abandoned")
            for under_way in (self._inbound, self._outbound, self._echoes):
                under_way.cut()
            await socket.close()
            self.close_code = socket.close_code

    def now_ms(self) -> float:
        """Time since the stream began."""
        return (self._loop.time() - self.began_s) * 1000

    def loop_time_s(self, stream_ms: float) -> float:
        """The loop's time at a time of the stream."""
        return self.began_s + stream_ms / 1000

    def press(self, digit: str) -> None:
        """Send one key."""
        if self.stopped_ms is None:
            self._inbound.send(self._messages.dtmf(digit))

    def hang_up(self) -> None:
        """End the stream from the phone's side."""
        if self.stopped_ms is not None:
            return
        if not self._faults.close_without_stop:
            self._inbound.send(self._messages.stop())
        if not self._faults.stop_without_close:
            self._inbound.send(None)
        self._stop("the phone ended the stream")

    def _begin(self, parameters: Mapping[str, str]) -> None:
        self._inbound.send(CONNECTED)
        for _ in range(self._faults.early_media_frames):
            self._inbound.send(self._messages.media(self.mouth.next_payload(), 0))
        if not self._faults.no_start:
            self._inbound.send(self._messages.start(parameters))
        self._pace()

    def _stop(self, why: str) -> None:
        if self.stopped_ms is not None:
            return
        self.stopped_ms = self.now_ms()
        for timer in (self._pacer, self._mark_timer):
            if timer:
                timer.cancel()
        self.earpiece.stop(self.stopped_ms)
        self.conditions.over(why)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            while (message := await self._outbox.get()) is not None:
                await socket.send_str(message)
        except ConnectionError:
            return  # the reader learns of it too, and reports it on time
        await socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._outbound.send(message.data)
        self._outbound.send(None)
        await self._end_received.wait()

    def _receive(self, frame: str | bytes | None) -> None:
        if frame is None:
            self._stop("the server closed the stream")
            self._outbox.put_nowait(None)
            self._end_received.set()
        elif self.stopped_ms is None:
            self._handle(frame)

    def _handle(self, frame: str | bytes) -> None:
        match read_message(frame, self.stream_sid):
            case Media(audio):
                self._play(audio)
            case Mark(name):
                self.earpiece.mark(name, self.now_ms())
                self._echo_due_marks()
            case Clear():
                self._clear()
            case Malformed(code, why):
                self._journal.warn(code, why)

    def _play(self, audio: bytes) -> None:
        now_ms = self.now_ms()
        if not self.earpiece.queued_bytes(now_ms):
            self._journal.report("agent_speaks", "")
        chunk = self.earpiece.append(audio, now_ms)
        if chunk.kept_bytes < len(audio):
            self._journal.warn(
                AUDIO_DISCARDED,
                f"{len(audio) - chunk.kept_bytes} bytes discarded behind ten minutes of audio",
            )
        self.conditions.changed()

    def _clear(self) -> None:
        self._echo_due_marks()
        names = self.earpiece.clear(self.now_ms())
        self._journal.report(
            "cleared", f"{self.earpiece.clears[-1].discarded_bytes // BYTES_PER_MS} ms, {len(names)} marks"
        )
        self._echoes.flushed(names)
        self.conditions.changed()

    def _echo_due_marks(self, due_ms: float = 0) -> None:
        self._echoes.played(self.earpiece.take_due_marks(max(due_ms, self.now_ms())))
        if self._mark_timer:
            self._mark_timer.cancel()
        if (next_ms := self.earpiece.next_mark_ms()) is not None:
            next_s = self.loop_time_s(next_ms)
            self._mark_timer = self._loop.call_at(next_s, self._echo_due_marks, next_ms)

    def _send_mark(self, name: str) -> None:
        if self.stopped_ms is None:
            self._inbound.send(self._messages.mark(name))

    def _pace(self, due_ms: float = 0) -> None:
        while max(due_ms, self.now_ms()) >= self._frames * FRAME_MS:
            self._send_frame()
        next_ms = self._frames * FRAME_MS
        self._pacer = self._loop.call_at(self.loop_time_s(next_ms), self._pace, next_ms)

    def _send_frame(self) -> None:
        timestamp_ms = self._frames * FRAME_MS
        self._frames += 1
        self._note_speaking()
        payload = self.mouth.next_payload()
        if self._in_gap(timestamp_ms):
            return
        if self._echo:
            payload = self._echo.mixed(payload, timestamp_ms)
        self._inbound.send(self._messages.media(payload, timestamp_ms))
        if self._faults.garbage_every and self._frames % self._faults.garbage_every == 0:
            self._inbound.send(GARBAGE)

    def _note_speaking(self) -> None:
        if self.mouth.speaking == self._speaking:
            return
        self._speaking = self.mouth.speaking
        self._journal.report("caller_speaks" if self._speaking else "caller_spoke", "")
        self.conditions.changed()

    def _in_gap(self, timestamp_ms: int) -> bool:
        return self._faults.gap_at_ms <= timestamp_ms < self._faults.gap_at_ms + self._faults.gap_ms
