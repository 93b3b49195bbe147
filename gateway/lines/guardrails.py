r"""
What the agent of a line must not say.

    guardrails:
      - type: phrases
        phrases: [guaranteed return, I promise]
        say: I cannot promise anything on the phone.
      - type: patterns
        patterns: ['\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b']
      - type: python
        function: checks:no_door_codes
      - type: http
        url: https://moderation.example.com/check
        auth: {bearer: "${MODERATION_KEY}"}

They look at what the agent is about to be heard to say, while it says it, and hold for every agent of the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from gateway.lines.patterns import Pattern, found_in
from gateway.lines.python_names import PythonName
from gateway.lines.scalars import number_from
from gateway.lines.section import Fault, Section, faulty
from gateway.lines.texts import Text, id_of
from gateway.lines.tools.http_auth import Auth, Headers
from gateway.lines.tools.http_reach import HostRules, Networks
from gateway.lines.tools.http_url import Url

LOOKED_AT_CHARACTERS = 3_000
_NO_WORD = re.compile(r"[\W_]+")


class GuardrailBase(Section):
    """A check of any kind."""

    name: Annotated[str, id_of("guardrail")] | None = None
    """In logs and conversations, and told to the model: 1 to 64 of `a-z`, `0-9` and `-`; null is the type."""
    say: Text | None = None
    """Said in place of what was cut; null leaves the words to the agent."""

    @property
    def known_as(self) -> str:
        """What it is called."""
        return self.name or self.kind() or "guardrail"


def _check_some(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not texts:
        raise ValueError("is an empty list; write what must not be said")
    return texts


def words_of(text: str) -> str:
    """
    The words of a text and nothing else, so that they can be compared, with a space around each.

    >>> words_of("I *promise*, it's Ok!")
    ' i promise it s ok '
    """
    return f" {_NO_WORD.sub(' ', text.casefold()).strip()} "


class Phrases(GuardrailBase):
    """Words that must not be said."""

    type: Literal["phrases"] = "phrases"
    """Selects this kind."""
    phrases: Annotated[tuple[Text, ...], AfterValidator(_check_some)]
    """Words in their order, whatever their case and whatever is between them."""

    def trips(self, text: str) -> bool:
        """Whether *text* has one of them in it."""
        words = words_of(text)
        return any(words_of(phrase) in words for phrase in self.phrases)


class Patterns(GuardrailBase):
    """What must not be said, as regular expressions."""

    type: Literal["patterns"] = "patterns"
    """Selects this kind."""
    patterns: Annotated[tuple[Pattern, ...], AfterValidator(_check_some)]
    """Found anywhere, in upper and lower case; those that could take long are refused."""

    def trips(self, text: str) -> bool:
        """Whether one of them is found; of a long text the end, since it is looked at while it grows."""
        return any(found_in(pattern, text[-LOOKED_AT_CHARACTERS:]) for pattern in self.patterns)


class PythonCheck(GuardrailBase):
    """A function that is asked."""

    type: Literal["python"] = "python"
    """Selects this kind."""
    function: PythonName
    """The function, as `module:name`: given what an item says so far, it tells whether that must not be said."""


class HttpCheck(GuardrailBase):
    """A service that is asked."""

    type: Literal["http"] = "http"
    """Selects this kind."""
    url: Url
    """Gets `text`, `line` and `call_sid` as JSON, by POST; `{"tripped": true}` says that it must not be said."""
    headers: Headers = Field(default_factory=dict)
    """Sent along."""
    auth: Auth | None = None
    """How the service is told who asks."""
    timeout_s: Annotated[float, number_from(0.1, 10)] = 2
    """What has not been answered by then passes, in s."""
    allow_hosts: HostRules = ()
    """Hosts that it may be led to, besides the one in `url`; `*.example.com` is all below it."""
    allow_private: Networks = ()
    """Networks that are not public and that it may reach."""


Guardrail: TypeAlias = Annotated[Phrases | Patterns | PythonCheck | HttpCheck, Field(discriminator="type")]
"""Told apart by `type`."""


def _check_names_differ(guardrails: tuple[Guardrail, ...]) -> tuple[Guardrail, ...]:
    if faults := [*_taken([guardrail.known_as for guardrail in guardrails])]:
        raise faulty("guardrails", faults)
    return guardrails


def _taken(names: list[str]) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"`{name}` is what an earlier guardrail is called; give this one a `name` of its own"
            yield Fault((index, "name"), name, message)


Guardrails: TypeAlias = Annotated[tuple[Guardrail, ...], AfterValidator(_check_names_differ)]
"""All of a line."""
