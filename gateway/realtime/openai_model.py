"""OpenAI's realtime models, and all that speak their protocol, over a WebSocket of their own or beside a call."""

from gateway.errors import PeerError, UserError
from gateway.protocol.model.events import RealtimeModelConnectionStatusEvent
from gateway.protocol.model.inputs import RealtimeModelSendEvent
from gateway.protocol.model.session import ModelSession
from gateway.realtime.address import Address, address
from gateway.realtime.delivery import Delivery
from gateway.realtime.live import LiveSession
from gateway.realtime.model import RealtimeModel, RealtimeModelConfig, RealtimeModelListener
from gateway.sessions.model import open_model


class OpenAIRealtimeWebSocketModel(RealtimeModel):
    """A session over a WebSocket; with a `call_id`, one that is attached to a call."""

    def __init__(self) -> None:
        self._listeners: list[RealtimeModelListener] = []
        self._live: LiveSession | None = None
        self._connecting = False
        self._unwanted = False

    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* too; added twice, it is told once."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    async def connect(self, options: RealtimeModelConfig) -> None:
        """
        Open the session, and wait until the server has taken its settings.

        Raises `UserError` for options that cannot work, for a second connection and when it is closed meanwhile,
        `PeerError` when no session is opened.
        """
        if self._connecting or (self._live and not self._live.ended):
            raise UserError("the model is connected already; close it, or use another")
        self._connecting, self._unwanted = True, False
        try:
            where = await address(options)
            delivery = Delivery(self._listeners)
            try:
                await self._open(where, options, delivery)
            except BaseException as error:
                self._live = None
                delivery.put(RealtimeModelConnectionStatusEvent("disconnected"))
                delivery.finish()
                if self._unwanted and isinstance(error, PeerError):
                    raise UserError("the model was closed while it connected") from error
                raise
        finally:
            self._connecting = False

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """
        Ask something of the model.

        Raises `UserError` before `connect` and after `close`, `PeerError` when the server has ended the session.
        """
        if self._live is None:
            raise UserError("the model is not connected; call connect first")
        await self._live.send(event)

    async def close(self) -> None:
        """End the session, or what is to become one; closed twice is closed once."""
        self._unwanted = True
        live, self._live = self._live, None
        if live is not None:
            await live.close()

    async def _open(self, where: Address, options: RealtimeModelConfig, delivery: Delivery) -> None:
        session = ModelSession(
            where.initial,
            attached=where.attached,
            dialect=options.get("dialect"),
            tracker=options.get("playback_tracker"),
        )
        delivery.put(RealtimeModelConnectionStatusEvent("connecting"))
        socket = await open_model(where.url, where.headers)
        if self._unwanted:
            await socket.close()
            raise PeerError("the session was let go of before it was open")
        delivery.put(RealtimeModelConnectionStatusEvent("connected"))
        self._live = live = LiveSession(socket, session, delivery, ends_abruptly=where.attached)
        try:
            await live.ready()
        except BaseException:
            await live.abandon()
            raise


class OpenAIRealtimeSIPModel(OpenAIRealtimeWebSocketModel):
    """A session that is attached to a call which came by SIP; the server plays and hears the caller by itself."""

    async def connect(self, options: RealtimeModelConfig) -> None:
        """
        Attach to the call.

        Raises `UserError` without a `call_id`.
        """
        if not options.get("call_id"):
            raise UserError("a call that came by SIP is attached to by its call_id; found none in the options")
        await super().connect(options)
