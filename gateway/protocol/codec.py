"""
The realtime protocol without I/O: one JSON text is one event, one input is one JSON text.

GA names go out. In comes either set of names, GA or the older beta's, since look-alike servers still send the
latter. Every input that can be refused carries an `event_id`, the only thing that an `error` quotes; the last few
are kept so that a refusal can be told together with what it refuses.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from gateway.audio.g711 import is_base64
from gateway.errors import RemoteProtocolError
from gateway.protocol.confirmed import confirmed_session
from gateway.protocol.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    DtmfReceived,
    ErrorReceived,
    EventIgnored,
    FunctionCalled,
    ItemTruncated,
    OutputAudioCleared,
    OutputAudioStarted,
    OutputAudioStopped,
    RealtimeEvent,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
)
from gateway.protocol.inputs import (
    AppendAudio,
    CancelResponse,
    ClearOutputAudio,
    ConfigureSession,
    CreateResponse,
    Input,
    SendToolOutput,
    TruncateItem,
    UpdateAgent,
    UpdateAudio,
)

_REFUSABLE_KEPT = 64
_DIGITS = frozenset("0123456789*#ABCD")

BETA_NAMES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
"""Names of the retired beta, and what GA calls the same thing."""


class _Typed(msgspec.Struct):
    type: str


class _AudioPart(msgspec.Struct):
    response_id: str
    item_id: str
    content_index: int = 0


class _AudioDelta(_AudioPart, kw_only=True):
    delta: str


class _Transcript(msgspec.Struct):
    item_id: str
    response_id: str = ""
    content_index: int = 0
    delta: str = ""
    transcript: str = ""
    usage: Any = None


class _Speech(msgspec.Struct):
    item_id: str
    audio_start_ms: int = 0
    audio_end_ms: int = 0


class _Truncated(msgspec.Struct):
    item_id: str
    audio_end_ms: int
    content_index: int = 0


class _Played(msgspec.Struct):
    response_id: str


class _Dtmf(msgspec.Struct):
    event: str


class _Error(msgspec.Struct):
    message: str = ""
    code: str | None = None
    type: str | None = None
    event_id: str | None = None


class _ErrorFrame(msgspec.Struct):
    error: _Error


class _Item(msgspec.Struct):
    id: str = ""
    type: str = ""
    status: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class _ItemDone(msgspec.Struct):
    item: _Item
    response_id: str = ""


class _Response(msgspec.Struct):
    id: str
    status: str = "in_progress"
    status_details: Any = None
    usage: Any = None


class _ResponseFrame(msgspec.Struct):
    response: _Response


class _SessionFrame(msgspec.Struct):
    session: dict[str, Any]


class RealtimeProtocol:
    """One session's codec; remembers what it sent only as far as a refusal may quote it."""

    def __init__(self) -> None:
        self._sent = 0
        self._refusable: OrderedDict[str, Input] = OrderedDict()
        self.beta_names: set[str] = set()
        """Old names that the server has used."""

    # Out

    def encode(self, command: Input) -> bytes:
        """The JSON text for one input."""
        match command:
            case AppendAudio():
                return encode_audio(command)
            case ConfigureSession(config):
                return self._refusably(command, type="session.update", session=config.to_wire())
            case UpdateAgent(instructions, tools):
                session: dict[str, object] = {"type": "realtime", "instructions": instructions, "tools": tools}
                return self._refusably(command, type="session.update", session=session)
            case UpdateAudio(config):
                audio = config.to_wire()["audio"]
                return self._refusably(command, type="session.update", session={"type": "realtime", "audio": audio})
            case CreateResponse(None):
                return self._refusably(command, type="response.create")
            case CreateResponse(instructions):
                return self._refusably(command, type="response.create", response={"instructions": instructions})
            case CancelResponse(response_id):
                return self._refusably(command, type="response.cancel", response_id=response_id)
            case ClearOutputAudio():
                return self._refusably(command, type="output_audio_buffer.clear")
            case TruncateItem(item_id, content_index, audio_end_ms):
                return self._refusably(
                    command,
                    type="conversation.item.truncate",
                    item_id=item_id,
                    content_index=content_index,
                    audio_end_ms=audio_end_ms,
                )
            case SendToolOutput(call_id, output):
                item = {"type": "function_call_output", "call_id": call_id, "output": output}
                return self._refusably(command, type="conversation.item.create", item=item)
            case _:
                assert_never(command)

    def _refusably(self, command: Input, **fields: object) -> bytes:
        self._sent += 1
        event_id = f"gw_{self._sent}"
        self._refusable[event_id] = command
        if len(self._refusable) > _REFUSABLE_KEPT:
            self._refusable.popitem(last=False)
        return _encode({**fields, "event_id": event_id})

    # In

    def receive(self, text: bytes) -> RealtimeEvent:
        """
        The event that one JSON text tells; kinds that are not known are ignored.

        Raises `RemoteProtocolError` when the text is no JSON object with a `type`, or lacks what its type needs.
        """
        try:
            if text.startswith(_DELTA_BEGINS):
                return _audio_delta(self, text)
            name = _decode_type(text).type
            read = _READERS.get(BETA_NAMES.get(name, name))
            if read is None:
                return EventIgnored(name)
            if name in BETA_NAMES:
                self.beta_names.add(name)
            return read(self, text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RemoteProtocolError(f"malformed event: {error}; it begins {text[:60]!r}") from error

    def _error(self, text: bytes) -> RealtimeEvent:
        error = _decode_error(text).error
        refused = self._refusable.pop(error.event_id, None) if error.event_id else None
        return ErrorReceived(error.code or error.type or "unknown", error.message, refused)


_NAMED_WITHIN_BYTES = 200
"""Servers write an event's type near its beginning; where one does not, nothing is put first."""


def speech_first(messages: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """
    Of messages that came at once, put the caller's speech in front of the audio deltas right before it.

    They are of no use any more, and each would take half a millisecond to be sent, only to be cleared.
    """
    ordered: list[tuple[int, bytes]] = []
    for message in messages:
        at = len(ordered)
        if b'"input_audio_buffer.speech_started"' in message[1][:_NAMED_WITHIN_BYTES]:
            while at and _DELTA.search(ordered[at - 1][1], 0, _NAMED_WITHIN_BYTES):
                at -= 1
        ordered.insert(at, message)
    return ordered


_DELTA_BEGINS = b'{"type":"response.output_audio.delta",'
"""So servers begin what there is most of; then it need not be read twice to see what it is."""
_DELTA = re.compile(rb'"response\.(output_)?audio(_transcript)?\.delta"')
_encode = msgspec.json.Encoder().encode
encode_audio: Callable[[AppendAudio], bytes] = _encode
"""The JSON text for a frame of caller audio, without asking what it is."""
_decode_type = msgspec.json.Decoder(_Typed).decode
_decode_delta = msgspec.json.Decoder(_AudioDelta).decode
_decode_part = msgspec.json.Decoder(_AudioPart).decode
_decode_transcript = msgspec.json.Decoder(_Transcript).decode
_decode_speech = msgspec.json.Decoder(_Speech).decode
_decode_truncated = msgspec.json.Decoder(_Truncated).decode
_decode_played = msgspec.json.Decoder(_Played).decode
_decode_dtmf = msgspec.json.Decoder(_Dtmf).decode
_decode_error = msgspec.json.Decoder(_ErrorFrame).decode
_decode_item = msgspec.json.Decoder(_ItemDone).decode
_decode_response = msgspec.json.Decoder(_ResponseFrame).decode
_decode_session = msgspec.json.Decoder(_SessionFrame).decode


def _audio_delta(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    delta = _decode_delta(text)
    if not is_base64(delta.delta):
        raise RemoteProtocolError(f"audio delta of {len(delta.delta)} characters is not base64")
    return AudioDelta(delta.response_id, delta.item_id, delta.content_index, delta.delta)


def _audio_done(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    part = _decode_part(text)
    return AudioDone(part.response_id, part.item_id, part.content_index)


def _transcript_delta(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    part = _decode_transcript(text)
    return TranscriptDelta(part.response_id, part.item_id, part.delta, part.content_index)


def _transcript_done(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    part = _decode_transcript(text)
    return TranscriptDone(part.response_id, part.item_id, part.transcript, part.content_index)


def _caller_transcript(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    part = _decode_transcript(text)
    return CallerTranscript(part.item_id, part.transcript, part.usage if isinstance(part.usage, dict) else {})


def _speech_started(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    speech = _decode_speech(text)
    return SpeechStarted(speech.item_id, speech.audio_start_ms)


def _speech_stopped(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    speech = _decode_speech(text)
    return SpeechStopped(speech.item_id, speech.audio_end_ms)


def _truncated(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    cut = _decode_truncated(text)
    return ItemTruncated(cut.item_id, cut.content_index, cut.audio_end_ms)


def _audio_started(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return OutputAudioStarted(_decode_played(text).response_id)


def _audio_stopped(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return OutputAudioStopped(_decode_played(text).response_id)


def _audio_cleared(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return OutputAudioCleared(_decode_played(text).response_id)


def _dtmf(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    digit = _decode_dtmf(text).event
    return DtmfReceived(digit) if digit in _DIGITS else EventIgnored("input_audio_buffer.dtmf_event_received")


def _item_done(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    """A finished item; only a function call that was completed needs an answer."""
    frame = _decode_item(text)
    item = frame.item
    if item.type != "function_call" or item.status not in {None, "completed"} or not item.call_id:
        return EventIgnored("response.output_item.done")
    return FunctionCalled(frame.response_id, item.id, item.call_id, item.name or "", item.arguments or "{}")


def _response_created(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return ResponseCreated(_decode_response(text).response.id)


def _response_done(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    response = _decode_response(text).response
    details = response.status_details if isinstance(response.status_details, dict) else {}
    error = details.get("error")
    error = error if isinstance(error, dict) else {}
    return ResponseDone(
        response.id,
        status=_status(response.status),
        reason=str(details.get("reason") or ""),
        error_code=str(error.get("code") or error.get("type") or ""),
        usage=response.usage if isinstance(response.usage, dict) else {},
    )


def _status(text: str) -> Any:
    known = {"completed", "cancelled", "incomplete", "failed"}
    return text if text in known else "failed"


def _session_created(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return SessionCreated(str(_decode_session(text).session.get("id") or ""))


def _session_updated(_: RealtimeProtocol, text: bytes) -> RealtimeEvent:
    return confirmed_session(_decode_session(text).session)


_READERS: dict[str, Callable[[RealtimeProtocol, bytes], RealtimeEvent]] = {
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _transcript_delta,
    "response.output_audio_transcript.done": _transcript_done,
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.done": _item_done,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "conversation.item.input_audio_transcription.completed": _caller_transcript,
    "conversation.item.truncated": _truncated,
    "output_audio_buffer.started": _audio_started,
    "output_audio_buffer.stopped": _audio_stopped,
    "output_audio_buffer.cleared": _audio_cleared,
    "input_audio_buffer.dtmf_event_received": _dtmf,
    "session.created": _session_created,
    "session.updated": _session_updated,
    "error": RealtimeProtocol._error,
}
