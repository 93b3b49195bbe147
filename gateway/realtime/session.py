"""
A conversation with an agent, without a phone.

    async with await RealtimeRunner(agent).run() as session:
        await session.send_message("Good morning.")
        async for event in session:
            ...

The model tells what happens; it is narrated to whoever iterates, and conducted: an `AgentRun` decides what follows of
it. Nothing here waits for a tool, for a guardrail or for a reader, so none of them holds the audio up.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

from gateway.agent import AgentEvent, AgentRun
from gateway.errors import PeerError, UserError
from gateway.protocol.model.events import (
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelUsageEvent,
)
from gateway.protocol.model.inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendUserInput,
    RealtimeModelUserInput,
)
from gateway.protocol.model.items import RealtimeItem
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.conductor import Conductor
from gateway.realtime.config import RealtimeRunConfig, agent_settings, debounce_characters, initial_config
from gateway.realtime.event_queue import EventQueue
from gateway.realtime.events import RealtimeEventInfo, RealtimeRawModelEvent, RealtimeSessionEvent
from gateway.realtime.hands import AgentHands
from gateway.realtime.model import RealtimeModel, RealtimeModelConfig, RealtimeModelListener
from gateway.realtime.narration import Narration
from gateway.realtime.run_context import RunContextWrapper
from gateway.realtime.sender import Sender

EXPLAINED_WITHIN_S = 1.0
"""How long a model that is disconnected may take to say whether that was in good order."""


class RealtimeSession(RealtimeModelListener):
    """One conversation: enter it, talk to it, and iterate over what happens."""

    def __init__(
        self,
        model: RealtimeModel,
        agent: RealtimeAgent[Any],
        context: Any = None,
        model_config: RealtimeModelConfig | None = None,
        run_config: RealtimeRunConfig | None = None,
    ) -> None:
        """*context* is for the agent's tools, handoffs, guardrails and instructions; the model never sees it."""
        self._model = model
        self._model_config = model_config or {}
        self._config = run_config or {}
        self._info = RealtimeEventInfo(RunContextWrapper(context))
        self._queue = EventQueue()
        self._narration = Narration(self._queue.put, self._info)
        self._sender = Sender(model, self._narration.failed)
        self._hands = AgentHands(
            agent,
            self._report,
            context=self._info.context,
            observer=self._narration,
            output_guardrails=self._config.get("output_guardrails", ()),
            tool_error_formatter=self._config.get("tool_error_formatter"),
        )
        self._conductor: Conductor | None = None
        self._closed = False
        self._gone = asyncio.Event()
        self._unexplained: asyncio.TimerHandle | None = None

    @property
    def model(self) -> RealtimeModel:
        """The model, for whatever it offers beyond this."""
        return self._model

    @property
    def agent(self) -> RealtimeAgent[Any]:
        """Who speaks."""
        return self._hands.agent

    @property
    def history(self) -> tuple[RealtimeItem, ...]:
        """What was said and done, in its order."""
        return self._narration.history.items

    async def enter(self) -> Self:
        """
        Connect the model, as the agent that begins wants it.

        Raises `UserError` for what cannot work and when it was entered before, `PeerError` when there is no session.
        """
        if self._conductor is not None or self._closed:
            raise UserError("a session is entered once; run the agent again for another")
        profile = await self._hands.profile()
        run = AgentRun(profile, debounce_characters=debounce_characters(self._config))
        self._conductor = Conductor(run, self._hands, self._narration, self._sender)
        self._model.add_listener(self)
        self._sender.start()
        try:
            await self._model.connect(initial_config(profile, self._config, self._model_config))
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """End the conversation, whatever is under way; closed twice is closed once, and a tool may do so."""
        if self._closed:
            await self._gone.wait()
            return
        self._closed = True
        self._model.remove_listener(self)
        try:
            await self._hands.close()
            await self._sender.close()
        finally:
            self._end()
            await self._model.close()
            self._gone.set()

    async def __aenter__(self) -> Self:
        return await self.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RealtimeSessionEvent:
        self._entered()
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def send_message(self, message: RealtimeModelUserInput) -> None:
        """Have the agent answer what the caller wrote or showed."""
        await self._send(RealtimeModelSendUserInput(message))

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Let the agent hear the caller; *commit* ends the turn where the server does not decide that."""
        await self._send(RealtimeModelSendAudio(audio, commit))

    async def interrupt(self) -> None:
        """Cut the agent off, and have it forget what was not heard."""
        await self._send(RealtimeModelSendInterrupt(force_response_cancel=True))

    async def update_agent(self, agent: RealtimeAgent[Any]) -> None:
        """Have another agent speak from now on; formats and voice stay as they are."""
        profile = await self._hands.profile(agent)
        await self._send(RealtimeModelSendSessionUpdate(agent_settings(profile)))
        self._hands.agent = agent
        self._entered().change(profile)

    async def approve_tool_call(self, call_id: str, *, always: bool = False) -> None:
        """
        Have a call made that waits for it, and *always* every call of its tool.

        Raises `UserError` when no such call waits.
        """
        self._hands.approve(call_id, always=always)

    async def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> None:
        """
        Have a call not made, and *always* no call of its tool; the model is told, in these words if there are some.

        Raises `UserError` when no such call waits.
        """
        self._hands.reject(call_id, always=always, message=rejection_message)

    async def on_event(self, event: RealtimeModelEvent) -> None:
        """The model has told something."""
        self._queue.put(RealtimeRawModelEvent(event, self._info))
        self._narration.narrate(event, self.agent)
        self._entered().follow(event)
        self._follow(event)
        if isinstance(event, RealtimeModelToolCallEvent) and not self._config.get("async_tool_calls", True):
            await self._hands.idle()

    def _follow(self, event: RealtimeModelEvent) -> None:
        match event:
            case RealtimeModelAudioInterruptedEvent():
                self._queue.drop_audio()
            case RealtimeModelUsageEvent(usage):
                self._info.context.add_usage(usage)
            case RealtimeModelExceptionEvent(exception):
                self._end(exception)
            case RealtimeModelEndOfStreamEvent():
                self._end()
            case RealtimeModelConnectionStatusEvent("disconnected"):
                lost = PeerError("the model was disconnected")
                self._unexplained = asyncio.get_running_loop().call_later(EXPLAINED_WITHIN_S, self._end, lost)
            case _:
                pass

    def _end(self, error: Exception | None = None) -> None:
        if self._unexplained is not None:
            self._unexplained.cancel()
        self._queue.end(error)

    def _report(self, event: AgentEvent) -> None:
        self._entered().report(event)

    async def _send(self, event: RealtimeModelSendEvent) -> None:
        self._entered()
        if self._closed:
            raise UserError("the session is closed; run the agent again for another")
        await self._model.send_event(event)

    def _entered(self) -> Conductor:
        if self._conductor is None:
            raise UserError("the session was not entered; use it inside of `async with session:`")
        return self._conductor
