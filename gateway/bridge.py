"""
One call's shell: readers and writers around the call's one inbox.

Both sockets call back in the same thread, so dispatching an event is enough to give all events of a call one order.
Commands are carried out at once, in the order in which they were decided; carrying one out never waits, and never
dispatches. The alarm is set for the call's next deadline. The end of each connection is an event too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.agent import ChangeAgent, CheckSpeech, HandOver, RunTool
from gateway.call import Call, Command, Event
from gateway.call.commands import (
    ClearAudio,
    CloseModel,
    CloseStream,
    HangUp,
    Note,
    NoteEnded,
    PlayAudio,
    SendMark,
    TransferCall,
)
from gateway.call.events import (
    FrameRejected,
    HangUpRequested,
    ModelClosed,
    Side,
    StreamClosed,
    StreamResumed,
    TransferRefused,
)
from gateway.call.plan import Transfer
from gateway.errors import GatewayError, RemoteProtocolError
from gateway.protocol.codec import RealtimeProtocol, encode_audio, speech_first
from gateway.protocol.events import AudioDelta
from gateway.protocol.inputs import AppendAudio, Input
from gateway.providers import Dialect
from gateway.providers.events import CallerAudio, MarkEchoed
from gateway.realtime.hands import AgentHands
from gateway.sessions.rest import MaybeDone
from gateway.sessions.socket import TextSocket

logger = logging.getLogger(__name__)

MODEL_CLOSES_WITHIN_S = 2.0
FREQUENT = (CallerAudio, MarkEchoed)
"""What providers send time and again."""
UNOBSERVED = (CallerAudio, MarkEchoed)
"""Events of which observers are not told; nor of the agent's audio, which brings no deadline nearer either."""


class Observer(Protocol):
    """Looks on, after the fact, at all but audio and its marks; must neither wait nor raise."""

    def event(self, event: Event) -> None:
        """Something happened, and what follows from it was done."""

    def command(self, command: Command) -> None:
        """Something was done."""


@dataclass(slots=True)
class FrameCount:
    """Audio messages carried, by all calls that share the count."""

    inbound: int = 0
    outbound: int = 0


class Bridge:
    """Carries one call between its two sockets."""

    def __init__(
        self,
        call: Call,
        *,
        stream: TextSocket,
        stream_sid: str,
        dialect: Dialect,
        open_model: Callable[[], Awaitable[TextSocket]],
        hang_up: Callable[[], Awaitable[None]] | None = None,
        pass_on: Callable[[Transfer], Awaitable[None]] | None = None,
        hands: AgentHands,
        frames: FrameCount,
        observers: Iterable[Observer] = (),
    ) -> None:
        self._call = call
        self._stream = stream
        self._stream_sid = stream_sid
        self._dialect = dialect
        self._open_model = open_model
        self._hang_up = hang_up
        self._pass_on = pass_on
        self.hands = hands
        """What carries out what the agent wants."""
        self._frames = frames
        self._observers = tuple(observers)
        self._loop = asyncio.get_running_loop()
        self._protocol = RealtimeProtocol()
        self._model: TextSocket | None = None
        self._model_task: asyncio.Task[None] | None = None
        self._streams: asyncio.Queue[TextSocket | None] = asyncio.Queue()
        """By which the call goes on, one after the other, and at last None."""
        self._closing: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ms = float("inf")
        self._failed = False

    async def run(self) -> None:
        """Carry the call from the start of its stream, or of the first of them, to the end of both connections."""
        self._model_task = asyncio.create_task(self._model_side(), name="model side")
        try:
            self._carry_out(self._call.start(now_ms=self._loop.time() * 1000))
            self._set_alarm()
            self._stream.attach(self._stream_text, rejected=self._binary_frame)
            stream: TextSocket | None = self._stream
            while stream is not None:
                code, _ = await stream.closed()
                if stream is self._stream:
                    self.dispatch(StreamClosed(code))
                stream = await self._streams.get()
        finally:
            await self._let_go()

    def hang_up(self, reason: str) -> None:
        """End the call for a reason of our own."""
        self.dispatch(HangUpRequested(reason))

    @property
    def is_passed_on(self) -> bool:
        """Whether the caller is with somebody else, or about to come back."""
        return self._call.phase == "passed_on"

    async def come_back(self, stream: TextSocket, stream_sid: str) -> None:
        """Carry the call on by another stream, and be done with it when that has ended."""
        self._stream.detach()
        self._in_background(self._stream.close())
        self._stream, self._stream_sid = stream, stream_sid
        self._streams.put_nowait(stream)
        self.dispatch(StreamResumed())
        stream.attach(self._stream_text, rejected=self._binary_frame)
        await stream.closed()

    # The inbox

    def dispatch(self, event: Event) -> None:
        """Let the call decide, and carry out what it decides; a bug in here ends this call and no other."""
        if self._failed:
            return
        try:
            self._carry_out(self._call.handle(event, now_ms=self._loop.time() * 1000))
            if isinstance(event, AudioDelta):
                return
            self._set_alarm()
            if not isinstance(event, UNOBSERVED):
                for observer in self._observers:
                    observer.event(event)
        except Exception:
            logger.exception("call failed, and ends")
            self._fail()

    def _carry_out(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._do(command)
        self._stream.flush()

    def _tell(self, command: Command) -> None:
        for observer in self._observers:
            observer.command(command)

    def _do(self, command: Command) -> None:
        match command:
            case PlayAudio(payload):
                self._stream.send(self._dialect.media(self._stream_sid, payload))
                self._frames.outbound += 1
                return
            case SendMark(name):
                self._stream.send(self._dialect.mark(self._stream_sid, name))
                return
            case AppendAudio():
                self._send_model(command)
                self._frames.inbound += 1
                return
            case ClearAudio():
                self._stream.send(self._dialect.clear(self._stream_sid))
                self._stream.flush()
            case CloseModel():
                self._close_model()
            case CloseStream(code, reason):
                self._in_background(self._stream.close(code, reason))
            case HangUp():
                self._in_background(self._end_call())
            case TransferCall(transfer):
                self._in_background(self._transfer(transfer))
            case NoteEnded():
                self._streams.put_nowait(None)
            case RunTool() | HandOver() | CheckSpeech() | ChangeAgent():
                self.hands.carry_out(command)
            case _:
                if not isinstance(command, Note):
                    self._send_model(command)
        self._tell(command)

    def _send_model(self, command: Input) -> None:
        model = self._model
        if model is not None:
            model.send_now(self._protocol.encode(command))

    def _fail(self) -> None:
        if not self._failed:
            self._failed = True
            self._close_model()
            self._in_background(self._stream.close(1011, "internal error"))
            self._streams.put_nowait(None)
            self._tell(NoteEnded("failed", "internal_error"))

    # The alarm

    def _set_alarm(self) -> None:
        """Set the alarm for the next deadline; one that rings early is only set again."""
        deadline_ms = self._call.next_deadline_ms()
        if deadline_ms is None or deadline_ms >= self._alarm_ms:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_ms = deadline_ms
        self._alarm = self._loop.call_at(deadline_ms / 1000, self._alarm_rang)

    def _alarm_rang(self) -> None:
        self._alarm, self._alarm_ms = None, float("inf")
        try:
            self._carry_out(self._call.tick(now_ms=self._loop.time() * 1000))
            self._set_alarm()
        except Exception:
            logger.exception("call failed, and ends")
            self._fail()

    # The provider's side

    def _stream_text(self, text: bytes) -> None:
        try:
            event = self._dialect.parse(text)
        except RemoteProtocolError as error:
            self._rejected("provider", error)
            return
        if not (isinstance(event, FREQUENT) and self._passed_on(event)):
            self.dispatch(event)

    def _passed_on(self, event: CallerAudio | MarkEchoed) -> bool:
        """The short way of nearly every frame: what `dispatch` comes to when nothing follows but the frame itself."""
        model = self._model
        if model is None or self._failed or not self._call.takes_note(event, now_ms=self._loop.time() * 1000):
            return False
        if isinstance(event, CallerAudio):
            model.send_now(encode_audio(AppendAudio(event.payload)))
            self._frames.inbound += 1
        return True

    def _binary_frame(self, data: bytes) -> None:
        self._rejected("provider", RemoteProtocolError(f"binary frame of {len(data)} bytes"))

    def _rejected(self, side: Side, error: RemoteProtocolError) -> None:
        logger.debug("%s sent nonsense: %s", side, error)
        self.dispatch(FrameRejected(side, str(error)))

    # The model's side

    async def _model_side(self) -> None:
        try:
            model = await self._open_model()
        except GatewayError as error:
            logger.warning("no realtime session: %s", error)
            self.dispatch(ModelClosed("model_unavailable"))
            return
        except Exception:
            logger.exception("call failed, and ends")
            self._fail()
            raise
        self._model = model
        model.attach(self._model_text, urgent_first=speech_first)
        code, reason = await model.closed()
        logger.debug("model closed: %d %s", code, reason)
        if self._model is model:
            self.dispatch(ModelClosed("model_lost"))

    def _model_text(self, text: bytes) -> None:
        try:
            event = self._protocol.receive(text)
        except RemoteProtocolError as error:
            self._rejected("model", error)
        else:
            self.dispatch(event)

    def _close_model(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            self._in_background(model.close())
        elif self._model_task is not None and not self._model_task.done():
            self._model_task.cancel()

    # The end

    async def _end_call(self) -> None:
        """Have the provider end the call; where it cannot be asked, closing the stream is all that can be done."""
        try:
            if self._hang_up is not None:
                await self._hang_up()
                return
            logger.warning("the agent hangs up, but without the provider's secret only the stream can be closed")
        except GatewayError as error:
            logger.warning("the provider would not end the call: %s", error)
        await self._stream.close(reason="the agent hung up")

    async def _transfer(self, transfer: Transfer) -> None:
        """Have the provider put the caller through; that it does so is told by the end of the stream."""
        try:
            if self._pass_on is not None:
                await self._pass_on(transfer)
                return
            logger.warning("the agent transfers the call, but without the provider's secret nobody can be asked to")
        except GatewayError as error:
            logger.warning("the call was not transferred: %s", error)
            self.dispatch(TransferRefused(maybe_done=isinstance(error, MaybeDone)))
        else:
            self.dispatch(TransferRefused())

    def _in_background(self, closing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _let_go(self) -> None:
        """Leave nothing behind: no alarm, no task, no session."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._close_model()
        self._in_background(self.hands.close())
        for name in sorted(self._protocol.beta_names):
            logger.warning("the realtime server uses %s, a name of the retired beta", name)
        waiting = [task for task in (*self._closing, self._model_task) if task is not None]
        _, late = await asyncio.wait(waiting, timeout=MODEL_CLOSES_WITHIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
