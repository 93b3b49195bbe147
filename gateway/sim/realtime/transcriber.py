"""
Who writes down what the caller says, beside the conversation and in its own time.

Whisper sends the text in one piece, the others word by word. A transcription that fails has its own event
and harms nothing else.
"""

import re

from gateway.sim.realtime.context import Context
from gateway.sim.realtime.items import Item
from gateway.sim.realtime.turn import Json
from gateway.sim.realtime.usage import transcription_usage

EVENT = "conversation.item.input_audio_transcription"


class Transcriber:
    """Keeps the transcriptions of a session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._held: list[Item] = []
        self._turn_count = 0

    def write_down(self, item: Item) -> None:
        """Transcribe a turn of the caller, if the session wants it."""
        ordinal, self._turn_count = self._turn_count, self._turn_count + 1
        settings = self._context.config.transcription
        if settings is None:
            return
        item.parts[0].text = self._context.behaviour.transcribe(ordinal, bytes(item.parts[0].audio))
        if self._context.behaviour.transcription_after_response:
            self._held.append(item)
        else:
            self._context.after(self._context.behaviour.transcription_delay_ms, lambda: self._report(item))

    def release(self) -> None:
        """Report what was held back."""
        held, self._held = self._held, []
        for item in held:
            self._report(item)

    def _report(self, item: Item) -> None:
        place: Json = {"item_id": item.id, "content_index": 0}
        if self._context.behaviour.transcription_fails:
            error = {
                "type": "server_error",
                "code": "audio_unintelligible",
                "message": "No words.",
                "param": None,
            }
            self._context.emit(f"{EVENT}.failed", **place, error=error)
            return
        part = item.parts[0]
        part.transcribed = True
        model = str((self._context.config.transcription or {}).get("model", "whisper-1"))
        for delta in [part.text] if model == "whisper-1" else re.findall(r"\S+\s*", part.text):
            self._context.emit(f"{EVENT}.delta", **place, delta=delta)
        usage = transcription_usage(model, part.audio_ms, part.text)
        self._context.emit(f"{EVENT}.completed", **place, transcript=part.text, usage=usage)
