"""From the start of the stream to the first word."""

import base64
from dataclasses import replace

import pytest

from gateway.call.commands import CloseModel, CloseStream, NoteEnded, SendMark
from gateway.call.events import ModelClosed
from gateway.protocol.events import SessionUpdated
from gateway.protocol.inputs import AppendAudio, ConfigureSession, CreateResponse
from gateway.protocol.session import PCMU
from gateway.providers.events import CallerAudio
from tests.call.phone import FRAME_MS
from tests.call.script import PLAN, SESSION_CREATED, SESSION_UPDATED, Script, opening, says, talking

GREETING = "Good morning, this is the bakery."


def caller_says(number: int, length_ms: int = FRAME_MS) -> CallerAudio:
    """A frame that can be told from others."""
    payload = base64.b64encode(number.to_bytes(2) * (length_ms * 4)).decode()
    return CallerAudio(payload, number * length_ms)


def number_of(payload: str) -> int:
    """Which frame it is."""
    return int.from_bytes(base64.b64decode(payload)[:2])


def test_a_call_begins_with_a_mark() -> None:
    """
    The way to the provider and back is measured before anything is said.
    """
    Script() << SendMark("e0.1") << None


def test_a_created_session_is_configured_for_the_phone() -> None:
    """
    The server is told to take and to give mu-law before it hears anything.
    """
    Script() << ... >> SESSION_CREATED << ConfigureSession(PLAN.session) << None
    audio = PLAN.session.to_wire()["audio"]
    assert isinstance(audio, dict)
    assert audio["input"]["format"] == audio["output"]["format"] == {"type": "audio/pcmu"}


def test_caller_audio_is_held_until_the_session_is_open() -> None:
    """
    Nothing is sent before the server has confirmed the format; then all of it, in order.
    """
    script = Script() << ... >> caller_says(0) >> SESSION_CREATED << ConfigureSession >> caller_says(1)
    assert not script.of(AppendAudio)
    script >> SESSION_UPDATED << AppendAudio(caller_says(0).payload) << AppendAudio(caller_says(1).payload) << None
    script >> caller_says(2) << AppendAudio(caller_says(2).payload) << None


@pytest.mark.parametrize("frame_ms", [20, 50])
def test_ten_seconds_are_held_at_most(frame_ms: int) -> None:
    """
    A server that is slow to open hears the last 10 s, however long the provider's frames are.
    """
    script = Script() << ...
    for number in range(600):
        script >> caller_says(number, frame_ms)
    script >> SESSION_UPDATED
    assert [number_of(audio.payload) for audio in script.of(AppendAudio)] == [*range(600)][-10_000 // frame_ms :]


@pytest.mark.parametrize("formats", [("audio/pcm", PCMU), (PCMU, "audio/pcm"), ("audio/pcma", "audio/pcma")])
def test_a_session_that_does_not_take_mu_law_ends_in_the_fallback(formats: tuple[str, str]) -> None:
    """
    Noise is worse than an apology.
    """
    script = Script() << ... >> SessionUpdated(*formats, interrupts=True, responds=True) << CloseModel << ...
    assert script.of(CloseStream) == [CloseStream(1000, "model_format")]
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_format")]


def test_a_line_with_a_greeting_greets_first() -> None:
    """
    The greeting is asked for before the server hears what was held, and says the session's instructions again.
    """
    script = Script(replace(PLAN, opening=opening(GREETING))) << ... >> caller_says(0) >> SESSION_UPDATED
    script << CreateResponse << AppendAudio << None
    (asked,) = script.of(CreateResponse)
    assert asked.instructions is not None
    assert GREETING in asked.instructions
    assert PLAN.session.instructions in asked.instructions


def test_a_line_without_a_greeting_waits_for_the_caller() -> None:
    """
    Nobody is asked to speak.
    """
    assert not talking().of(CreateResponse)


def test_a_session_opens_once() -> None:
    """
    A session that is updated again neither greets again nor leaves, whatever it says.
    """
    script = talking(replace(PLAN, opening=opening(GREETING))) >> SESSION_UPDATED << None
    script >> SessionUpdated("audio/pcm", "audio/pcm", interrupts=True, responds=True) << None
    assert script.result is None


def test_a_session_that_does_not_open_within_ten_seconds_ends_in_the_fallback() -> None:
    """
    A caller who hears nothing for 10 s is better served by the fallback.
    """
    script = Script() << ... >> 9_999 << None >> 1 << CloseModel << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_no_session")]


def test_a_session_that_never_opens_ends_in_the_fallback() -> None:
    """
    A model that cannot be reached is not waited for.
    """
    script = Script() << ... >> ModelClosed("model_unavailable") << CloseModel << ...
    assert script.of(NoteEnded) == [NoteEnded("fallback", "model_unavailable")]


def test_speech_before_the_session_is_open_is_not_played() -> None:
    """
    Nobody knows what format it has.
    """
    Script() << ... >> says("item_1", 150) << None
