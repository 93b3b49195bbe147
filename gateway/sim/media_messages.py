"""
Twilio's media stream messages, written and read from the phone company's side.

Numbers travel as strings, except where Twilio itself sends numbers. What arrives is either one of
the three messages a server may send, or something Twilio would have warned about and ignored.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.sim.codes import NO_MESSAGE, WRONG_MESSAGE

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'


@dataclass(frozen=True, slots=True)
class Media:
    """Audio for the caller."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A name to be sent back when everything before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Play nothing more of what is waiting."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something to warn about and to ignore."""

    code: int
    why: str


Received = Media | Mark | Clear | Malformed


def read_message(frame: str | bytes, stream_sid: str) -> Received:
    """Read one frame that a server sent to the stream *stream_sid*."""
    if isinstance(frame, bytes):
        return Malformed(NO_MESSAGE, f"expected text, found a binary frame of {len(frame)} bytes")
    try:
        message = json.loads(frame)
    except ValueError:
        return Malformed(NO_MESSAGE, f"expected JSON, found {frame[:80]!r}")
    try:
        return _read(message, stream_sid)
    except (KeyError, TypeError, AttributeError) as error:
        return Malformed(WRONG_MESSAGE, f"missing or wrong field {error} in {frame[:80]!r}")
    except binascii.Error as error:
        return Malformed(WRONG_MESSAGE, f"expected a base64 payload: {error}")


def _read(message: Any, stream_sid: str) -> Received:
    event = message["event"]
    if event not in ("media", "mark", "clear"):
        return Malformed(WRONG_MESSAGE, f"expected event media, mark or clear, found {event!r}")
    if message["streamSid"] != stream_sid:
        return Malformed(WRONG_MESSAGE, f"expected streamSid {stream_sid}, found {message['streamSid']!r}")
    if event == "media":
        return Media(base64.b64decode(message["media"]["payload"].encode(), validate=True))
    if event == "clear":
        return Clear()
    name = message["mark"]["name"]
    return Mark(name) if isinstance(name, str) else Malformed(WRONG_MESSAGE, f"expected a mark name, found {name!r}")


class Writer:
    """Writes the messages of one stream, numbering them from 1."""

    def __init__(self, *, account_sid: str, call_sid: str, stream_sid: str) -> None:
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._stream_sid = stream_sid
        self._sequence_number = 0
        self._chunk = 0

    def start(self, parameters: Mapping[str, str]) -> str:
        """The stream begins."""
        start = {
            "streamSid": self._stream_sid,
            "accountSid": self._account_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }
        return self._message("start", start)

    def media(self, payload: str, timestamp_ms: int) -> str:
        """20 ms of the caller's voice, as base64."""
        self._sequence_number += 1
        self._chunk += 1
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence_number}","streamSid":"{self._stream_sid}",'
            f'"media":{{"track":"inbound","chunk":"{self._chunk}","timestamp":"{timestamp_ms}",'
            f'"payload":"{payload}"}}}}'
        )

    def mark(self, name: str) -> str:
        """Everything before that mark was played, or thrown away."""
        return self._message("mark", {"name": name})

    def dtmf(self, digit: str) -> str:
        """The caller pressed a key."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> str:
        """The stream has ended."""
        return self._message("stop", {"accountSid": self._account_sid, "callSid": self._call_sid})

    def _message(self, event: str, content: Mapping[str, Any]) -> str:
        self._sequence_number += 1
        head = {"event": event, "sequenceNumber": str(self._sequence_number), "streamSid": self._stream_sid}
        return json.dumps({**head, event: content}, separators=(",", ":"))
