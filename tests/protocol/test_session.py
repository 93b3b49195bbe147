"""Where a session is opened, and what it is opened with."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest

from gateway.errors import ConfigError
from gateway.protocol.session import SessionConfig, session_url
from tests.protocol.official_types import undeclared

BASE = "wss://api.openai.com/v1/realtime"


def test_a_session_is_opened_for_a_model_or_attached_to_a_call() -> None:
    """
    The address says which.
    """
    assert session_url(BASE, model="gpt-realtime") == f"{BASE}?model=gpt-realtime"
    assert session_url(BASE, call_id="rtc_1") == f"{BASE}?call_id=rtc_1"


@pytest.mark.parametrize("given", [{}, {"model": "gpt-realtime", "call_id": "rtc_1"}])
def test_a_model_and_a_call_exclude_each_other(given: dict[str, str]) -> None:
    """
    Both or neither is a mistake of ours, and the message names both.
    """
    with pytest.raises(ConfigError, match=r"model.*call_id") as caught:
        session_url(BASE, **given)
    assert all(value in str(caught.value) for value in given.values())


@given(st.text())
def test_any_name_survives_the_address(name: str) -> None:
    """
    Whatever a model is called, the server reads what was configured.
    """
    for key in ("model", "call_id"):
        url = session_url(BASE, **{key: name})
        assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {key: [name]}
        assert url.isascii()


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://host/v1/realtime", "wss://host/v1/realtime?model=m"),
        ("http://localhost:8080", "ws://localhost:8080?model=m"),
        ("ws://[::1]:8080/realtime", "ws://[::1]:8080/realtime?model=m"),
        ("wss://host/realtime?api-version=2&deployment=d", "wss://host/realtime?api-version=2&deployment=d&model=m"),
        ("wss://host/realtime?model=other&call_id=rtc_1", "wss://host/realtime?model=m"),
        ("wss://host/realtime#here", "wss://host/realtime?model=m"),
    ],
)
def test_the_rest_of_the_address_is_kept(base: str, url: str) -> None:
    """
    Other servers have paths, ports and queries of their own.
    """
    assert session_url(base, model="m") == url


@pytest.mark.parametrize("base", ["", "api.openai.com", "ftp://host/realtime", "wss://", "wss:/realtime", "//host"])
def test_an_address_that_cannot_be_dialled_is_ours_to_fix(base: str) -> None:
    """
    The message quotes it.
    """
    with pytest.raises(ConfigError) as caught:
        session_url(base, model="m")
    assert repr(base) in str(caught.value)


@pytest.mark.parametrize("transcription_model", [None, "whisper-1"])
def test_a_configuration_is_what_the_official_types_declare(transcription_model: str | None) -> None:
    """
    PCMU both ways, spoken answers, and no field that the server does not know.
    """
    config = SessionConfig("Be kind.", "cedar", {"type": "server_vad"}, transcription_model)
    session = RealtimeSessionCreateRequest.model_validate(config.to_wire(), strict=True)
    assert list(undeclared(session)) == []
    assert session.type == "realtime"
    assert session.output_modalities == ["audio"]
    assert session.instructions == "Be kind."
    assert session.audio is not None
    assert session.audio.input is not None
    assert session.audio.output is not None
    assert session.audio.output.voice == "cedar"
    formats = [session.audio.input.format, session.audio.output.format]
    assert [found.type for found in formats if found] == ["audio/pcmu", "audio/pcmu"]


EVERYTHING = SessionConfig(
    transcription_language="de",
    transcription_prompt="Cycles",
    noise_reduction="near_field",
    speed=1.5,
    max_output_tokens="inf",
    tool_choice="required",
    reasoning_effort="low",
    tracing={"workflow_name": "desk", "metadata": {"a": "b"}},
)


@pytest.mark.parametrize("attached", [False, True])
def test_every_setting_is_what_the_official_types_declare(attached: bool) -> None:
    """
    All of them at once.
    """
    wire = replace(EVERYTHING, attached=attached).to_wire()
    RealtimeSessionCreateRequest.model_validate(wire, strict=True)
    assert {"max_output_tokens", "tool_choice", "reasoning", "tracing"} <= wire.keys()


def test_a_setting_that_is_left_out_is_never_sent() -> None:
    """
    What the server would do by itself it does.
    """
    audio: Any = SessionConfig().to_wire()["audio"]
    assert SessionConfig().to_wire().keys() == {"type", "output_modalities", "instructions", "audio"}
    assert audio["input"]["transcription"].keys() == {"model"}
    assert audio["output"].keys() == {"format", "voice"}
