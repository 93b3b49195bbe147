"""Guardrails that files describe, at work."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.agents import CallContext
from gateway.lines.guardrails import Guardrails
from gateway.lines.places import Place
from gateway.lines.problems import LinesError
from gateway.lines.section import Section
from gateway.lines.validation import validated
from gateway.lines.yaml_source import read_source
from gateway.realtime.agent import RealtimeAgent
from gateway.realtime.guardrails import OutputGuardrail, first_tripped
from gateway.realtime.run_context import RunContextWrapper
from gateway.tools.guardrails import guardrail
from gateway.tools.http_client import HttpClient
from gateway.tools.secrets import Secrets
from gateway.tools.variables import Variables
from tests.tools.services import CALL, asking, saying, serving

AGENT = RealtimeAgent[CallContext](name="desk")


class Some(Section):
    """A part of a line file."""

    guardrails: Guardrails


def made(text: str, client: HttpClient | None = None, **environment: str) -> OutputGuardrail:
    """The only guardrail of a line, as a file says it."""
    file = Path("x.yaml")
    (spec,) = validated(Some, read_source(file, f"guardrails:\n  - {text}\n")).guardrails
    place = Place("desk", None, ("guardrails", 0))
    return guardrail(spec, place, client or HttpClient(), Secrets(environment), Variables())


async def tripped(check: OutputGuardrail, text: str) -> bool:
    """Whether an agent is cut off for what it says."""
    return await first_tripped([check], RunContextWrapper(CALL), AGENT, text) is not None


async def test_words_and_patterns_are_looked_for() -> None:
    """
    What is said instead goes along.
    """
    words = made("{type: phrases, phrases: [door code], say: Ask at the desk.}")
    assert (await tripped(words, "The door code is"), await tripped(words, "The door")) == (True, False)
    assert (words.get_name(), words.say) == ("phrases", "Ask at the desk.")
    digits = made(r"{type: patterns, name: codes, patterns: ['\b\d{4}\b']}")
    assert (await tripped(digits, "It is 1234."), await tripped(digits, "It is 12345.")) == (True, False)


@pytest.mark.parametrize("name", ["is_loud", "is_loud_later"])
async def test_a_function_is_asked(name: str) -> None:
    """
    With what is said, and nothing else; whatever counts as true trips.
    """
    check = made(f"{{type: python, function: 'tests.tools.test_guardrails:{name}'}}")
    assert (await tripped(check, "HELP!"), await tripped(check, "help")) == (True, False)


def is_loud(text: str) -> str | None:
    """Tell what is loud."""
    return text if text.isupper() else None


async def is_loud_later(text: str) -> bool:
    """Tell whether it is loud."""
    return text.isupper()


async def test_a_function_that_fails_lets_pass(caplog: pytest.LogCaptureFixture) -> None:
    """
    What is broken silences nobody; the log says so.
    """
    check = made("{type: python, function: 'tests.tools.test_guardrails:fails', name: broken}")
    assert not await tripped(check, "Hello.")
    assert "broken" in caplog.text


def fails(text: str) -> bool:
    """Fail."""
    raise LookupError(text)


def test_a_function_that_is_not_there_is_a_problem_of_the_line() -> None:
    """
    Found out before a phone rings, and told with its place.
    """
    with pytest.raises(LinesError) as caught:
        made("{type: python, function: 'tests.tools.test_guardrails:is_lout'}")
    assert "guardrails[0]" in str(caught.value)
    assert "is_loud" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "trips"),
    [({"tripped": True}, True), ({"tripped": False}, False), ({"tripped": "no"}, False), ([], False)],
)
async def test_a_service_is_asked(answer: Any, trips: bool) -> None:
    """
    It is shown the words and which call they belong to, and knows who asks.
    """
    async with serving(saying(answer)) as service, asking() as client:
        url = f"{{type: http, url: '{service.url}/check', auth: {{bearer: '${{KEY}}'}}, allow_private: 127.0.0.0/8}}"
        assert await tripped(made(url, client, KEY="hush"), "The door code is 1234.") is trips
        (asked,) = service.asked
    assert (asked.method, asked.target, asked.headers["Authorization"]) == ("POST", "/check", "Bearer hush")
    assert asked.json == {"text": "The door code is 1234.", "line": CALL.line, "call_sid": CALL.call_sid}


async def fails_to_answer(request: web.Request) -> web.StreamResponse:
    """Answer with a failure."""
    return web.Response(status=500)


async def test_a_service_that_does_not_answer_lets_pass() -> None:
    """
    As a function does that fails; and so does one that must not be asked.
    """
    async with serving(fails_to_answer) as service, asking() as client:
        check = made(f"{{type: http, url: '{service.url}/check', allow_private: 127.0.0.0/8}}", client)
        assert not await tripped(check, "The door code is 1234.")
        assert len(service.asked) == 1


async def test_a_service_inside_must_be_allowed() -> None:
    """
    It may not be one that nobody has named, whoever is asked about what.
    """
    with pytest.raises(LinesError) as caught:
        made("{type: http, url: 'http://127.0.0.1:9/check'}")
    assert "allow_private" in str(caught.value)
