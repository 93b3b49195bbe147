"""
Who listens: turns the caller's audio into items of the conversation.

The item of a turn has its name before it exists: speech_started gives it out, and the item appears with the
commit. Whether the turn interrupts, and whether it is answered, is up to the session.
"""

from typing import assert_never

from gateway.sim.realtime.context import Context
from gateway.sim.realtime.formats import decoded
from gateway.sim.realtime.hearing import Hearing, IdleTimeout, Signal, SpeechStarted, SpeechStopped
from gateway.sim.realtime.ids import new_id
from gateway.sim.realtime.items import Item, Part
from gateway.sim.realtime.responder import Responder
from gateway.sim.realtime.response import Response
from gateway.sim.realtime.shapes import RefusalError
from gateway.sim.realtime.transcriber import Transcriber

SHORTEST_COMMIT_MS = 100


class Listener:
    """Keeps the input of a session."""

    def __init__(self, context: Context, responder: Responder) -> None:
        self.hearing = Hearing(context.config.input_format, context.config.turn_detection)
        self._context = context
        self._responder = responder
        self._transcriber = Transcriber(context)
        self._next_item_id = new_id("item")
        responder.done_listeners.append(self._after_response)

    def configure(self) -> None:
        """Follow the settings of the session."""
        self.hearing.sound = self._context.config.input_format
        self.hearing.detect(self._context.config.turn_detection)

    def append(self, encoded: str) -> None:
        """Take in audio as it travels."""
        self.hear(decoded(encoded, param="audio"))

    def hear(self, audio: bytes) -> None:
        """Take in audio."""
        for signal in self.hearing.append(audio):
            self._notice(signal)

    def commit(self) -> None:
        """Make an item of the buffer because the client wants it."""
        if (buffered_ms := self.hearing.buffered_ms) < SHORTEST_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{SHORTEST_COMMIT_MS}ms of audio, but buffer only has {buffered_ms:.2f}ms of audio."
            )
            raise RefusalError("input_audio_buffer_commit_empty", message)
        self._commit()

    def clear(self) -> None:
        """Forget the buffer."""
        self.hearing.clear()
        self._context.emit("input_audio_buffer.cleared")

    def _notice(self, signal: Signal) -> None:
        item_id = self._next_item_id
        match signal:
            case SpeechStarted(start_ms):
                self._context.emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
                if self._decides("interrupt_response"):
                    self._responder.interrupt()
            case SpeechStopped(end_ms):
                self._context.emit("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
                self._commit()
                self._answer(wanted=self._decides("create_response"))
            case IdleTimeout(start_ms, end_ms):
                span = {"audio_start_ms": start_ms, "audio_end_ms": end_ms}
                self._context.emit("input_audio_buffer.timeout_triggered", **span, item_id=item_id)
                self._commit()
                self._answer(wanted=True)
            case _:
                assert_never(signal)

    def _commit(self) -> None:
        item = Item(self._next_item_id, role="user", parts=[self._part()])
        self._next_item_id = new_id("item")
        before = self._context.conversation.add(item)
        self._context.emit("input_audio_buffer.committed", previous_item_id=before, item_id=item.id)
        self._context.emit("conversation.item.added", previous_item_id=before, item=item.view())
        self._context.emit("conversation.item.done", previous_item_id=before, item=item.view())
        self._transcriber.write_down(item)

    def _part(self) -> Part:
        audio = self.hearing.take()
        sound = self._context.config.input_format
        return Part("input_audio", format=sound, audio=bytearray(audio), transcribed=False)

    def _answer(self, *, wanted: bool) -> None:
        if not wanted or self._context.config.transcribes_only:
            return
        try:
            self._responder.create({})
        except RefusalError as refusal:
            self._context.refuse(refusal)

    def _decides(self, key: str) -> bool:
        return bool((self._context.config.turn_detection or {}).get(key))

    def _after_response(self, response: Response) -> None:
        self._transcriber.release()
        heard_s = self._context.now_s - (response.first_audio_s or self._context.now_s)
        self.hearing.expect_speech(in_ms=max(0.0, response.audio_ms - heard_s * 1000))
