"""
The shell of a call that comes by SIP: requests to the service, the session's socket, and one inbox.

Commands are carried out in the order in which they were decided. What takes time is done in a task of its own, and what
comes of it is an event. A call is not let go of before the service was asked to end it, where that is to be done; if it
cannot be asked, the call stays in the registry, and the next gateway will.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from http import HTTPStatus

from msgspec.structs import replace

from gateway.bridge import Observer
from gateway.call.commands import CloseModel, Errand, HangUp, NoteEnded, NoteReceipt, TransferCall
from gateway.call.events import FrameRejected, HangUpRequested, ModelClosed, TransferRefused
from gateway.call.sip_call import SipCall
from gateway.call.sip_commands import (
    AcceptCall,
    AcceptFailed,
    AttachModel,
    CallAccepted,
    CallGone,
    EndCall,
    SipCommand,
    SipEvent,
    SipNews,
    SipRequest,
)
from gateway.errors import GatewayError, PeerError, RemoteProtocolError
from gateway.protocol.codec import RealtimeProtocol
from gateway.protocol.events import AudioDelta
from gateway.protocol.inputs import Input
from gateway.protocol.session import SessionConfig
from gateway.realtime.hands import AgentHands
from gateway.sessions.model import ModelRefused
from gateway.sessions.rest import RequestRefused
from gateway.sessions.sip import SipLine
from gateway.sessions.socket import TextSocket
from gateway.sip_registry import KeptCall, SipRegistry

logger = logging.getLogger(__name__)

LET_GO_WITHIN_S = 4.0


class SipBridge:
    """Carries one call."""

    def __init__(
        self,
        call: SipCall,
        *,
        line: SipLine,
        hands: AgentHands,
        registry: SipRegistry,
        kept: KeptCall,
        observers: Iterable[Observer] = (),
    ) -> None:
        self.hands = hands
        """What carries out what the agent wants."""
        self._call = call
        self._line = line
        self._registry = registry
        self._kept = kept
        self._observers = tuple(observers)
        self._loop = asyncio.get_running_loop()
        self._protocol = RealtimeProtocol()
        self._model: TextSocket | None = None
        self._attaching: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._left_behind = False
        """Whether there may still be a call that nobody looks after."""

    async def run(self) -> None:
        """Carry the call to its end."""
        try:
            self._begin(self._registry.keep(self._kept))
            self._inbox(self._call.start(now_ms=self._now_ms))
            await self._over.wait()
        finally:
            await self._let_go()

    def hang_up(self, reason: str) -> None:
        """End the call for a reason of our own."""
        self.dispatch(HangUpRequested(reason))

    @property
    def _now_ms(self) -> float:
        return self._loop.time() * 1000

    # The inbox

    def dispatch(self, event: SipEvent) -> None:
        """Let the call decide, and carry out what it decides."""
        if self._over.is_set():
            return
        self._inbox(self._call.handle(event, now_ms=self._now_ms))
        if not isinstance(event, SipNews | AudioDelta):
            for observer in self._observers:
                observer.event(event)

    def _inbox(self, commands: Iterable[SipCommand]) -> None:
        """Carry out what was decided; a bug in here ends this call and no other."""
        try:
            for command in commands:
                self._do(command)
            self._set_alarm()
        except Exception:
            logger.exception("call failed, and ends")
            self._fail()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline_ms = self._call.next_deadline_ms()
        self._alarm = None if deadline_ms is None else self._loop.call_at(deadline_ms / 1000, self._alarm_rang)

    def _alarm_rang(self) -> None:
        if not self._over.is_set():
            self._inbox(self._call.tick(now_ms=self._now_ms))

    def _do(self, command: SipCommand) -> None:
        match command:
            case AcceptCall(session):
                self._begin(self._accept(session))
            case AttachModel():
                self._attaching = self._begin(self._follow())
            case TransferCall(transfer):
                self._begin(self._refer(transfer.target_uri))
            case HangUp() | EndCall():
                self._begin(self._end_call())
            case CloseModel():
                self._close_model()
            case NoteReceipt(receipt):
                self._remember(receipt.segment)
            case NoteEnded():
                self._over.set()
            case _ if isinstance(command, Input):
                self._send(command)
            case _ if isinstance(command, Errand):
                self.hands.carry_out(command)
        if not isinstance(command, SipRequest):
            for observer in self._observers:
                observer.command(command)

    def _send(self, command: Input) -> None:
        if self._model is not None:
            self._model.send_now(self._protocol.encode(command))

    def _fail(self) -> None:
        if not self._over.is_set():
            self._begin(self._end_call())
            self._close_model()
            self._over.set()
            for observer in self._observers:
                observer.command(NoteEnded("failed", "internal_error"))

    # Requests

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._watched(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it never began when the task was cancelled before it did
        return task

    async def _watched(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("call failed, and ends")
            self._fail()

    async def _accept(self, session: SessionConfig | None) -> None:
        try:
            self.dispatch(CallAccepted() if await self._line.accept(session) else CallGone())
        except PeerError as error:
            logger.warning("the call was not accepted as it should be: %s", error)
            refused = isinstance(error, RequestRefused) and error.status == HTTPStatus.BAD_REQUEST
            self.dispatch(AcceptFailed(session_refused=refused))

    async def _refer(self, target_uri: str) -> None:
        try:
            if not await self._line.refer(target_uri):
                self.dispatch(CallGone())
        except PeerError as error:
            logger.warning("the call was not transferred: %s", error)
            self.dispatch(TransferRefused())

    async def _end_call(self) -> None:
        self._left_behind = True
        try:
            await self._line.hang_up()
            self._left_behind = False
        except PeerError as error:
            logger.warning("the call may go on without us until the next start: %s", error)

    def _remember(self, segment: str) -> None:
        """What was heard need not be said again after a restart."""
        self._kept = replace(self._kept, heard=(*self._kept.heard, segment))
        self._begin(self._registry.keep(self._kept))

    # The session

    async def _follow(self) -> None:
        """Be attached to the session, from its handshake to its end."""
        try:
            model = await self._line.attach()
        except ModelRefused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                self.dispatch(CallGone())
            else:
                self._unreachable(error)
        except GatewayError as error:
            self._unreachable(error)
        else:
            await self._attached(model)

    async def _attached(self, model: TextSocket) -> None:
        self._model = model
        model.attach(self._text)
        code, reason = await model.closed()
        logger.debug("session closed: %d %s", code, reason)
        if self._model is model:
            self._model = None
            self.dispatch(ModelClosed("connection_lost"))

    def _unreachable(self, error: GatewayError) -> None:
        logger.warning("the session of the call cannot be followed: %s", error)
        self.dispatch(ModelClosed("model_unavailable"))

    def _text(self, text: bytes) -> None:
        try:
            event = self._protocol.receive(text)
        except RemoteProtocolError as error:
            logger.debug("model sent nonsense: %s", error)
            self.dispatch(FrameRejected("model", str(error)))
        else:
            self.dispatch(event)

    def _close_model(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            self._begin(model.close())
        elif self._attaching is not None and self._attaching is not asyncio.current_task():
            self._attaching.cancel()

    async def _let_go(self) -> None:
        """Leave nothing behind: no alarm, no task, no session, and no call if the service can be asked."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._close_model()
        self._begin(self.hands.close())
        if waiting := self._tasks - {asyncio.current_task()}:
            _, late = await asyncio.wait(waiting, timeout=LET_GO_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if not self._left_behind:
            await self._registry.forget(self._kept.call_id)
