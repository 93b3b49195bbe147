"""Twilio's frames: what is understood, what is refused, and what is said."""

import base64
import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.providers import DIALECTS
from gateway.providers.events import (
    CallerAudio,
    DtmfPressed,
    FrameIgnored,
    MarkEchoed,
    StreamStarted,
    StreamStopped,
)

TWILIO = DIALECTS["twilio"]
VECTORS = Path(__file__).parent / "twilio_vectors"
STREAM_SID = "MZ00000000000000000000000000000001"
FRAMES = (VECTORS / "frames.jsonl").read_bytes().splitlines()
MEANINGS = [
    FrameIgnored("connected"),
    StreamStarted(
        stream_sid=STREAM_SID,
        call_sid="CA00000000000000000000000000000001",
        account_sid="AC00000000000000000000000000000001",
        parameters={"tok": "one-time-token", "from": "+15550100"},
    ),
    CallerAudio("//7+/v7+/w==", stamp_ms=20),
    DtmfPressed("5"),
    MarkEchoed("e7.123"),
    StreamStopped(),
]
MALFORMED = (VECTORS / "malformed.jsonl").read_bytes().splitlines()

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "telepathy"])
FIELDS = st.sampled_from(["payload", "timestamp", "digit", "name", "callSid", "customParameters", "mediaFormat"])
BODIES = st.dictionaries(FIELDS, JSON_VALUES, max_size=4) | JSON_VALUES
BASE64 = st.binary(min_size=1, max_size=400).map(lambda data: base64.b64encode(data).decode())


@pytest.mark.parametrize(("frame", "meaning"), [*zip(FRAMES, MEANINGS, strict=True)])
def test_every_documented_frame_is_understood(frame: bytes, meaning: object) -> None:
    """
    What Twilio is known to send has a meaning.
    """
    assert TWILIO.parse(frame) == meaning


@pytest.mark.parametrize("frame", MALFORMED)
def test_malformed_frames_are_their_fault(frame: bytes) -> None:
    """
    A frame that leaves the protocol is blamed on whoever sent it.
    """
    with pytest.raises(RemoteProtocolError):
        TWILIO.parse(frame)


@given(st.binary())
@example(b"\xff")
@example(b'{"event":"mark","mark":{"name":"\xff"}}')
@example(b'{"event":"mark","mark":{"name":"\\ud800"}}')
@example(b"[" * 60_000)
@example(b'{"event":"media","media":' + b"[" * 60_000)
@example(b'{"event":"media","extra":' + b"[" * 30_000 + b"]" * 30_000 + b"}")
@example(b'{"event":"media","media":{"payload":"AAAA","timestamp":' + b"9" * 4_000 + b"}}")
def test_bytes_are_an_event_or_their_fault(frame: bytes) -> None:
    """
    Nothing that fits into a frame gets past the parser in any other way.
    """
    understood(frame)


@given(KINDS, BODIES)
def test_frames_of_any_content_are_an_event_or_their_fault(kind: str, body: object) -> None:
    """
    A frame that begins as it should is looked at no less closely.
    """
    understood(json.dumps({"event": kind, "streamSid": STREAM_SID, kind: body}).encode())


def understood(frame: bytes) -> None:
    """Parse; what comes of it can be worked with."""
    try:
        event = TWILIO.parse(frame)
    except RemoteProtocolError:
        return
    if isinstance(event, CallerAudio):
        assert base64.b64decode(event.payload, validate=True)
        assert event.stamp_ms is None or math.isfinite(float(event.stamp_ms))


@given(BASE64, st.integers(0, 10**12))
def test_caller_audio_comes_through_as_it_is(payload: str, stamp_ms: int) -> None:
    """
    Audio is passed on as text, whatever its length; its time is a number in a string.
    """
    frame = {"event": "media", "media": {"track": "inbound", "timestamp": str(stamp_ms), "payload": payload}}
    assert TWILIO.parse(json.dumps(frame).encode()) == CallerAudio(payload, stamp_ms)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key_is_known(digit: str) -> None:
    """
    A telephone has sixteen keys, of which most show twelve.
    """
    assert TWILIO.parse(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}).encode()) == DtmfPressed(digit)


def test_unknown_kinds_and_fields_are_ignored() -> None:
    """
    Twilio may add to its protocol without notice.
    """
    assert TWILIO.parse(b'{"event":"telepathy","thought":{}}') == FrameIgnored("telepathy")
    frame = b'{"event":"mark","streamSid":"MZ1","mark":{"name":"e0.1","mood":"good"},"weather":["rain"]}'
    assert TWILIO.parse(frame) == MarkEchoed("e0.1")


def test_a_start_without_parameters_brings_none() -> None:
    """
    Whoever dialled the socket without an answer of ours has no token.
    """
    event = TWILIO.parse(b'{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1"}}')
    assert event == StreamStarted("MZ1", "CA1", "", {})


@given(BASE64, st.text(max_size=40))
def test_what_is_sent_is_what_is_documented(payload: str, name: str) -> None:
    """
    Every outgoing frame has the fields of the documentation, and no other.
    """
    media, mark, clear = TWILIO.media("MZ1", payload), TWILIO.mark("MZ1", name), TWILIO.clear("MZ1")
    assert json.loads(media) == {"event": "media", "streamSid": "MZ1", "media": {"payload": payload}}
    assert json.loads(mark) == {"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}
    assert json.loads(clear) == {"event": "clear", "streamSid": "MZ1"}


@given(st.text(max_size=40))
def test_a_mark_comes_back_under_its_name(name: str) -> None:
    """
    Twilio returns the name unchanged, so it is read as it was written.
    """
    assert TWILIO.parse(TWILIO.mark("MZ1", name)) == MarkEchoed(name)
