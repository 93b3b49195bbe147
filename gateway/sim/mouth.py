"""What the caller says, cut into the frames of 20 ms that the phone sends without end."""

import base64

FRAME_BYTES = 160
FRAME_MS = 20
SILENT_PAYLOAD = base64.b64encode(b"\xff" * FRAME_BYTES).decode()


class Mouth:
    """Speech waiting to be sent; silence when there is none."""

    def __init__(self) -> None:
        self._speech = bytearray()
        self._said_bytes = 0

    def say(self, audio: bytes) -> None:
        """Speak *audio* (mu-law at 8 kHz), after what is being spoken already."""
        self._speech += audio

    def hush(self) -> None:
        """Stop speaking in the middle of a word."""
        self._speech.clear()
        self._said_bytes = 0

    @property
    def speaking(self) -> bool:
        """Whether the next frame will carry speech."""
        return self._said_bytes < len(self._speech)

    def next_payload(self) -> str:
        """The next 20 ms, as base64; the end of an utterance is filled up with silence."""
        if not self.speaking:
            return SILENT_PAYLOAD
        frame = self._speech[self._said_bytes : self._said_bytes + FRAME_BYTES]
        self._said_bytes += FRAME_BYTES
        if self._said_bytes >= len(self._speech):
            self.hush()
        return base64.b64encode(frame.ljust(FRAME_BYTES, b"\xff")).decode()
