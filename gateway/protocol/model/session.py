"""
One session with a realtime model, as its users have it.

What the server confirms is kept: its formats, and whether it interrupts and answers by itself. When the caller
speaks, or a user interrupts, the agent is cut off at what was played: what came of its speech is taken and forgotten,
then listeners are told, then the response is cancelled if the server does not do that by itself, then each unheard
part is truncated. What still comes of what was cut is dropped. On a call that came by SIP the server plays the audio
and knows better: nothing is truncated from here.
"""

from collections.abc import Iterator
from typing import assert_never

from gateway.errors import RemoteProtocolError, UserError
from gateway.protocol.confirmed import confirmed_session, is_flat
from gateway.protocol.events import SessionUpdated
from gateway.protocol.model.beta import LEGACY_NAMES
from gateway.protocol.model.events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelAudioInterruptedEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelToolCallEvent,
    RealtimeServerError,
)
from gateway.protocol.model.inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendEvent,
    RealtimeModelSendInterrupt,
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
    RealtimeModelSendToolOutput,
    RealtimeModelSendUserInput,
)
from gateway.protocol.model.items import RealtimeToolCallItem
from gateway.protocol.model.outbox import Dialect, Json, Outbox, Send, Warn
from gateway.protocol.model.playback import RealtimePlaybackTracker
from gateway.protocol.model.reader import Part, ResponseHolder, SessionHolder, parse, read, shaped
from gateway.protocol.model.responses import Responses
from gateway.protocol.model.session_object import session_object
from gateway.protocol.model.speech import Speech
from gateway.protocol.model.writer import (
    audio_messages,
    cancel_message,
    raw_message,
    tool_output_message,
    truncate_message,
    user_message,
)

Effect = RealtimeModelEvent | Send | Warn

_BY_CALLER = RealtimeModelSendInterrupt()


class ModelSession:
    """Decides what is told and what is sent; every answer is to be carried out in its order."""

    def __init__(
        self,
        initial: Json,
        *,
        attached: bool = False,
        dialect: Dialect | None = None,
        tracker: RealtimePlaybackTracker | None = None,
    ) -> None:
        self.confirmed: SessionUpdated | None = None
        """The session as the server has it; None until it was opened."""
        self.settled = False
        """Whether the server has taken the initial settings, or refused them."""
        self._initial = initial
        self._attached = attached
        self._outbox = Outbox(dialect)
        self._responses = Responses()
        self._speech = Speech(tracker)
        self._called: set[str] = set()
        self._legacy_names: set[str] = set()
        self._server_plays = False

    # In

    def receive(self, text: bytes, *, now_ms: float) -> list[Effect]:
        """What follows from one text of the server, whatever it holds."""
        effects: list[Effect] = []
        try:
            message = parse(text)
            effects.append(RealtimeModelRawServerEvent(message))
            effects.extend(self._understand(message, now_ms))
        except RemoteProtocolError as error:
            effects.append(RealtimeModelErrorEvent(error))
        effects.extend(self._respond())
        return effects

    def _understand(self, message: Json, now_ms: float) -> Iterator[Effect]:
        found: str = message["type"]
        name = LEGACY_NAMES.get(found, found)
        if name != found:
            yield from self._legacy(found, name)
        yield from self._follow(name, message, now_ms)
        if name.startswith("response.output_item.") and self._responses.is_apart(message.get("response_id")):
            return
        for event in read(name, message):
            yield from self._tell(event, now_ms)

    def _legacy(self, found: str, name: str) -> Iterator[Warn]:
        if found not in self._legacy_names:
            self._legacy_names.add(found)
            yield Warn(f"the server says {found}, the beta's name for {name}; it is understood")

    def _follow(self, name: str, message: Json, now_ms: float) -> Iterator[Effect]:
        """Take note of what has no event of its own."""
        match name:
            case "session.created":
                yield from self._opened(shaped(message, SessionHolder).session)
            case "session.updated":
                self._confirm(shaped(message, SessionHolder).session)
                self.settled = True
            case "input_audio_buffer.speech_started":
                self._responses.speech_started()
                yield from self._interrupt(_BY_CALLER, now_ms, by_caller=True)
            case "input_audio_buffer.speech_stopped":
                self._responses.speech_stopped(responds=self.confirmed is not None and self.confirmed.responds)
            case "input_audio_buffer.committed" | "input_audio_buffer.cleared":
                self._responses.speech_stopped(responds=False)
            case "response.created":
                self._responses.created(shaped(message, ResponseHolder).response)
            case "response.done":
                response_id = shaped(message, ResponseHolder).response.id
                self._speech.spoken.response_done(response_id)
                self._responses.done(response_id)
            case "output_audio_buffer.started":
                self._server_plays = True
            case "output_audio_buffer.stopped" | "output_audio_buffer.cleared":
                self._server_plays = False
            case "conversation.item.truncated" if self._attached:
                part = shaped(message, Part)
                yield RealtimeModelAudioInterruptedEvent(part.item_id, part.content_index)
            case _:
                self._responses.seen(message.get("response_id"))

    def _opened(self, session: Json) -> Iterator[Effect]:
        first = self.confirmed is None
        self._confirm(session)
        if self._outbox.dialect is None:
            self._outbox.dialect = "beta" if is_flat(session) else "ga"
        if first:
            yield from self._update(self._initial)
            self.settled = self._initial.keys() == {"type"}

    def _confirm(self, session: Json) -> None:
        self.confirmed = confirmed_session(session)
        self._speech.set_format(self.confirmed.output_format)

    def _tell(self, event: RealtimeModelEvent, now_ms: float) -> Iterator[Effect]:
        match event:
            case RealtimeModelAudioEvent():
                if self._speech.came(event, now_ms=now_ms):
                    yield event
            case RealtimeModelAudioDoneEvent(item_id, content_index):
                self._speech.spoken.done((item_id, content_index))
                yield event
            case RealtimeModelItemUpdatedEvent(RealtimeToolCallItem(call_id=call_id)) if call_id in self._called:
                pass
            case RealtimeModelToolCallEvent(call_id=call_id):
                if call_id not in self._called:
                    self._called.add(call_id)
                    yield event
            case RealtimeModelErrorEvent(RealtimeServerError() as error):
                yield from self._refused(error)
            case _:
                yield event

    def _refused(self, error: RealtimeServerError) -> Iterator[Effect]:
        """Deal with a refusal of something of ours where it can be dealt with; what cannot is told."""
        message = self._outbox.refused(error.event_id) or {}
        match message.get("type"), error.code:
            case "response.create", "conversation_already_has_active_response":
                self._responses.refused(as_active=True)
                return
            case "response.create", _:
                self._responses.refused(as_active=False)
            case "response.cancel", "response_cancel_not_active":
                return
            case "session.update", "cannot_update_voice":
                yield from self._without_voice(message["session"])
                return
            case "session.update", _:
                self.settled = True
        yield RealtimeModelErrorEvent(error)

    def _without_voice(self, session: Json) -> Iterator[Effect]:
        yield Warn("the voice cannot be changed once the agent has spoken; all else is")
        rest = {name: value for name, value in session.items() if name != "audio"}
        audio = dict(session["audio"])
        if output := {name: value for name, value in audio.pop("output").items() if name != "voice"}:
            audio["output"] = output
        if audio:
            rest["audio"] = audio
        self.settled = self.settled or rest.keys() == {"type"}
        yield from self._update(rest)

    # Out

    def send(self, event: RealtimeModelSendEvent, *, now_ms: float) -> list[Effect]:
        """
        What follows from what a user wants.

        Raises `UserError` for what no server would take; then nothing is sent.
        """
        return [*self._carry_out(event, now_ms), *self._respond()]

    def _carry_out(self, event: RealtimeModelSendEvent, now_ms: float) -> Iterator[Effect]:
        match event:
            case RealtimeModelSendAudio(audio, commit):
                yield from self._audio(audio, commit=commit)
            case RealtimeModelSendUserInput(user_input):
                yield from self._outbox.write(user_message(user_input))
                self._responses.want()
            case RealtimeModelSendToolOutput():
                yield from self._tool_output(event)
            case RealtimeModelSendInterrupt():
                yield from self._interrupt(event, now_ms)
            case RealtimeModelSendSessionUpdate(settings):
                yield from self._update(session_object(settings, attached=self._attached))
            case RealtimeModelSendRawMessage(message):
                written = raw_message(message)
                yield from self._outbox.write_raw(written)
                if written["type"] == "response.create":
                    self._responses.asked_raw(written)
            case _:
                assert_never(event)

    def _audio(self, audio: bytes, *, commit: bool) -> Iterator[Effect]:
        if self._attached:
            raise UserError("the audio of a call that is attached to by call_id comes from the call itself")
        for message in audio_messages(audio):
            yield from self._outbox.write(message)
        if commit:
            yield from self._outbox.write({"type": "input_audio_buffer.commit"})

    def _tool_output(self, event: RealtimeModelSendToolOutput) -> Iterator[Effect]:
        call = event.tool_call
        yield from self._outbox.write(tool_output_message(call.call_id, event.output))
        if event.start_response:
            self._responses.want()
        yield RealtimeModelItemUpdatedEvent(
            RealtimeToolCallItem(
                item_id=call.id or call.call_id,
                previous_item_id=call.previous_item_id,
                call_id=call.call_id,
                status="completed",
                arguments=call.arguments,
                name=call.name,
                output=event.output,
            )
        )

    def _update(self, session: Json) -> Iterator[Effect]:
        if session.keys() - {"type"}:
            yield from self._outbox.write({"type": "session.update", "session": session})

    def _respond(self) -> Iterator[Effect]:
        if self._responses.may_ask():
            yield from self._outbox.write({"type": "response.create"})

    # Interruptions

    def _interrupt(
        self, wish: RealtimeModelSendInterrupt, now_ms: float, *, by_caller: bool = False
    ) -> Iterator[Effect]:
        cuts = [] if self._attached else self._speech.interrupt(wish.response_id, now_ms=now_ms)
        active = self._responses.under_way(wish.response_id)
        interrupts = self.confirmed is not None and self.confirmed.interrupts
        cancels = bool(active) and not wish.playback_only and (wish.force_response_cancel or not interrupts)
        if cancels or (by_caller and interrupts):
            for response_id in active:
                self._speech.silence(response_id)
        if cuts:
            yield RealtimeModelAudioInterruptedEvent(cuts[0].item_id, cuts[0].content_index)
        if cancels:
            yield from self._outbox.write(cancel_message(wish.response_id))
        for cut in cuts:
            yield from self._outbox.write(truncate_message(cut.item_id, cut.content_index, cut.heard_ms))
        if self._attached and self._server_plays and not (by_caller and interrupts):
            yield from self._outbox.write({"type": "output_audio_buffer.clear"})
