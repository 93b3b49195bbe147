"""
A connection to a scripted model, from `connect` to `close`.

What happens next is decided anew each time that everybody has dealt with all that was told, listeners and whatever
they have set going: then the server does what is under way, or else the caller speaks. Only for that does time pass,
and only up to there. So a listener that interrupts at the first word does so at the first word, however slow the
machine is.

A caller who waits lets the agent finish, its tools included, and listens to the end. One who cuts in does so when so
much of what is being said was heard.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.protocol.model.events import (
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelEvent,
    RealtimeModelExceptionEvent,
    RealtimeModelToolCallEvent,
)
from gateway.protocol.model.inputs import RealtimeModelSendEvent, RealtimeModelSendToolOutput
from gateway.protocol.model.session import ModelSession
from gateway.realtime.attention import Attention
from gateway.realtime.delivery import Delivery
from gateway.realtime.model import RealtimeModelListener
from gateway.realtime.script import Script, ScriptError, speaking_ms
from gateway.realtime.stage import Stage
from gateway.sim.realtime import Behaviour, Reply, Turn
from gateway.sim.realtime.behaviour import unintelligible

logger = logging.getLogger(__name__)

SHORTEST_VOICE_MS = 300


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller will say."""

    words: str
    heard_ms: float | None = None
    """How much of the agent is heard before; None hears it to the end."""


class Rehearsal:
    """A script that is being played, and the caller in it."""

    def __init__(
        self,
        session: ModelSession,
        behaviour: Behaviour,
        model_name: str,
        script: Script,
        caller: deque[Utterance],
        listeners: Sequence[RealtimeModelListener],
    ) -> None:
        """*listeners* end with an `Attention`; more may come in front of it."""
        self.ended = False
        played = replace(behaviour, reply=self._reply, transcribe=self._transcribe)
        self.stage = Stage(session, played, model_name, self._tell)
        self._script = script
        self._caller = caller
        self._words: list[str] = []
        self._unanswered: dict[str, str] = {}
        self._failure: Exception | None = None
        self._attention = next(one for one in listeners if isinstance(one, Attention))
        self._delivery = Delivery(listeners)
        self._stirred = asyncio.Event()
        self._rested = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="scripted model")

    def open(self) -> None:
        """Open the session and have it set up."""
        self._tell(RealtimeModelConnectionStatusEvent("connecting"))
        self._tell(RealtimeModelConnectionStatusEvent("connected"))
        self.stage.open()

    def send(self, event: RealtimeModelSendEvent) -> None:
        """Ask something of the model."""
        if self.ended:
            raise PeerError("the server ended the session, as its script says")
        self.stage.send(event)
        if isinstance(event, RealtimeModelSendToolOutput):
            self._unanswered.pop(event.tool_call.call_id, None)
        self.stir()

    def stir(self) -> None:
        """There may be something to do."""
        if not self.ended:
            self._rested.clear()
            self._stirred.set()

    def end(self, error: Exception | None) -> None:
        """The server ends the session, in good order or not."""
        self.stir()
        self.ended = True
        if error:
            self._tell(RealtimeModelExceptionEvent(error, "the connection was lost"))
        self._tell(RealtimeModelConnectionStatusEvent("disconnected"))
        if error is None:
            self._tell(RealtimeModelEndOfStreamEvent())
        self._delivery.finish()

    async def settled(self, *, answered: bool) -> None:
        """Wait until nothing is under way; raises what went wrong with the script."""
        while not self._failure:
            await self._attention.paid()
            await self._rested.wait()
            if self.ended or self._failure or not (answered and self._unanswered):
                break
            await self._stirred.wait()
        if self._failure:
            raise self._failure

    def under_way(self) -> str:
        """What `settled` waits for."""
        calls = ", ".join(f"{call_id} of {name}" for call_id, name in self._unanswered.items())
        return f"no output came for {calls}" if calls else "a listener has not come back"

    async def close(self) -> None:
        """Tell nothing more."""
        self.ended = True
        await self._delivery.stop()
        self._task.cancel()
        await asyncio.wait([self._task])
        self._attention.forget()
        self._rested.set()

    async def _run(self) -> None:
        try:
            while not self.ended:
                await self._attention.paid()
                if not await self._go_on():
                    await self._rest()
            await self._attention.paid()
        except Exception as error:
            logger.exception("the rehearsal broke off")
            self._fail(error)
        self._rested.set()

    async def _rest(self) -> None:
        self._stirred.clear()
        self._rested.set()
        await self._stirred.wait()

    async def _go_on(self) -> bool:
        """Have the next thing happen; there may be none left."""
        if self.ended:
            return True
        due_s, speaks_s = self.stage.due_s, self._caller_speaks_s()
        if speaks_s is not None and (due_s is None or speaks_s <= due_s):
            await self._speak(self._caller.popleft(), speaks_s)
        elif due_s is not None:
            self.stage.pass_time(due_s)
        else:
            return False
        return True

    def _caller_speaks_s(self) -> float | None:
        """When the caller speaks next, as far as can be said."""
        if not self._caller:
            return None
        heard_ms, stage = self._caller[0].heard_ms, self.stage
        finished = stage.due_s is None and not self._unanswered
        if heard_ms is None:
            return max(stage.now_s, stage.silent_from_s) if finished else None
        cuts_in_s = max(stage.now_s, stage.speaks_from_s + heard_ms / 1000)
        if stage.silent_from_s > cuts_in_s:
            return cuts_in_s
        if finished:
            self._caller.popleft()
            self._fail(ScriptError(f"the caller was to cut in after {heard_ms:g} ms; the agent does not say so much"))
        return None

    async def _speak(self, utterance: Utterance, at_s: float) -> None:
        length_ms = max(SHORTEST_VOICE_MS, speaking_ms(utterance.words))
        self.stage.pass_time(at_s)
        self._words.append(utterance.words)
        self.stage.hear_voice(length_ms)
        await self._until(at_s + length_ms / 1000)
        self.stage.hear_silence()

    async def _until(self, moment_s: float) -> None:
        """Let time pass, from one thing that happens to the next."""
        await self._attention.paid()
        while (due_s := self.stage.due_s) is not None and due_s <= moment_s:
            self.stage.pass_time(due_s)
            await self._attention.paid()
        self.stage.pass_time(moment_s)

    def _reply(self, asked: Turn) -> Reply:
        try:
            return self._script.next(asked)
        except ScriptError as error:
            self._fail(error)
            return ()

    def _transcribe(self, ordinal: int, audio: bytes) -> str:
        words, self._words = " ".join(self._words), []
        return words or unintelligible(ordinal, audio)

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._tell(RealtimeModelExceptionEvent(error, "while playing the script"))

    def _tell(self, event: RealtimeModelEvent) -> None:
        if isinstance(event, RealtimeModelToolCallEvent):
            self._unanswered[event.call_id] = event.name
        self._attention.claim()
        self._delivery.put(event)
