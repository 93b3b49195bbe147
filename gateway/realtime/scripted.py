"""
A model that does what a script says: for tests of one's own agents, without a server, a key or a second to wait.

    model = ScriptedRealtimeModel([
        turn(says("Good morning, this is the bistro.")),
        turn(calls("book_table", {"people": 4})),
        turn(says("I booked it for you.")),
    ])
    await model.connect({"initial_model_settings": {"instructions": "You answer the phone of a bistro."}})
    await model.send_event(RealtimeModelSendUserInput("(the phone rings)"))
    model.hears("A table for four, please.")
    await model.settled()
    assert json.loads(model.outputs["call_1"]) == {"booked": True}

Each response that is asked for, by the agent or by the end of the caller's turn, takes the next turn of the script.
What comes of it is what would come of OpenAI's model: the same session decides, with a simulated server behind it, on
a clock of their own (`rehearsal`). So settings that a server would refuse are refused, the caller is written down
where the session asks for a transcription and not elsewhere, and an interruption cuts the agent's memory at what was
heard.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from gateway.errors import UserError
from gateway.protocol.model.inputs import RealtimeModelSendEvent, RealtimeModelSendToolOutput
from gateway.protocol.model.session import ModelSession
from gateway.protocol.model.session_object import session_object
from gateway.realtime.address import DEFAULT_MODEL
from gateway.realtime.attention import Attention
from gateway.realtime.model import RealtimeModel, RealtimeModelConfig, RealtimeModelListener
from gateway.realtime.rehearsal import Rehearsal, Utterance
from gateway.realtime.script import Script, ScriptedTurn, ScriptError, calls, fails, says, turn
from gateway.realtime.stage import ENDLESS_S
from gateway.sim.realtime import Behaviour, Truncation

__all__ = ["ScriptError", "ScriptedRealtimeModel", "ScriptedTurn", "calls", "fails", "says", "turn"]


class ScriptedRealtimeModel(RealtimeModel):
    """A model that takes the turns of a script, one after the other; connected again, it goes on with the next."""

    def __init__(self, turns: Iterable[ScriptedTurn], *, speed: float = 1000.0) -> None:
        """
        The agent makes its speech *speed* times faster than it is spoken.

        So fast that it is made before a word was heard, unless you say otherwise: with a *speed* of 1.5, the answer is
        still being made when the caller cuts in, and is cancelled.
        """
        self.sent: list[RealtimeModelSendEvent] = []
        """All that was asked of the model, in order."""
        self.outputs: dict[str, str] = {}
        """What tools have answered, by call id."""
        self._script = Script(turns)
        self._speed = speed
        self._caller: deque[Utterance] = deque()
        self._listeners: list[RealtimeModelListener] = [Attention()]
        self._rehearsal: Rehearsal | None = None
        self._connected = False

    # What a test does, and sees

    def hears(self, words: str) -> None:
        """
        The caller says something, once the agent has finished and was heard to the end.

        Where the server decides on turns it ends this one, and answers it if it is set to; where it does not, the
        agent has to commit it.
        """
        self._utter(Utterance(words))

    def interrupts(self, words: str = "Wait, please.", *, heard_ms: float = 200.0) -> None:
        """
        The caller cuts in when *heard_ms* of what the agent is saying, or will say next, were heard.

        The heard part is taken to be played at real time; with a playback tracker, it is what the tracker says.
        """
        self._utter(Utterance(words, heard_ms))

    def ends(self, error: Exception | None = None) -> None:
        """The server ends the session: in good order, or because of an *error*."""
        self._last.end(error)

    async def settled(self, *, answered: bool = True, timeout_s: float = 5.0) -> None:
        """
        Wait until nothing is under way: nobody speaks, every event was told, and every tool call is *answered*.

        Whatever else waits for the outside world, such as a guardrail that asks another model, is not waited for.

        Raises `ScriptError` when the conversation has left the script, and when it does not settle.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._last.settled(answered=answered)
        except TimeoutError:
            raise ScriptError(f"not settled after {timeout_s:g} s: {self._last.under_way()}") from None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the session that are in force, as the API writes them."""
        return self._last.stage.settings

    @property
    def truncations(self) -> list[Truncation]:
        """Where the agent's memory was cut, in order."""
        return self._last.stage.truncations

    @property
    def turns_left(self) -> int:
        """How many turns of the script were not asked for."""
        return self._script.turns_left

    # What every model does

    def add_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* too; added twice, it is told once."""
        if listener not in self._listeners:
            self._listeners.insert(-1, listener)

    def remove_listener(self, listener: RealtimeModelListener) -> None:
        """Tell *listener* no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    async def connect(self, options: RealtimeModelConfig) -> None:
        """
        Open a session; key and address are not looked at.

        Raises `UserError` for settings that cannot work, for a call to attach to, and for a second connection.
        """
        if self._connected and not self._last.ended:
            raise UserError("the model is connected already; close it, or use another")
        if options.get("call_id"):
            raise UserError("a scripted model has no call to attach to; leave call_id out")
        settings = options.get("initial_model_settings") or {}
        session = ModelSession(
            session_object(settings), dialect=options.get("dialect"), tracker=options.get("playback_tracker")
        )
        behaviour = Behaviour(speed=self._speed, max_age_s=ENDLESS_S, dialect=options.get("dialect", "ga"))
        name = settings.get("model_name") or DEFAULT_MODEL
        self._rehearsal = Rehearsal(session, behaviour, name, self._script, self._caller, self._listeners)
        self._connected = True
        self._rehearsal.open()

    async def send_event(self, event: RealtimeModelSendEvent) -> None:
        """
        Ask something of the model.

        Raises `UserError` before `connect` and after `close`, `PeerError` when the script has ended the session.
        """
        if not self._connected:
            raise UserError("the model is not connected; call connect first")
        self._last.send(event)
        self.sent.append(event)
        if isinstance(event, RealtimeModelSendToolOutput):
            self.outputs[event.tool_call.call_id] = event.output

    async def close(self) -> None:
        """End the session; closed twice is closed once."""
        if self._connected:
            self._connected = False
            await self._last.close()

    @property
    def _last(self) -> Rehearsal:
        """The connection, or the one that there was last."""
        if self._rehearsal is None:
            raise UserError("the model was never connected; call connect first")
        return self._rehearsal

    def _utter(self, utterance: Utterance) -> None:
        self._caller.append(utterance)
        if self._rehearsal is not None:
            self._rehearsal.stir()
