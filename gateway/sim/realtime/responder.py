"""
Who answers: creates responses, paces them, and stops them.

Of the responses that belong to the conversation only one runs at a time; out-of-band ones run beside it and
are not interrupted by the caller. A response that is stopped may let a few more audio deltas through: they
were under way.
"""

import json
from collections.abc import Callable

from gateway.sim.realtime.asked import Asked, asked, context_of
from gateway.sim.realtime.commands import Speak
from gateway.sim.realtime.context import Context
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Item
from gateway.sim.realtime.response import Response
from gateway.sim.realtime.schedule import Rendered, Shut, Sound, Spoken, Written, due_ms, schedule
from gateway.sim.realtime.shapes import RefusalError
from gateway.sim.realtime.turn import Call, Json, Output, Reply, Say, Turn


class Responder:
    """Keeps the responses of a session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running: dict[str, Response] = {}
        self._replies: dict[str, Reply] = {}
        self._seen_ids: set[str] = set()
        self._created_count = 0
        self._read_tokens = 0
        self.sound_listeners: list[Callable[[Response], None]] = []
        self.interrupt_listeners: list[Callable[[], None]] = []
        self.done_listeners: list[Callable[[Response], None]] = []

    @property
    def active(self) -> Response | None:
        """The one response that runs in the conversation."""
        return next((one for one in self._running.values() if not one.wanted.out_of_band), None)

    def create(self, request: Json) -> Response:
        """Begin to answer."""
        context = self._context
        if context.config.transcribes_only:
            raise RefusalError("invalid_value", "A transcription session has no responses.")
        wanted = asked(request, context.config, has_audio=context.conversation.has_agent_audio)
        if (active := self.active) and not wanted.out_of_band:
            raise _already_active(active)
        items = context_of(wanted, context.conversation)
        response = Response(wanted, items, context, cached_tokens=self._read_tokens)
        self._running[response.id] = response
        reply = context.behaviour.reply(self._turn(wanted, items))
        self._created_count += 1
        response.begin()
        self._prepare(response, reply)
        return response

    def cancel(self, response_id: str | None) -> None:
        """Stop because the client wants it."""
        response = self._running.get(response_id) if response_id else self.active
        if response is None:
            raise RefusalError("response_cancel_not_active", "Cancellation failed: no active response found")
        self._stop(response, "client_cancelled", leaked_deltas=0)

    def interrupt(self) -> None:
        """Stop because the caller speaks."""
        if response := self.active:
            lag_ms = self._context.behaviour.interrupt_lag_ms
            self._context.after(lag_ms, lambda: self._give_way(response))
        for listener in self.interrupt_listeners:
            listener()

    def spoken(self, response_id: str, sounds: tuple[bytes, ...]) -> None:
        """Go on with a response now that the voice has spoken what it had to."""
        if response := self._running.get(response_id):
            self._load(response, self._replies.pop(response_id), list(sounds))

    def unspoken(self, response_id: str) -> None:
        """Give up a response because the voice failed."""
        if response := self._running.get(response_id):
            error = {"type": "server_error", "code": None, "message": "The server had an error."}
            response.finish("failed", error=error)
            self._settle(response)

    def _prepare(self, response: Response, reply: Reply) -> None:
        texts = tuple(one.text for one in reply if isinstance(one, Say) and one.audio is None)
        if texts and response.wanted.spoken:
            self._replies[response.id] = reply
            self._context.outlet.commands.append(Speak(response.id, texts))
        else:
            self._load(response, reply, [])

    def _load(self, response: Response, reply: Reply, sounds: list[bytes]) -> None:
        wanted = response.wanted
        outputs = tuple(_render(one, wanted, sounds) for one in reply)
        response.steps.extend(schedule(outputs, wanted.sound, self._context.behaviour))
        self._advance(response)

    def _advance(self, response: Response) -> None:
        """Do what is due of a response, and come back for the rest."""
        while response.running and response.steps:
            offset_ms = due_ms(response.steps[0].position_ms, self._context.behaviour)
            due_s = response.created_s + offset_ms / 1000
            if due_s > self._context.now_s:
                self._context.at(due_s, lambda: self._advance(response))
                return
            self._apply_next(response)
        if response.running:
            response.finish("completed")
        self._settle(response)

    def _apply_next(self, response: Response) -> None:
        was_silent = response.first_audio_s is None
        response.apply(response.steps.popleft())
        if was_silent and response.first_audio_s is not None:
            for listener in self.sound_listeners:
                listener(response)

    def _give_way(self, response: Response) -> None:
        if response.running:
            self._stop(response, "turn_detected", leaked_deltas=self._context.behaviour.leaked_deltas)

    def _stop(self, response: Response, reason: str, *, leaked_deltas: int) -> None:
        if response.audio_ms:
            _leak(response, leaked_deltas)
        response.finish("cancelled", reason=reason)
        self._settle(response)

    def _settle(self, response: Response) -> None:
        self._replies.pop(response.id, None)
        if self._running.pop(response.id, None):
            self._read_tokens = max(self._read_tokens, response.input_tokens)
            for listener in self.done_listeners:
                listener(response)

    def _turn(self, wanted: Asked, items: list[Item]) -> Turn:
        fresh = [item for item in items if item.id not in self._seen_ids and not item.response_id]
        if not wanted.out_of_band:
            self._seen_ids.update(item.id for item in items)
        return Turn(
            ordinal=self._created_count,
            instructions=wanted.instructions,
            own_instructions=wanted.own_instructions,
            items=tuple(item.view() for item in items),
            fresh_items=tuple(item.view() for item in fresh),
            metadata=wanted.metadata or {},
            tools=wanted.tools,
            out_of_band=wanted.out_of_band,
        )


def _leak(response: Response, deltas: int) -> None:
    """Let through what of the present item was under way."""
    while deltas and response.steps and not isinstance(response.steps[0].action, Shut):
        deltas -= isinstance(response.steps[0].action, Sound)
        response.apply(response.steps.popleft())


def _render(output: Output, wanted: Asked, sounds: list[bytes]) -> Rendered:
    match output:
        case Say(text) if not wanted.spoken:
            return Written(text)
        case Say(text, audio):
            return Spoken(text, wanted.sound.from_mulaw(sounds.pop(0) if audio is None else audio))
        case Call(name, arguments, call_id):
            spelled = arguments if isinstance(arguments, str) else json.dumps(arguments)
            return Call(name, spelled, call_id or new_id("call"))
        case _:
            return output


def _already_active(active: Response) -> RefusalError:
    message = (
        f"Conversation already has an active response in progress: {active.id}. "
        "Wait until the response is finished before creating a new one."
    )
    return RefusalError("conversation_already_has_active_response", message)
